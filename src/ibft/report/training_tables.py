"""This table of the report tells of each method what training did: held-out NLL, and verdicts on its terms."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ibft.config.sections import REFERENCE
from ibft.labels import Labels, in_order
from ibft.metrics.held_out import BySeed, compare_with, curve, final_nll
from ibft.paths import Variant
from ibft.statistics.paired import Paired
from ibft.tables.render import TextTable
from ibft.training.regimes import sentence, watched_steps

Tables = Mapping[Variant, pd.DataFrame]


def training_table(logs: Tables, held_out: Tables, labels: Labels) -> TextTable:
    """Show TRAINING_LOG and HELD_OUT by variant, a row per method; either may lack variants of the other."""
    rows = []
    for model, dataset, method in _methods(logs, labels):
        own = {v.seed: log for v, log in logs.items() if (v.model, v.dataset, v.method) == (model, dataset, method)}
        scored = _by_seed(held_out, model, dataset, method)
        reference = _by_seed(held_out, model, dataset, REFERENCE)
        rows.append(
            [
                labels.model(model),
                labels.dataset(dataset),
                labels.method(method),
                f"{len(own)}",
                f"{np.mean([curve(table).iloc[0] for table in scored.values()]):.3f}" if scored else "–",
                f"{final_nll(scored):.3f}" if scored else "–",
                _difference(compare_with(reference, scored)) if scored and method != REFERENCE else "–",
                _verdict(own),
            ]
        )
    return TextTable(
        "Trainings",
        "Held-out NLL: mean negative log-likelihood of examples that were never trained on, whole families at a time, "
        "in nats per response token, before (the base model) and after training; settings are to be chosen by it. "
        f"Against {labels.method(REFERENCE)}: paired by example and training seed; in brackets the 95% interval. "
        "Verdicts are on the bottleneck, over the last quarter of the steps, and docs/objective.md explains "
        "them: collapsed, z says nothing of h; inert, it does not move LoRA; fighting, it pulls LoRA against the "
        "cross-entropy; informative, it predicts better than token frequencies.",
        [
            ("Model", False),
            ("Fine-tuning data", False),
            ("Method", False),
            ("Seeds", True),
            ("Before", True),
            ("After", True),
            (f"Against {labels.method(REFERENCE)}", True),
            ("Verdict", False),
        ],
        rows,
    )


def _methods(logs: Tables, labels: Labels) -> list[tuple[str, str, str]]:
    order = {name: place for place, name in enumerate(in_order([v.method for v in logs], labels.methods))}
    return sorted({(v.model, v.dataset, v.method) for v in logs}, key=lambda found: (*found[:2], order[found[2]]))


def _by_seed(held_out: Tables, model: str, dataset: str, method: str) -> BySeed:
    return {
        v.seed: table for v, table in held_out.items() if (v.model, v.dataset, v.method) == (model, dataset, method)
    }


def _difference(paired: Paired | None) -> str:
    if paired is None:
        return "–"
    [mean], [low], [high], [p] = paired.mean_M, paired.low_M, paired.high_M, paired.p_M
    return f"{mean:+.3f} " + ("(cannot be decided)" if np.isnan(p) else f"[{low:+.3f}, {high:+.3f}], p = {p:.2g}")


def _verdict(logs: Mapping[int, pd.DataFrame]) -> str:
    """Return the verdict on the training, of several seeds each with its own."""
    told = [sentence(log) for log in logs.values() if len(watched_steps(log))]
    if len(told) > 1:
        return "; ".join(f"seed {seed}: {text}" for seed, text in zip(logs, told, strict=True))
    return told[0] if told else "–"

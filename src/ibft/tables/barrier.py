"""The estimands of the experiment with known membership, for readers: a sentence, and a row for each."""

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ibft.barrier.estimands import found
from ibft.config.sections import REFERENCE
from ibft.labels import Labels
from ibft.tables.render import escape_markdown, markdown_table

_NAMES = {
    "gap before": "Gap of the two bases before fine-tuning",
    "barrier": "**Barrier**: gap after FT, less the gap before",
}
_ON = {
    "exposed": "on the base that was shown the members",
    "control": "on its twin",
    "both": "specific: the difference",
}
Row = Mapping[Hashable, Any]

_COLUMNS = [("Measured on", False), ("Estimand", False), ("Nats per token", True), ("95% interval", True)]
_COLUMNS += [("p", True), ("p, corrected", True)]


def barrier_markdown(estimands: pd.DataFrame, labels: Labels, dataset: str) -> str:
    """Write ESTIMANDS as Markdown, headed by what was found.

    Args:
        dataset: members and others; arms on other data are named by it.
    """
    primary = estimands[estimands["primary"]].iloc[0].to_dict()
    rows = [_row(row, labels, dataset) for row in estimands.to_dict("records")]
    note = (
        "Differences of the negative log-likelihood of responses, paired by example and training seed. Above 0 is "
        "worse. The first barrier is the primary endpoint; all other p-values are corrected together (Holm)."
    )
    return f"{found(primary)}\n\n{note}\n\n{markdown_table(_COLUMNS, rows)}"


def _row(row: Row, labels: Labels, dataset: str) -> list[str]:
    interval = "cannot be decided" if np.isnan(row["low"]) else f"{row['low']:+.3f} to {row['high']:+.3f}"
    return [
        escape_markdown(labels.dataset(str(row["measured_on"]))),
        _name(row, labels, dataset),
        f"{row['estimate']:+.3f}",
        interval,
        _p(row["p_value"]),
        _p(row["p_holm"]),
    ]


def _name(row: Row, labels: Labels, dataset: str) -> str:
    if row["estimand"] in _NAMES:
        return _NAMES[str(row["estimand"])]
    arm = labels.method(str(row["arm_method"]))
    if row["arm_dataset"] != dataset:
        arm += f" ({labels.dataset(str(row['arm_dataset']))})"
    return f"{escape_markdown(arm)} − {escape_markdown(labels.method(REFERENCE))}, {_ON[str(row['base'])]}"


def _p(value: float) -> str:
    return "–" if pd.isna(value) else "< 0.001" if value < 0.001 else f"{value:.3f}"

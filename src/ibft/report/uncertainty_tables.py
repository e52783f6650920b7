"""These tables of the report tell where the variance comes from, and what overlap with the training data does."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from ibft.config.sections import Metrics
from ibft.labels import Labels, headline_grid, in_order, raised
from ibft.metrics.cells import CELL, Cell, cells
from ibft.metrics.variance_components import variance_components
from ibft.statistics.crossed import crossed_interval
from ibft.tables.render import TextTable

_PLACE = [("Dataset", False), ("Model", False), ("Benchmark", False), ("Method", False), ("T", True)]


def variance_table(pass_counts: pd.DataFrame, labels: Labels) -> TextTable:
    """Show the variance components of Pass@1 of every cell of PASS_COUNTS, as standard deviations."""
    rows = []
    for cell in _in_order(pass_counts, labels):
        found = variance_components(cell)
        if found is None:
            continue
        shares = found.of_the_mean(len(cell.task_ids), len(cell.seeds), cell.trials)
        total = sum(shares.values())
        rows.append(
            [
                *_place(cell, labels),
                *(_points(part) for part in (found.problem, found.seed, found.pair, found.trial)),
                *("–" if not total else f"{share / total:.0%}" for share in shares.values()),
            ]
        )
    return TextTable(
        "Where the variance of Pass@1 comes from",
        "Standard deviations in percentage points: between problems, between training seeds, of seeds on single "
        "problems, and between trials of one model on one problem. Then the share of each in the variance of the mean, "
        "which more problems, seeds or trials would lower. –: with one training seed, what another training would have "
        "changed cannot be seen, and is in none of the numbers.",
        [
            *_PLACE,
            ("Problem", True),
            ("Seed", True),
            ("Problem × seed", True),
            ("Trial", True),
            ("of the mean: problem", True),
            ("seed", True),
            ("problem × seed", True),
            ("trial", True),
        ],
        rows,
    )


def stratum_table(
    pass_counts: pd.DataFrame,
    overlapping: Mapping[tuple[str, str], set[str]],
    settings: Metrics,
    labels: Labels,
    dropped: bool,
) -> TextTable:
    """Show Pass@k of the problems that overlap with the fine-tuning data, and of the others.

    Args:
        overlapping: task_ids by (dataset, benchmark); other places are left out.
        dropped: whether the overlapping examples were left out of training.
    """
    rows = []
    for cell in _in_order(pass_counts, labels):
        dataset, benchmark = (cell.key[CELL.index(name)] for name in ("dataset", "benchmark"))
        if (dataset, benchmark) not in overlapping:
            continue
        found = np.array([task_id in overlapping[dataset, benchmark] for task_id in cell.task_ids])
        for k, m in headline_grid(settings):
            if m == 1:
                parts = [_estimate(cell, at, k, settings) for at in (found, ~found)]
                rows.append([*_place(cell, labels), raised(k, m), *(text for part in parts for text in part)])
    fate = (
        "The overlapping examples were left out of training, so that a difference is one between problems."
        if dropped
        else "The overlapping examples were trained on."
    )
    return TextTable(
        "Pass@k by overlap with the fine-tuning data",
        "In percent, with 95% intervals. Overlapping: problems that some example overlaps with above the thresholds, "
        f"and more than with any other problem. {fate} The base model was trained on neither: a gap that it has, too, "
        "comes from the problems.",
        [
            *_PLACE,
            ("Metric", False),
            ("Problems", True),
            ("Overlapping", True),
            ("Problems", True),
            ("The others", True),
        ],
        rows,
    )


def _estimate(cell: Cell, at: "np.ndarray[tuple[int], np.dtype[np.bool_]]", k: int, settings: Metrics) -> list[str]:
    """Print how many problems there are at these places, and their Pass@k with its interval."""
    count = int(at.sum())
    if not count:
        return ["0", "–"]
    part = replace(cell, n_PST=cell.n_PST[at], c_PST=cell.c_PST[at])
    scores_PS1 = part.scores(k, 1)[..., None]
    low, high = crossed_interval(scores_PS1, settings.bootstrap)
    return [f"{count}", f"{100 * scores_PS1.mean():.1f} [{100 * low[0]:.1f}, {100 * high[0]:.1f}]"]


def _in_order(pass_counts: pd.DataFrame, labels: Labels) -> list[Cell]:
    methods = in_order(list(pass_counts["method"]), labels.methods)
    at = {name: CELL.index(name) for name in CELL}

    def rank(cell: Cell) -> tuple[object, ...]:
        place = tuple(str(cell.key[at[name]]) for name in ("dataset", "model", "benchmark"))
        return (*place, cell.key[at["temperature"]], methods.index(cell.method))

    return sorted(cells(pass_counts), key=rank)


def _place(cell: Cell, labels: Labels) -> list[str]:
    model, dataset, method, benchmark, temperature = cell.key
    names = [labels.dataset(dataset), labels.model(model), labels.benchmark(benchmark), labels.method(method)]
    return [*names, f"{temperature:g}"]


def _points(variance: float | None) -> str:
    return "–" if variance is None else f"{100 * np.sqrt(variance):.1f}"

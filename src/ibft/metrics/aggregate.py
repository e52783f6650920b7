"""Verdicts are counted into passes per problem, and these are aggregated into Pass@k^(m) of a method.

The estimate is the mean over runs and problems, the spread is over runs, and the interval is over problems.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ibft.config.sections import Metrics
from ibft.metrics.intervals import Floats, bootstrap_interval
from ibft.metrics.pass_at_k import pass_at_k_m_array
from ibft.metrics.runs import describe
from ibft.paths import Run
from ibft.runtime.errors import UserError
from ibft.store.schemas import METRICS, PASS_COUNTS

CELL = ["model", "dataset", "method", "benchmark", "temperature"]
COUNTED_COLUMNS = ["task_id", "sample", "passed", "official_passed"]  # of VERDICTS


@dataclass(frozen=True)
class Cell:
    """A cell holds the pass counts of one method on one benchmark at one temperature: R runs of P problems."""

    key: tuple[Any, ...]  # the values of CELL
    task_ids: list[str]
    excluded: str  # as in PASS_COUNTS
    n_RP: npt.NDArray[np.int64]
    c_RP: npt.NDArray[np.int64]
    official: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]  # n and c by the upstream rule, of all problems

    def official_estimate(self, k: int, m: int) -> float:
        """Estimate Pass@k^(m) by the rule of the upstream harness, over all its problems."""
        return float(pass_at_k_m_array(*self.official, k, m).mean())

    def scores(self, k: int, m: int) -> Floats:
        """Estimate Pass@k^(m) of each problem in each run: [R, P]."""
        return pass_at_k_m_array(self.n_RP.ravel(), self.c_RP.ravel(), k, m).reshape(self.n_RP.shape)


def count_passes(verdicts: pd.DataFrame, run: Run, excluded: Collection[str] = ()) -> pd.DataFrame:
    """Count the VERDICTS of one run (its COUNTED_COLUMNS) into PASS_COUNTS: one row per problem, in their order.

    Args:
        excluded: task_ids that this machine cannot judge, and that therefore count for nobody. Their rows say so, and
            only the metrics by the upstream harness's rule look at them.

    Raises:
        UserError: no problem is left.
    """
    if verdicts["task_id"].isin(list(excluded)).all():
        raise UserError(f"no judged problem is left for {describe(run)}: see which problems were excluded and why")
    counts = verdicts.groupby("task_id", sort=False).agg(
        n=("sample", "size"), c=("passed", "sum"), official_c=("official_passed", "sum")
    )
    of_run = {**run._asdict(), "excluded": ", ".join(sorted(excluded))}
    rows = counts.reset_index().assign(**of_run)
    rows["judged"] = ~rows["task_id"].isin(list(excluded))
    return pd.DataFrame(rows, columns=PASS_COUNTS.schema.names)


def judged(pass_counts: pd.DataFrame) -> pd.DataFrame:
    """Keep the rows of PASS_COUNTS that count: those of problems that this machine can judge."""
    return pass_counts[pass_counts["judged"]]


def compute_metrics(pass_counts: pd.DataFrame, settings: Metrics) -> pd.DataFrame:
    """Compute METRICS: every m from 1 to k, for each configured k of Pass@k and for the k of Pass@k^(m).

    `estimate` is the mean over problems, trials and training seeds. `std` is that of the runs' means, with ddof = 1:
    how much a repetition of training and sampling moves the result. `low` and `high` bound the estimate over
    problems. They answer different questions and are not to be mixed.

    Raises:
        UserError: a k exceeds the judged samples of some problem, or the runs of a method differ in their problems.
    """
    rows = [row for cell in cells(pass_counts) for row in _rows(cell, settings)]
    return pd.DataFrame(rows, columns=METRICS.schema.names)


def cells(pass_counts: pd.DataFrame) -> Iterator[Cell]:
    """Split PASS_COUNTS by CELL, in sorted order.

    Raises:
        UserError: the runs of one cell do not have the same problems.
    """
    for key, rows in pass_counts.groupby(CELL, sort=True):
        wide = judged(rows).pivot(index=["seed", "trial"], columns="task_id", values=["n", "c"])
        if wide.isna().to_numpy().any():
            raise UserError(
                f"the runs of {'/'.join(map(str, key))} do not all have the same problems: "
                "delete their pass counts and rerun Snakemake, which rebuilds them"
            )
        n_RP, c_RP = (wide[name].to_numpy(np.int64) for name in ("n", "c"))
        official = rows["n"].to_numpy(np.int64), rows["official_c"].to_numpy(np.int64)
        yield Cell(key, list(wide["n"].columns), rows["excluded"].iloc[0], n_RP, c_RP, official)


def check_k(cell: Cell, settings: Metrics) -> None:
    """Raise `UserError` where a configured k needs more samples than some problem of `cell` has."""
    fewest = int(cell.n_RP.min())
    largest = max(*settings.k, settings.pass_at_k_m.k)
    if largest > fewest:
        task_id = cell.task_ids[int(cell.n_RP.min(axis=0).argmin())]
        raise UserError(
            f"metrics: k = {largest} needs at least as many judged samples per problem, but problem {task_id} of "
            f"{'/'.join(map(str, cell.key))} has {fewest}: lower metrics.k and "
            "metrics.pass_at_k_m.k or raise sampling.n"
        )


def _rows(cell: Cell, settings: Metrics) -> Iterator[dict[str, Any]]:
    check_k(cell, settings)
    grid = [(k, m) for k in sorted({*settings.k, settings.pass_at_k_m.k}) for m in range(1, k + 1)]
    scores_GRP = np.stack([cell.scores(k, m) for k, m in grid])
    low_G, high_G = bootstrap_interval(scores_GRP.mean(axis=1).T, settings.bootstrap)
    means_GR = scores_GRP.mean(axis=2)
    runs, problems = cell.n_RP.shape
    for g, (k, m) in enumerate(grid):
        yield {
            **dict(zip(CELL, cell.key, strict=True)),
            "k": k,
            "m": m,
            "estimate": float(means_GR[g].mean()),
            "std": float(means_GR[g].std(ddof=1)) if runs > 1 else None,
            "low": float(low_G[g]),
            "high": float(high_G[g]),
            "runs": runs,
            "problems": problems,
            "n": int(cell.n_RP.min()),
            "official_estimate": cell.official_estimate(k, m),
            "excluded": cell.excluded,
        }

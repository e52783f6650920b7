"""Verdicts are counted into passes per problem, and these are aggregated into Pass@k^(m) of a method.

The estimate is the mean over problems and training seeds; standard error and interval tell how far another set of such
problems, and of trainings where there are several, could move it.
"""

from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from ibft.config.sections import Metrics
from ibft.metrics.cells import CELL, Cell, cells, check_k
from ibft.metrics.leading import leaders
from ibft.metrics.pass_at_k import pass_at_k_m_array
from ibft.metrics.runs import describe
from ibft.paths import Run
from ibft.runtime.errors import UserError
from ibft.statistics.crossed import crossed_interval, standard_error
from ibft.store.schemas import METRICS, PASS_COUNTS

COUNTED_COLUMNS = ["task_id", "sample", "passed", "official_passed"]  # of VERDICTS


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


def as_numbers(metrics: pd.DataFrame) -> dict[str, float]:
    """Return the estimates of METRICS, and the ends of their intervals, by names that trackers group by their parts."""
    found: dict[str, float] = {}
    for row in metrics.to_dict("records"):
        metric = f"Pass@{row['k']}" if row["m"] == 1 else f"Pass@{row['k']}^({row['m']})"
        places = (*(row[name] for name in CELL if name != "temperature"), f"T{row['temperature']:g}", metric)
        name = "/".join(map(str, places))
        found |= {name: row["estimate"], f"{name}/low": row["low"], f"{name}/high": row["high"]}
    return found


def compute_metrics(pass_counts: pd.DataFrame, settings: Metrics, swept: Collection[str] = ()) -> pd.DataFrame:
    """Compute METRICS: every m from 1 to k, for each configured k of Pass@k and for the k of Pass@k^(m).

    Args:
        swept: methods that are points of sweeps: they lead no column.

    Raises:
        UserError: a k exceeds the judged samples of some problem, or the runs of a method differ in their problems.
    """
    every = list(cells(pass_counts))
    leading = leaders(every, settings, swept)
    rows = [row for cell in every for row in _rows(cell, settings, leading)]
    return pd.DataFrame(rows, columns=METRICS.schema.names)


def _rows(cell: Cell, settings: Metrics, leading: set[tuple[Any, ...]]) -> Iterator[dict[str, Any]]:
    check_k(cell, settings)
    grid = [(k, m) for k in sorted({*settings.k, settings.pass_at_k_m.k}) for m in range(1, k + 1)]
    scores_PSG = np.stack([cell.scores(k, m) for k, m in grid], axis=2)
    low_G, high_G = crossed_interval(scores_PSG, settings.bootstrap)
    mean_G, error_G = scores_PSG.mean(axis=(0, 1)), standard_error(scores_PSG)
    problems, seeds, _ = scores_PSG.shape
    for g, (k, m) in enumerate(grid):
        yield {
            **dict(zip(CELL, cell.key, strict=True)),
            "k": k,
            "m": m,
            "estimate": float(mean_G[g]),
            "standard_error": float(error_G[g]) or None,
            "low": float(low_G[g]),
            "high": float(high_G[g]),
            "leads": (*cell.key, k, m) in leading,
            "trial_std": trial_std(cell, k, m),
            "seeds": seeds,
            "trials": cell.trials,
            "problems": problems,
            "n": int(cell.samples.min()),
            "official_estimate": cell.official_estimate(k, m),
            "excluded": cell.excluded,
        }


def trial_std(cell: Cell, k: int, m: int) -> float | None:
    """Estimate the standard deviation of the estimate that a single trial of one seed gives, sampling anew.

    The problems and the models stay the same: each problem passes at the rate at which its samples did, and a quarter
    of a pass and a quarter of a failure more. Rates of 0 and 1 vary as well, which a few samples do not show.

    Returns:
        None where one trial has fewer than k samples.
    """
    n = int(cell.n_PST[cell.n_PST > 0].min())
    if k > n:
        return None
    possible = np.arange(n + 1)
    score_C = pass_at_k_m_array(np.full(n + 1, n), possible, k, m)
    rate_PS = (cell.passes + 0.25) / (cell.samples + 0.5)
    chance_PSC = stats.binom.pmf(possible, n, rate_PS[..., None])
    variance_PS = chance_PSC @ score_C**2 - (chance_PSC @ score_C) ** 2
    return float(np.sqrt(np.maximum(variance_PS, 0.0).sum(axis=0).mean())) / len(cell.task_ids)

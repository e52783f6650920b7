"""Paired tests tell whether a method is better than the reference, and whether a metric moved between two runs.

One comparison, the primary endpoint, may be declared in the configuration before the run (`metrics.primary`): its
p-value stands as it is. All others are corrected together, so that among them any false alarm has a chance of 5%.
"""

from collections.abc import Collection, Iterator
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pandas as pd

from ibft.config.sections import Metrics, Primary
from ibft.labels import headline_grid, plain
from ibft.metrics.cells import CELL, Cell, cells, check_k
from ibft.metrics.differences import paired_differences
from ibft.runtime.errors import UserError
from ibft.statistics.holm import holm
from ibft.statistics.paired import LEVEL
from ibft.store.schemas import COMPARISONS

MOVEMENTS = [
    *CELL, "metric", "k", "m", "seeds", "problems", "discordant",
    "before", "after", "difference", "low", "high", "p_value", "p_holm", "moved",
]  # fmt: skip


def compare_methods(
    pass_counts: pd.DataFrame, settings: Metrics, reference: str, swept: Collection[str] = ()
) -> pd.DataFrame:
    """Compute COMPARISONS of every method with `reference`, for each metric of the headline table.

    The difference is positive where the method is better. `p_holm` is adjusted (Holm 1979) over all comparisons but the
    primary endpoint, whose p-value stands as it is. The methods in `swept`, the points of sweeps, are a family of their
    own, so that exploring more of them does not change what is said of the others.

    Where the reference was not run, nothing is compared.

    Raises:
        UserError: as `compute_metrics`, or the two methods were not judged on the same problems.
    """
    families: dict[tuple[Any, ...], list[Cell]] = {}
    for cell in cells(pass_counts):
        model, dataset, _, *place = cell.key
        families.setdefault((model, dataset, *place), []).append(cell)
    rows: list[dict[str, Any]] = []
    for family in families.values():
        baseline = next((cell for cell in family if cell.method == reference), None)
        if baseline is not None:
            rows += [row for cell in family if cell is not baseline for row in _comparisons(cell, baseline, settings)]
    compared = pd.DataFrame(
        rows, columns=[name for name in COMPARISONS.schema.names if name not in ("p_holm", "primary")]
    )
    compared["primary"] = _is_primary(compared, settings.primary)
    p_values = compared["p_value"].astype(np.float64)
    same_family = [compared["method"].isin(swept), compared["primary"]]
    compared["p_holm"] = p_values.groupby(same_family).transform(lambda p: holm(p.to_numpy()))
    return pd.DataFrame(compared, columns=COMPARISONS.schema.names)


def compare_runs(before: list[Cell], after: list[Cell], settings: Metrics) -> pd.DataFrame:
    """Compute MOVEMENTS: a row per cell of both runs and metric of the headline table, the surest movements first.

    The problems that both runs judged are compared. `moved` says whether the p-value stays below `LEVEL` after Holm's
    correction over all rows. Metrics that need more samples than a run has are left out.

    Raises:
        UserError: the runs have nothing in common, or no training seed of some variant.
    """
    by_key = {cell.key: cell for cell in after}
    pairs = [(cell, by_key[cell.key]) for cell in before if cell.key in by_key]
    rows = [row for first, second in pairs for row in _movements(*_on_shared_problems(first, second), settings)]
    if not rows:
        raise UserError("the two runs have no variant, benchmark, temperature and problem in common")
    compared = pd.DataFrame(rows, columns=[name for name in MOVEMENTS if name not in ("p_holm", "moved")])
    compared["p_holm"] = holm(compared["p_value"].to_numpy(np.float64))
    compared["moved"] = compared["p_holm"] < LEVEL
    surest_first = compared.sort_values(["p_holm", "p_value"], kind="stable", ignore_index=True)
    return pd.DataFrame(surest_first, columns=MOVEMENTS)


def _is_primary(compared: pd.DataFrame, primary: Primary | None) -> "pd.Series[bool]":
    """Mark the row of the primary endpoint; none, where it is not among those that are compared."""
    if primary is None or compared.empty:
        return pd.Series(data=False, index=compared.index, dtype=bool)
    named = primary.model_dump(exclude={"temperature"})
    there = pd.Series(np.logical_and.reduce([compared[name] == value for name, value in named.items()]), compared.index)
    temperature = primary.temperature
    if temperature is None:
        temperature = compared.loc[there, "temperature"].min()
    return there & (compared["temperature"] == temperature)


def _comparisons(cell: Cell, reference: Cell, settings: Metrics) -> Iterator[dict[str, Any]]:
    for each in (cell, reference):
        check_k(each, settings)
    of_cell = {
        **dict(zip(CELL, cell.key, strict=True)),
        "reference": reference.method,
        "excluded": cell.excluded,
    }
    for difference in paired_differences(reference, cell, headline_grid(settings)):
        yield {**of_cell, **asdict(difference)}


def _movements(before: Cell, after: Cell, settings: Metrics) -> Iterator[dict[str, Any]]:
    if not before.task_ids:
        return
    fewest = int(min(before.samples.min(), after.samples.min()))
    grid = [(k, m) for k, m in headline_grid(settings) if k <= fewest]
    if not grid:
        return
    for difference in paired_differences(before, after, grid):
        of_cell = dict(zip(CELL, before.key, strict=True))
        yield {**of_cell, "metric": plain(difference.k, difference.m), **asdict(difference)}


def _on_shared_problems(first: Cell, second: Cell) -> tuple[Cell, Cell]:
    shared = sorted(set(first.task_ids) & set(second.task_ids))

    def restricted(cell: Cell) -> Cell:
        places = [cell.task_ids.index(task_id) for task_id in shared]
        return replace(cell, task_ids=shared, n_PST=cell.n_PST[places], c_PST=cell.c_PST[places])

    return restricted(first), restricted(second)

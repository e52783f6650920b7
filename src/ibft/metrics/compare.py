"""Paired tests tell whether a method is better than the reference, and whether a metric moved between two runs.

Both cells of a pair were tested on the same problems, so the differences per problem are what is tested. Under the null
hypothesis the two are exchangeable on every problem, so each difference could as well have had the other sign: the
p-value is the share of all sign patterns whose mean difference is at least as large as the observed one.
"""

from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from ibft.config.sections import Metrics
from ibft.labels import Grid, headline_grid, plain
from ibft.metrics.aggregate import CELL, Cell, cells, check_k
from ibft.metrics.intervals import Floats, bootstrap_interval
from ibft.runtime.errors import UserError
from ibft.store.schemas import COMPARISONS

LEVEL = 0.05
MOVEMENTS = [
    *CELL, "metric", "k", "m", "problems", "before", "after", "difference", "low", "high", "p_value", "p_holm", "moved",
]  # fmt: skip
_PERMUTATIONS = 10_000  # beyond 13 differing problems, where all 2^13 sign patterns are no longer tried
_EXACT_UP_TO = 13
_ROUNDING = 1e-12  # equal means may differ in their last bits, as sums depend on the order of their terms


@dataclass(frozen=True)
class Difference:
    """One metric of `after` exceeds that of `before` by so much, problem by problem.

    Attributes:
        difference: mean over problems, in [-1, 1].
        low, high: its 95% bootstrap interval over problems.
        p_value: of the two-sided sign-flip permutation test.
        effect_size: Cohen's d of the paired differences (mean / standard deviation over problems, ddof = 1); None
            where the differences do not vary.
    """

    k: int
    m: int
    before: float
    after: float
    difference: float
    low: float
    high: float
    p_value: float
    effect_size: float | None


def paired_differences(before: Cell, after: Cell, grid: Grid, resamples: int) -> Iterator[Difference]:
    """Compare two cells of the same problems on each (k, m) of `grid`."""
    before_PG, after_PG = (
        np.stack([cell.scores(*pair).mean(axis=0) for pair in grid], axis=1) for cell in (before, after)
    )
    differences_PG = after_PG - before_PG
    low_G, high_G = bootstrap_interval(differences_PG, resamples, bounds=(-1.0, 1.0))
    p_G = sign_flip_p_values(differences_PG)
    for g, (k, m) in enumerate(grid):
        yield Difference(
            k=k,
            m=m,
            before=float(before_PG[:, g].mean()),
            after=float(after_PG[:, g].mean()),
            difference=float(differences_PG[:, g].mean()),
            low=float(low_G[g]),
            high=float(high_G[g]),
            p_value=float(p_G[g]),
            effect_size=_cohens_d(differences_PG[:, g]),
        )


def compare_methods(
    pass_counts: pd.DataFrame, settings: Metrics, reference: str, swept: Collection[str] = ()
) -> pd.DataFrame:
    """Compute COMPARISONS of every method with `reference`, for each metric of the headline table.

    The difference is positive where the method is better. `p_holm` is adjusted (Holm 1979) over the methods that are
    compared on the same model, dataset, benchmark, temperature and metric; the methods in `swept`, the points of
    sweeps, are a family of their own, so that exploring more of them does not change what is said of the others.

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
        baseline = next((cell for cell in family if _method(cell) == reference), None)
        if baseline is not None:
            rows += [row for cell in family if cell is not baseline for row in _comparisons(cell, baseline, settings)]
    compared = pd.DataFrame(rows, columns=[name for name in COMPARISONS.schema.names if name != "p_holm"])
    same_question = [
        compared["method"].isin(swept),
        *(compared[name] for name in (*CELL, "k", "m") if name != "method"),
    ]
    compared["p_holm"] = compared.groupby(same_question)["p_value"].transform(lambda p: holm(p.to_numpy()))
    return pd.DataFrame(compared, columns=COMPARISONS.schema.names)


def compare_runs(before: list[Cell], after: list[Cell], settings: Metrics) -> pd.DataFrame:
    """Compute MOVEMENTS: a row per cell of both runs and metric of the headline table, the surest movements first.

    The problems that both runs judged are compared. `moved` says whether the p-value stays below `LEVEL` after Holm's
    correction over all rows. Metrics that need more samples than a run has are left out.

    Raises:
        UserError: the runs have nothing in common.
    """
    by_key = {cell.key: cell for cell in after}
    pairs = [(cell, by_key[cell.key]) for cell in before if cell.key in by_key]
    rows = [row for first, second in pairs for row in _movements(*_on_shared_problems(first, second), settings)]
    if not rows:
        raise UserError("the two runs have no variant, benchmark, temperature and problem in common")
    compared = pd.DataFrame(rows, columns=[name for name in MOVEMENTS if name not in ("p_holm", "moved")])
    compared["p_holm"] = holm(compared["p_value"].to_numpy())
    compared["moved"] = compared["p_holm"] < LEVEL
    surest_first = compared.sort_values(["p_holm", "p_value"], kind="stable", ignore_index=True)
    return pd.DataFrame(surest_first, columns=MOVEMENTS)


def sign_flip_p_values(differences_PM: Floats) -> Floats:
    """Compute the two-sided p-value of each column's mean, by flipping the signs of whole rows (problems).

    All sign patterns are tried where at most 13 problems differ at all, else 10,000 random ones and the observed
    one, which keeps the p-value valid (Phipson & Smyth 2010). The random patterns are the same in every call.
    """
    differing = differences_PM[(differences_PM != 0).any(axis=1)]
    problems = len(differing)
    observed_M = np.abs(differing.sum(axis=0)) - _ROUNDING
    if problems <= _EXACT_UP_TO:
        signs = np.array(list(product((-1.0, 1.0), repeat=problems)))
        shares: Floats = np.mean(np.abs(signs @ differing) >= observed_M, axis=0)
        return shares
    signs = np.random.default_rng(problems).choice((-1.0, 1.0), size=(_PERMUTATIONS, problems))
    as_large_M = np.sum(np.abs(signs @ differing) >= observed_M, axis=0)
    p_values: Floats = (as_large_M + 1) / (_PERMUTATIONS + 1)
    return p_values


def holm(p_values: Floats) -> Floats:
    """Adjust p-values so that the chance of any false rejection among them stays below the level (Holm 1979)."""
    order = np.argsort(p_values, kind="stable")
    factors = np.arange(len(p_values), 0, -1)
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.minimum(np.maximum.accumulate(factors * p_values[order]), 1.0)
    return adjusted


def _comparisons(cell: Cell, reference: Cell, settings: Metrics) -> Iterator[dict[str, Any]]:
    for each in (cell, reference):
        check_k(each, settings)
    if cell.task_ids != reference.task_ids:
        raise UserError(
            f"{'/'.join(map(str, cell.key))} and its reference {_method(reference)} were not judged on the same "
            "problems: delete their pass counts and rerun Snakemake, which rebuilds them"
        )
    of_cell = {
        **dict(zip(CELL, cell.key, strict=True)),
        "reference": _method(reference),
        "excluded": cell.excluded,
    }
    for difference in paired_differences(reference, cell, headline_grid(settings), settings.bootstrap):
        yield {**of_cell, **asdict(difference)}


def _movements(before: Cell, after: Cell, settings: Metrics) -> Iterator[dict[str, Any]]:
    if not before.task_ids:
        return
    fewest = int(min(before.n_RP.min(), after.n_RP.min()))
    grid = [(k, m) for k, m in headline_grid(settings) if k <= fewest]
    if not grid:
        return
    of_cell = {**dict(zip(CELL, before.key, strict=True)), "problems": len(before.task_ids)}
    for difference in paired_differences(before, after, grid, settings.bootstrap):
        yield {**of_cell, "metric": plain(difference.k, difference.m), **asdict(difference)}


def _on_shared_problems(first: Cell, second: Cell) -> tuple[Cell, Cell]:
    shared = sorted(set(first.task_ids) & set(second.task_ids))

    def restricted(cell: Cell) -> Cell:
        places = [cell.task_ids.index(task_id) for task_id in shared]
        return replace(cell, task_ids=shared, n_RP=cell.n_RP[:, places], c_RP=cell.c_RP[:, places])

    return restricted(first), restricted(second)


def _cohens_d(differences_P: Floats) -> float | None:
    spread = float(differences_P.std(ddof=1)) if len(differences_P) > 1 else 0.0
    return float(differences_P.mean()) / spread if spread > _ROUNDING else None


def _method(cell: Cell) -> str:
    return str(cell.key[CELL.index("method")])

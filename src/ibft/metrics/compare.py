"""Is a method better than the reference method, or were the problems and the draws kind to it?

Both methods were tested on the same problems, so the differences per problem are what is tested. Under the null
hypothesis the two methods are exchangeable on every problem, so each difference could as well have had the other
sign: the p-value is the share of all sign patterns whose mean difference is at least as large as the observed one.
"""

from collections.abc import Collection, Iterator
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from ibft.config.metrics import Metrics
from ibft.labels import headline_grid
from ibft.metrics.aggregate import CELL, Cell, cells, check_k
from ibft.metrics.intervals import Floats, bootstrap_interval
from ibft.runtime.errors import UserError
from ibft.store.schemas import COMPARISONS

_PERMUTATIONS = 10_000  # beyond 13 differing problems, where all 2^13 sign patterns are no longer tried
_EXACT_UP_TO = 13
_ROUNDING = 1e-12  # equal means may differ in their last bits, as sums depend on the order of their terms


def compare(pass_counts: pd.DataFrame, settings: Metrics, reference: str, swept: Collection[str] = ()) -> pd.DataFrame:
    """COMPARISONS of every method with `reference`, for each Pass@k and Pass@k^(m) of the headline table.

    `difference` is in [-1, 1] and positive where the method is better; `low` and `high` are its 95% bootstrap
    interval over problems. `p_holm` is adjusted (Holm 1979) over the methods that are compared on the same model,
    dataset, benchmark, temperature and metric; the methods in `swept`, the points of sweeps, are a family of their
    own, so that exploring more of them does not change what is said of the others. `effect_size` is Cohen's d of the
    paired differences (mean / standard deviation over problems, ddof = 1), null where the differences do not vary.

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
            rows += [row for cell in family if cell is not baseline for row in _rows(cell, baseline, settings)]
    compared = pd.DataFrame(rows, columns=[name for name in COMPARISONS.schema.names if name != "p_holm"])
    same_question = [
        compared["method"].isin(swept),
        *(compared[name] for name in (*CELL, "k", "m") if name != "method"),
    ]
    compared["p_holm"] = compared.groupby(same_question)["p_value"].transform(lambda p: holm(p.to_numpy()))
    return pd.DataFrame(compared, columns=COMPARISONS.schema.names)


def sign_flip_p_values(differences_PM: Floats) -> Floats:
    """Two-sided p-value of each column's mean, by flipping the signs of whole rows (problems).

    All sign patterns are tried where at most 13 problems differ at all, else 10,000 random ones besides the observed
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


def _rows(cell: Cell, reference: Cell, settings: Metrics) -> Iterator[dict[str, Any]]:
    for each in (cell, reference):
        check_k(each, settings)
    if cell.task_ids != reference.task_ids:
        raise UserError(
            f"{'/'.join(map(str, cell.key))} and its reference {_method(reference)} were not judged on the same "
            "problems: delete their pass counts and rerun Snakemake, which rebuilds them"
        )
    grid = headline_grid(settings)
    differences_PG = np.stack(
        [cell.scores(k, m).mean(axis=0) - reference.scores(k, m).mean(axis=0) for k, m in grid], axis=1
    )
    low_G, high_G = bootstrap_interval(differences_PG, settings.bootstrap, bounds=(-1.0, 1.0))
    p_G = sign_flip_p_values(differences_PG)
    for g, (k, m) in enumerate(grid):
        yield {
            **dict(zip(CELL, cell.key, strict=True)),
            "reference": _method(reference),
            "k": k,
            "m": m,
            "difference": float(differences_PG[:, g].mean()),
            "low": float(low_G[g]),
            "high": float(high_G[g]),
            "p_value": float(p_G[g]),
            "effect_size": _cohens_d(differences_PG[:, g]),
            "excluded": cell.excluded,
        }


def _cohens_d(differences_P: Floats) -> float | None:
    spread = float(differences_P.std(ddof=1)) if len(differences_P) > 1 else 0.0
    return float(differences_P.mean()) / spread if spread > _ROUNDING else None


def _method(cell: Cell) -> str:
    return str(cell.key[CELL.index("method")])

"""Means over problems and training seeds, both of which could have been others (two crossed random effects).

Every seed's model is tried on every problem. The score of problem p under seed s is a mean, plus what is particular to
p, to s, and to the pair, of which sampling noise is a part. Another set of problems *and* another training could have
been drawn, so the variance of the mean has all three parts. The pigeonhole bootstrap (Owen 2007), which resamples
problems and seeds independently, estimates the same variance, but counts the part of the pairs three times and, of two
or three seeds, knows too little of the tails. So the mean squares are used directly.

How little a few seeds tell about their own spread is known in two approximate ways. Generalized inference (Weerahandi
1993) divides each mean square by draws of the chi-squared variable that it is distributed as: its intervals are too
wide where seeds differ little. Student's t with the degrees of freedom of Satterthwaite (1946) is too narrow where
seeds differ much. The chance of an error is taken between the two, which is nearer to the truth than either: halfway
for a difference, most of whose variance the seeds make. In a metric, most of it comes from how hard the problems are,
and generalized inference counts for as much as the seeds are estimated to make (docs/adr/0047).
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ibft.statistics.bootstrap import bootstrap_interval
from ibft.statistics.quantiles import chi_squared_ppf, normal_ppf, normal_sf, solve, t_isf, t_sf

Floats = npt.NDArray[np.float64]

LEVEL = 0.05
_DRAWS = 1000
_HALFWAY = np.array(0.5)


@dataclass(frozen=True)
class MeanSquares:
    """The analysis of variance of scores_PSM, [problems, seeds, quantities]; without seed and pair for one seed."""

    problems: int
    seeds: int
    problem_M: Floats
    seed_M: Floats
    pair_M: Floats

    def seed_part(self) -> Floats:
        """Return what the seeds add to the mean square of the problems; an estimate below 0 is 0."""
        added_M: Floats = np.maximum(self.seed_M - self.pair_M, 0.0)
        return added_M

    def seed_share(self) -> Floats:
        """Return how much of the variance of the means the seeds are estimated to make."""
        added_M = self.seed_part()
        whole_M = self.problem_M + added_M
        return np.divide(added_M, whole_M, out=np.zeros_like(whole_M), where=whole_M > 0)


def mean_squares(scores_PSM: Floats) -> MeanSquares:
    """Compute the mean squares between problems, between seeds, and of what is left (the pairs)."""
    problems, seeds, quantities = scores_PSM.shape
    mean_M = scores_PSM.mean(axis=(0, 1))
    of_problem_P1M = scores_PSM.mean(axis=1, keepdims=True)
    of_seed_1SM = scores_PSM.mean(axis=0, keepdims=True)
    left_PSM = scores_PSM - of_problem_P1M - of_seed_1SM + mean_M
    none_M = np.zeros(quantities)
    more = seeds > 1
    return MeanSquares(
        problems,
        seeds,
        problem_M=seeds * ((of_problem_P1M - mean_M) ** 2).sum(axis=(0, 1)) / max(problems - 1, 1),
        seed_M=problems * ((of_seed_1SM - mean_M) ** 2).sum(axis=(0, 1)) / (seeds - 1) if more else none_M,
        pair_M=(left_PSM**2).sum(axis=(0, 1)) / max((problems - 1) * (seeds - 1), 1) if more else none_M,
    )


def standard_error(scores_PSM: Floats) -> Floats:
    """Estimate the standard error of each mean over problems and seeds: [M]; of one seed, over problems alone.

    It is the one that the bootstrap over problems and seeds estimates, without resampling. Scores that do not vary, and
    a single problem, tell nothing of their spread: it gives 0.
    """
    squares = mean_squares(scores_PSM)
    return np.sqrt((squares.problem_M + squares.seed_part()) / (squares.problems * squares.seeds))


def crossed_interval(
    scores_PSM: Floats, resamples: int, bounds: tuple[float, float] = (0.0, 1.0)
) -> tuple[Floats, Floats]:
    """Compute the 95% interval of each mean over problems and seeds.

    It is the bootstrap interval over problems (`bootstrap_interval`) of the means over seeds, which knows the skew of
    pass rates, stretched as much as the seeds widen the symmetrical interval of the same data.

    Args:
        bounds: the smallest and the largest score that is possible.

    Returns:
        (low_M, high_M).
    """
    problems, seeds, _ = scores_PSM.shape
    mean_M = scores_PSM.mean(axis=(0, 1))
    low_M, high_M = bootstrap_interval(scores_PSM.mean(axis=1), resamples, bounds)
    if seeds == 1 or problems == 1:
        return low_M, high_M
    squares = mean_squares(scores_PSM)
    over_problems_M = t_isf(LEVEL / 2, problems - 1) * np.sqrt(squares.problem_M / (problems * seeds))
    varies_M = over_problems_M > 0
    stretch_M = np.ones_like(mean_M)
    half_M = half_width(squares, squares.seed_share())
    stretch_M[varies_M] = np.maximum(half_M[varies_M] / over_problems_M[varies_M], 1.0)
    low_M, high_M = mean_M - stretch_M * (mean_M - low_M), mean_M + stretch_M * (high_M - mean_M)
    return np.clip(low_M, *bounds), np.clip(high_M, *bounds)


def crossed_test(differences_PSM: Floats) -> tuple[Floats, Floats, Floats]:
    """Test each mean difference over problems and at least two seeds against 0, two-sided.

    Where nothing but pairs differs, it rejects a true null hypothesis less often than in 5% of the cases: two or three
    seeds cannot show that others would not have differed.

    Returns:
        (low_M, high_M, p_M): the 95% interval and the p-value. The interval contains 0 exactly where p > 0.05.
    """
    squares, mean_M = mean_squares(differences_PSM), differences_PSM.mean(axis=(0, 1))
    half_M = half_width(squares, _HALFWAY)
    return mean_M - half_M, mean_M + half_M, _share_beyond(np.abs(mean_M), _errors(squares), _HALFWAY)


def half_width(squares: MeanSquares, generalized: Floats) -> Floats:
    """Find how far from the mean the two-sided test at the 5% level begins to reject: [M].

    Args:
        generalized: the weight of generalized inference, from 0 to 1; the rest is Satterthwaite's.
    """
    errors = _errors(squares)
    highest_M: Floats = np.maximum(
        normal_ppf(1 - LEVEL / 2) * errors.drawn_BM.max(axis=0),
        t_isf(LEVEL / 2, errors.freedom_M) * errors.estimated_M,
    )
    return solve(lambda half_M: _share_beyond(half_M, errors, generalized) > LEVEL, np.zeros_like(highest_M), highest_M)


class _Errors(NamedTuple):
    """Standard errors of the means that fit the mean squares; their estimate, and its degrees of freedom."""

    drawn_BM: Floats
    estimated_M: Floats
    freedom_M: Floats


def _errors(squares: MeanSquares) -> _Errors:
    problem_B1, seed_B1, pair_B1 = _chi_squared(squares.problems, squares.seeds)
    seed_BM = np.maximum(squares.seed_M / seed_B1 - squares.pair_M / pair_B1, 0.0)
    scale, variance_M = squares.problems * squares.seeds, squares.problem_M + squares.seed_part()
    drawn_BM: Floats = np.sqrt((squares.problem_M / problem_B1 + seed_BM) / scale)
    return _Errors(drawn_BM, np.sqrt(variance_M / scale), _satterthwaite(squares))


def _satterthwaite(squares: MeanSquares) -> Floats:
    """Estimate the degrees of freedom of the variance of the means; those of the problems where seeds add nothing."""
    of_problems, of_seeds = squares.problems - 1, squares.seeds - 1
    added_M = squares.seed_part()
    of_added_M = squares.seed_M**2 / of_seeds + squares.pair_M**2 / (of_problems * of_seeds)
    spread_M = squares.problem_M**2 / of_problems + np.where(added_M > 0, of_added_M, 0.0)
    freedom_M = np.full_like(spread_M, of_problems)
    np.divide((squares.problem_M + added_M) ** 2, spread_M, out=freedom_M, where=spread_M > 0)
    clipped_M: Floats = np.clip(freedom_M, min(of_seeds, of_problems), of_problems)
    return clipped_M


def _share_beyond(distance_M: Floats, errors: _Errors, generalized: Floats) -> Floats:
    """Return the chance of an error at least so large, between the chances that the two approximations give."""
    with np.errstate(divide="ignore", invalid="ignore"):  # no error at all: 0 / 0 is chance 1, and x / 0 is chance 0
        z_BM, t_M = (
            np.nan_to_num(distance_M / each, nan=0.0, posinf=np.inf) for each in (errors.drawn_BM, errors.estimated_M)
        )
    share_M: Floats = generalized * normal_sf(z_BM).mean(axis=0) + (1 - generalized) * t_sf(t_M, errors.freedom_M)
    return 2 * share_M


@lru_cache(maxsize=8)
def _chi_squared(problems: int, seeds: int) -> tuple[Floats, Floats, Floats]:
    """Draw chi-squared variables over their degrees of freedom, one for each mean square: [draws, 1] each.

    Each is drawn at equally spaced quantiles, in an order that is random and always the same.
    """
    random = np.random.default_rng([problems, seeds])
    quantiles = (np.arange(_DRAWS) + 0.5) / _DRAWS

    def drawn(freedom: int) -> Floats:
        values: Floats = chi_squared_ppf(random.permutation(quantiles), freedom)[:, None] / freedom
        return values

    return drawn(problems - 1), drawn(seeds - 1), drawn((problems - 1) * (seeds - 1))

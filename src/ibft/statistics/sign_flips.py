"""The sign-flip test of a paired difference, and the interval that contains exactly what the test does not reject.

Two methods were tried on the same problems. If they are equal, each problem's difference could as well have had the
other sign. The p-value of a mean difference delta is the share of sign patterns for which the flipped mean of
`difference - delta` is at least as far from 0 as the observed one.

A pattern splits the problems into those whose sign it flips and the others. It is at least as far exactly where delta
lies between the means of the two parts, so the interval's bounds are quantiles of the smaller and of the larger of the
two (the typical values of Hartigan 1969). Test and interval cannot contradict each other, and as the flipped statistic
is in effect Student's t, the test of a delta other than 0 holds asymptotically without symmetry, too (Janssen 1997).
"""

from functools import lru_cache
from itertools import product

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

LEVEL = 0.05
FEWEST_DISCORDANT = 6  # of 2^5 sign patterns the two most extreme are 6.3%: no result could fall below 5%
ROUNDING = 1e-12  # equal means may differ in their last bits, as sums depend on the order of their terms
_PATTERNS = 20_000  # Holm's correction over 1,000 tests can still reject at the 5% level
_ALL_UP_TO = 13  # problems: all 2^13 patterns are tried
_COLUMNS = 64  # at a time, which bounds memory


def sign_flip_test(differences_PM: Floats) -> tuple[Floats, Floats, Floats]:
    """Test each column's mean against 0, two-sided, by flipping the signs of whole rows (problems).

    All patterns are tried for up to 13 problems, else 20,000 random ones and the observed one, which keeps the p-value
    valid (Phipson & Smyth 2010). The random patterns are the same in every call.

    Args:
        differences_PM: one row per problem, one column per quantity; at least 6 rows, below which nothing is rejected.

    Returns:
        (low_M, high_M, p_M): the 95% interval and the p-value. The interval contains 0 exactly where p > 0.05.

    Raises:
        ValueError: fewer than 6 problems, of which no interval is bounded.
    """
    problems, columns = differences_PM.shape
    if problems < FEWEST_DISCORDANT:
        raise ValueError(f"{problems} problems: a sign-flip test at the 5% level needs {FEWEST_DISCORDANT}")
    parts = [_of_columns(differences_PM[:, at : at + _COLUMNS]) for at in range(0, columns, _COLUMNS)]
    low_M, high_M, p_M = (np.concatenate(values) for values in zip(*parts, strict=True))
    return low_M, high_M, p_M


def _of_columns(differences_PM: Floats) -> tuple[Floats, Floats, Floats]:
    flipped_BP, accepting_all = _patterns(len(differences_PM))
    count_B1 = flipped_BP.sum(axis=1, keepdims=True)
    sums_BM = flipped_BP @ differences_PM
    flipped_BM = sums_BM / count_B1
    others_BM = (differences_PM.sum(axis=0) - sums_BM) / (len(differences_PM) - count_B1)
    lower_BM, upper_BM = np.minimum(flipped_BM, others_BM), np.maximum(flipped_BM, others_BM)
    patterns = len(flipped_BP) + accepting_all
    as_far_M = np.sum((lower_BM <= ROUNDING) & (upper_BM >= -ROUNDING), axis=0)
    # The interval ends where so few patterns are left that the p-value is no longer above the level.
    rank = int(LEVEL * patterns) - accepting_all
    low_M = np.partition(lower_BM, rank, axis=0)[rank]
    high_M = -np.partition(-upper_BM, rank, axis=0)[rank]
    return _without_rounding(low_M), _without_rounding(high_M), (as_far_M + accepting_all) / patterns


@lru_cache(maxsize=4)
def _patterns(problems: int) -> tuple[Floats, int]:
    """Return which problems each pattern flips: [patterns, problems] of 0 and 1, and how many flip all or none.

    Those that flip all or none accept every delta, and are counted but not returned.
    """
    if problems <= _ALL_UP_TO:
        flipped_BP = np.array(list(product((0.0, 1.0), repeat=problems)))[1:-1]
        return flipped_BP, 2
    flipped_BP = np.random.default_rng(problems).integers(0, 2, (_PATTERNS, problems)).astype(np.float64)
    proper_BP = flipped_BP[np.ptp(flipped_BP, axis=1) > 0]
    return proper_BP, _PATTERNS + 1 - len(proper_BP)  # with the observed pattern, which flips none


def _without_rounding(bound_M: Floats) -> Floats:
    return np.where(np.abs(bound_M) <= ROUNDING, 0.0, bound_M)

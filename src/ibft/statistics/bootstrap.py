"""The bootstrap gives 95% intervals for a mean over problems, which another set of such problems could have shown.

Problems are resampled as wholes (a cluster bootstrap): all samples, trials and training seeds of a problem stay
together, since they are not independent. Every resampled set is used for all columns at once, so that columns and
methods are compared on equal problems.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ibft.statistics.quantiles import normal_ppf, normal_sf, t_isf

Floats = npt.NDArray[np.float64]

CONFIDENCE = 0.95
_TAIL = (1 - CONFIDENCE) / 2
_ROUNDING = 1e-12  # equal means may differ in their last bits, as sums depend on the order of their terms


def bootstrap_interval(
    scores_PM: Floats, resamples: int, bounds: tuple[float, float] = (0.0, 1.0)
) -> tuple[Floats, Floats]:
    """Compute the interval of each column's mean: bias-corrected and accelerated (BCa, Efron 1987).

    Pass rates are skewed and often nearly all 0 or all 1, where plain percentiles miss the truth too often. The tails
    are widened for few problems as Hesterberg (2015, "What teachers should know about the bootstrap") does, so that
    the interval of normal data is as wide as Student's. Where all problems score the same, resampling knows nothing
    and would claim certainty; there the exact bound of `_interval_of_a_constant` stands in.

    On simulated benchmarks of 44 to 164 problems they cover the truth in 93 to 97% of the cases. Where it is within a
    few percent of 0 or 1 they may be too narrow: what decides it then is rarer than one problem in the benchmark.

    Args:
        scores_PM: one row per problem, one column per quantity.
        resamples: how many sets of problems are drawn. The draw is the same in every call of equal shape.
        bounds: the smallest and the largest score that is possible.

    Returns:
        (low_M, high_M).
    """
    low_M, high_M = _interval_of_a_constant(scores_PM[0], len(scores_PM), bounds)
    varying = np.flatnonzero(np.ptp(scores_PM, axis=0) > _ROUNDING)
    if len(varying):
        low_M[varying], high_M[varying] = _bca(scores_PM[:, varying], resamples)
    return low_M, high_M


def _bca(scores_PM: Floats, resamples: int) -> tuple[Floats, Floats]:
    problems = len(scores_PM)
    mean_M = scores_PM.mean(axis=0)
    means_BM = _resampled_means(scores_PM, resamples)
    ties = np.abs(means_BM - mean_M) <= _ROUNDING
    share_below = np.mean((means_BM < mean_M) & ~ties, axis=0) + ties.mean(axis=0) / 2
    bias_M = normal_ppf(np.clip(share_below, 0.5 / resamples, 1 - 0.5 / resamples))
    deviations = scores_PM - mean_M  # the jackknife values of a mean, up to a factor that cancels
    acceleration_M = (deviations**3).sum(axis=0) / (6 * (deviations**2).sum(axis=0) ** 1.5)
    widened = np.sqrt(problems / (problems - 1)) * t_isf(_TAIL, problems - 1)

    def bound(z: float) -> Floats:
        shifted = bias_M + z
        level_M = 1 - normal_sf(bias_M + shifted / (1 - acceleration_M * shifted))
        return np.array([np.quantile(means, level) for means, level in zip(means_BM.T, level_M, strict=True)])

    return bound(-widened), bound(widened)


def _resampled_means(scores_PM: Floats, resamples: int) -> Floats:
    """Compute each column's mean over `resamples` sets of problems drawn with replacement: [resamples, M]."""
    problems = len(scores_PM)
    means_BM: Floats = _weights(problems, resamples) @ scores_PM / problems
    return means_BM


@lru_cache(maxsize=4)
def _weights(problems: int, resamples: int) -> Floats:
    """Draw how often each problem stands in each resampled set: [resamples, problems], once for all methods."""
    random = np.random.default_rng(problems)
    return random.multinomial(problems, np.full(problems, 1 / problems), size=resamples).astype(np.float64)


def _interval_of_a_constant(value_M: Floats, problems: int, bounds: tuple[float, float]) -> tuple[Floats, Floats]:
    """Bound the mean where all of `problems` draws from its distribution are equal to `value_M`.

    A distribution that takes other values with probability q shows none of them with probability (1 - q)^problems,
    which falls below the tail probability at the q used here; the mean is then at most that far towards a bound.
    """
    q = 1 - _TAIL ** (1 / problems)
    return value_M - q * (value_M - bounds[0]), value_M + q * (bounds[1] - value_M)

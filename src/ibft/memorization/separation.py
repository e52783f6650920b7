"""Measure how far apart two sets of memorization scores lie, and how far the same examples moved (paper Figure 3).

p0 and p2 are scores of different examples on one model: three statistics tell the two sets apart, each with what can be
said of its chance. p0 and p1 are scores of the same examples before and after fine-tuning: their differences tell it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from ibft.memorization.overlap import overlap, overlap_interval
from ibft.runtime.errors import UserError
from ibft.statistics.crossed import crossed_test
from ibft.statistics.quantiles import t_isf

Reals = NDArray[np.float64]
Counts = NDArray[np.int64]

LEVEL = 0.05
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Interval:
    """An estimate and its 95% interval."""

    estimate: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.estimate:.2f} [{self.low:.2f}, {self.high:.2f}]"


@dataclass(frozen=True)
class Separation:
    """Three views on how far two samples of scores lie apart.

    overlap: the area under both densities (Gaussian kernels, Scott's rule): 1 if they are equal, 0 if disjoint. Its
             interval is corrected for the bias of the densities (`ibft.memorization.overlap`).
    ks:      Kolmogorov-Smirnov distance, the largest gap between the two distribution functions. It is never below 0
             and above 0 even between equal laws, where no bootstrap interval of it is valid: so it has none.
    ks_p:    the permutation p-value of that distance, uniform if the two laws are equal.
    auroc:   the probability that a draw of the first scores lower (more memorized) than one of the second, ties half,
             with the interval of `auroc_interval`.
    """

    overlap: Interval
    ks: float
    ks_p: float
    auroc: Interval


def separation(first: Reals, second: Reals, *, resamples: int = 1000, seed: int = 0) -> Separation:
    """Compare two samples of scores of different examples, such as p0 (data) with p2 (fictitious data).

    Args:
        resamples: draws behind the p-value; each step of the overlap's interval takes a fifth.

    Raises:
        UserError: a sample has fewer than two values.
    """
    if min(len(first), len(second)) < 2:
        raise UserError("two distributions can only be compared with at least two scores in each")
    random = np.random.default_rng(seed)
    return Separation(
        overlap=Interval(overlap(first, second), *overlap_interval(first, second, max(resamples // 5, 1), random)),
        ks=_ks(*_ranked(first, second)),
        ks_p=ks_p_value(first, second, resamples, random),
        auroc=auroc_interval(first, second),
    )


def told_ks(apart: Separation) -> str:
    """Print the KS distance and its p-value."""
    return f"{apart.ks:.2f} (p {'< 0.001' if apart.ks_p < 0.001 else f'= {apart.ks_p:.3f}'})"


def paired_shift(before: Reals, after_ES: Reals) -> Interval:
    """Tell by how much the scores of the same examples moved: the mean of the paired differences.

    Args:
        before: one score per example, [examples].
        after_ES: scores of the same examples on each fine-tuned model, [examples, training seeds].

    Returns:
        The mean difference, negative where fine-tuning memorized, and its 95% interval: over examples (Student's t), or
        over examples and training seeds where there are several.

    Raises:
        UserError: fewer than two examples.
    """
    if len(before) < 2:
        raise UserError("a shift of scores can only be measured with at least two examples")
    differences_ES = after_ES - before[:, None]
    mean = float(differences_ES.mean())
    if differences_ES.shape[1] > 1:
        low_M, high_M, _ = crossed_test(differences_ES[..., None])
        return Interval(mean, float(low_M[0]), float(high_M[0]))
    half = float(t_isf(LEVEL / 2, len(before) - 1) * stats.sem(differences_ES[:, 0]))
    return Interval(mean, mean - half, mean + half)


def auroc_interval(first: Reals, second: Reals) -> Interval:
    """Compute AUROC with its score interval, which stays within 0 and 1 and needs no draws.

    It holds every AUROC that lies within Student's quantile of standard errors of the estimate. The variance is
    that of DeLong et al. (1988), and shrinks towards 0 and 1 as theta (1 - theta) does (as Wilson's interval of a share
    has it). Where the samples show no variance, as disjoint ones do, it is the largest possible, theta (1 - theta) over
    the size of the smaller sample (Birnbaum & Klose 1957). Near 1, a few pairs out of order show too little of it: it
    is at least what a variance of theta (1 - theta) / 8 on either side would make, with which simulated intervals cover
    the truth. A single score says nothing: its interval is 0 to 1.
    """
    above, below = _placements(first, second), 1 - _placements(second, first)
    estimate, fewest = float(above.mean()), min(len(first), len(second))
    if fewest < 2:
        return Interval(estimate, 0.0, 1.0)
    variance = float(above.var(ddof=1) / len(first) + below.var(ddof=1) / len(second))
    unit = estimate * (1 - estimate)
    least = (1 / len(first) + 1 / len(second)) / 8
    relative = max(variance / unit, least) if min(variance, unit) > _ROUNDING else 1 / fewest
    scale = float(t_isf(LEVEL / 2, len(first) + len(second) - 2)) ** 2 * relative
    half = np.sqrt(scale * unit + scale**2 / 4)
    low, high = ((estimate + scale / 2 + side * half) / (1 + scale) for side in (-1, 1))
    return Interval(estimate, float(np.clip(low, 0.0, estimate)), float(np.clip(high, estimate, 1.0)))


def ks_p_value(first: Reals, second: Reals, permutations: int, random: np.random.Generator) -> float:
    """Share the pooled scores out anew, and count how often the KS distance is at least as large (Phipson & Smyth)."""
    ranked = _ranked(first, second)
    observed = _ks(*ranked) - 1e-12
    last_of_value = (ranked[0] + ranked[1]).cumsum() - 1
    steps = np.repeat([1 / len(first), -1 / len(second)], [len(first), len(second)])
    gaps = [np.abs(random.permutation(steps).cumsum()[last_of_value]).max() for _ in range(permutations)]
    return float(np.sum(np.array(gaps) >= observed) + 1) / (permutations + 1)


def _ks(first: Counts, second: Counts) -> float:
    return float(np.abs(first.cumsum() / first.sum() - second.cumsum() / second.sum()).max())


def _placements(values: Reals, others: Reals) -> Reals:
    """Return the share of `others` above each of the values; ties count half."""
    ordered = np.sort(others)
    at_or_below = np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")
    shares: Reals = 1 - at_or_below / (2 * len(others))
    return shares


def _ranked(first: Reals, second: Reals) -> tuple[Counts, Counts]:
    """Count how often each value of either sample occurs in the two, in ascending order of the values."""
    values = np.unique(np.concatenate([first, second]))
    counts = [np.bincount(np.searchsorted(values, sample), minlength=len(values)) for sample in (first, second)]
    return counts[0], counts[1]

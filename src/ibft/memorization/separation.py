"""Measure how far apart two sets of memorization scores lie (paper Figure 3).

Every statistic comes with a bootstrap interval; a resample is a
vector of counts over sorted values, so that ten thousand examples and a thousand resamples take seconds.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ibft.runtime.errors import UserError

Reals = NDArray[np.float64]
Counts = NDArray[np.int64]

GRID = 512  # points at which densities are compared


@dataclass(frozen=True)
class Interval:
    """An estimate and its 95% percentile bootstrap interval."""

    estimate: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.estimate:.2f} [{self.low:.2f}, {self.high:.2f}]"


@dataclass(frozen=True)
class Separation:
    """Three views on how far two samples of scores lie apart.

    overlap: the area under both densities (Gaussian kernels, Scott's rule): 1 if they are equal, 0 if disjoint.
    ks:      Kolmogorov-Smirnov distance, the largest gap between the two distribution functions.
    auroc:   the probability that a draw of the first scores lower (more memorized) than one of the second, ties half.
    """

    overlap: Interval
    ks: Interval
    auroc: Interval


def separation(first: Reals, second: Reals, *, resamples: int = 1000, seed: int = 0) -> Separation:
    """Compare two samples of scores, such as p0 (data on the base model) with p2 (fictitious data on it).

    Raises:
        UserError: a sample has fewer than two values.
    """
    if min(len(first), len(second)) < 2:
        raise UserError("two distributions can only be compared with at least two scores in each")
    grid = _grid(first, second)
    binned = _on_grid(first, grid), _on_grid(second, grid)
    kernels = _kernel(first, grid), _kernel(second, grid)
    values = np.unique(np.concatenate([first, second]))
    ranked = _count(first, values), _count(second, values)
    random = np.random.default_rng(seed)

    def overlap(first_G: Counts, second_G: Counts) -> float:
        densities = (k_GG @ (n_G / n_G.sum()) for k_GG, n_G in zip(kernels, (first_G, second_G), strict=True))
        return float(np.minimum(*densities).sum())

    return Separation(
        overlap=_bootstrap(overlap, *binned, resamples, random),
        ks=_bootstrap(_ks, *ranked, resamples, random),
        auroc=_bootstrap(_auroc, *ranked, resamples, random),
    )


def _bootstrap(
    statistic: Callable[[Counts, Counts], float],
    first: Counts,
    second: Counts,
    resamples: int,
    random: np.random.Generator,
) -> Interval:
    """Resample both samples, given as counts over the same values, with replacement."""
    draws = [random.multinomial(counts.sum(), counts / counts.sum(), size=resamples) for counts in (first, second)]
    low, high = np.quantile([statistic(a, b) for a, b in zip(*draws, strict=True)], [0.025, 0.975])
    return Interval(statistic(first, second), float(low), float(high))


def _ks(first: Counts, second: Counts) -> float:
    return float(np.abs(first.cumsum() / first.sum() - second.cumsum() / second.sum()).max())


def _auroc(first: Counts, second: Counts) -> float:
    below = first.cumsum() - first / 2  # draws of `first` below each value, ties counted half
    return float(below @ second / (first.sum() * second.sum()))


def _count(values: Reals, places: Reals) -> Counts:
    """Count how often each of the sorted `places` occurs in `values`."""
    return np.bincount(np.searchsorted(places, values), minlength=len(places))


def _grid(*samples: Reals) -> Reals:
    """Return equally spaced points that cover all samples with room for the tails of their kernels."""
    margin = 4 * max(map(_bandwidth, samples))
    return np.linspace(min(s.min() for s in samples) - margin, max(s.max() for s in samples) + margin, GRID)


def _bandwidth(values: Reals) -> float:
    """Scott's rule; for a constant sample, a sliver relative to the value, so that its density is a narrow peak."""
    return float(np.std(values, ddof=1) * len(values) ** -0.2) or 1e-3 * max(1.0, abs(float(values[0])))


def _on_grid(values: Reals, grid: Reals) -> Counts:
    """Count the values that are nearest to each grid point."""
    nearest = np.rint((values - grid[0]) / (grid[1] - grid[0])).astype(np.int64)
    return np.bincount(nearest, minlength=len(grid))


def _kernel(values: Reals, grid: Reals) -> Reals:
    """Return the share of a grid point's weight that its Gaussian spreads to each other one; columns sum to 1."""
    weight_GG: Reals = np.exp(-0.5 * ((grid[:, None] - grid) / _bandwidth(values)) ** 2)
    weight_GG /= weight_GG.sum(axis=0)
    return weight_GG

"""How far two samples of a score lie apart: overlap of their densities, Kolmogorov-Smirnov distance, AUROC."""

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]

_GRID = 1024


def density(values: Floats, grid: Floats) -> Floats:
    """Gaussian kernel density (Scott's rule) of scores that cannot be negative, at the points of `grid`.

    What the kernel would put below zero is reflected, so that a peak near zero is not drawn too low.

    Raises:
        ValueError: fewer than two distinct values, which have no density.
    """
    if len(np.unique(values)) < 2:
        raise ValueError("a density needs at least two distinct values")
    kernel = stats.gaussian_kde(values)
    smoothed: Floats = np.where(grid < 0, 0.0, kernel(grid) + kernel(-grid))
    return smoothed


def common_grid(*samples: Floats) -> Floats:
    """Points from below the smallest to above the largest value, never below zero."""
    low, high = min(s.min() for s in samples), max(s.max() for s in samples)
    margin = 0.15 * (high - low) or max(abs(high), 1.0) * 0.15
    return np.linspace(max(0.0, low - margin), high + margin, _GRID)


def overlap_coefficient(first: Floats, second: Floats) -> float:
    """The area that two densities share: 0 for samples that lie apart, 1 for equal ones."""
    if np.array_equal(np.sort(first), np.sort(second)):
        return 1.0
    if min(len(np.unique(first)), len(np.unique(second))) < 2:
        return 0.0
    grid = common_grid(first, second)
    shared = np.minimum(density(first, grid), density(second, grid))
    return float(np.clip(np.trapezoid(shared, grid), 0.0, 1.0))


def ks_distance(first: Floats, second: Floats) -> float:
    """The largest distance between the two empirical distribution functions."""
    return float(stats.ks_2samp(first, second, method="asymp").statistic)


def auroc(lower: Floats, higher: Floats) -> float:
    """The probability that a draw of `lower` is below one of `higher`, ties counting half: 0.5 is no separation."""
    u = stats.mannwhitneyu(higher, lower).statistic
    return float(u) / (len(lower) * len(higher))

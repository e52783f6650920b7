"""95% intervals of means: of real numbers, and of shares, which lie from 0 to 1."""

import numpy as np
from numpy.typing import NDArray

from ibft.statistics.quantiles import normal_ppf, t_isf

Reals = NDArray[np.float64]
_TAIL = 0.025


def interval_of_mean(values: Reals) -> tuple[float, float]:
    """Return the 95% interval by Student's t. A single value, which has no spread, is its own interval."""
    mean = float(values.mean())
    if len(values) < 2:
        return mean, mean
    half = t_isf(_TAIL, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return mean - float(half), mean + float(half)


def interval_of_share(shares: Reals) -> tuple[float, float]:
    """Return the 95% interval of the mean of numbers from 0 to 1: Wilson's, for as many trials as vary as much.

    Half an empty share and half a whole one are added, since a few whole ones among many small ones may not have been
    seen yet. So the interval is careful where shares are few or small, and Student's t would be too sure.
    """
    count = len(shares)
    mean = (shares.sum() + 0.5) / (count + 1)
    variance = (((shares - mean) ** 2).sum() + (mean**2 + (1 - mean) ** 2) / 2) / count
    trials = count * max(1.0, mean * (1 - mean) / variance)
    z = float(normal_ppf(1 - _TAIL))
    middle = (mean + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z / (1 + z**2 / trials) * np.sqrt(mean * (1 - mean) / trials + z**2 / (4 * trials**2))
    return float(middle - half), float(middle + half)

"""Means of consecutive tenths of a ranking, with their intervals."""

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Reals = NDArray[np.float64]
DECILES = 10
_CONFIDENCE = 0.95


def tenths(count: int, least: int = 1) -> list[NDArray[np.intp]]:
    """Divide the places 0 .. `count` - 1 into ten consecutive parts, or into fewer that hold `least` or more each."""
    return np.array_split(np.arange(count), max(1, min(DECILES, count // least)))


def interval_of_mean(values: Reals) -> tuple[float, float]:
    """Return the 95% interval by Student's t. A single value, which has no spread, is its own interval."""
    mean = float(values.mean())
    if len(values) < 2:
        return mean, mean
    half = stats.t.ppf((1 + _CONFIDENCE) / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return mean - float(half), mean + float(half)

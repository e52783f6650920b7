"""Min-K% Prob scores at one k, and their densities, for figures and report."""

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from ibft.runtime.errors import UserError

Floats = npt.NDArray[np.float64]

_GRID = 1024


def density(values: Floats, grid: Floats) -> Floats:
    """Return the Gaussian kernel density (Scott's rule) of scores that cannot be negative, at the points of `grid`.

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
    """Return points from below the smallest to above the largest value, never below zero."""
    low, high = min(s.min() for s in samples), max(s.max() for s in samples)
    margin = 0.15 * (high - low) or max(abs(high), 1.0) * 0.15
    return np.linspace(max(0.0, low - margin), high + margin, _GRID)


def scores_at(frame: pd.DataFrame, k: int, group: str) -> Floats:
    """Return Min-K% Prob at percentage `k` of one MEMORIZATION frame.

    Raises:
        UserError: the frame holds no such scores.
    """
    values: Floats = frame.loc[frame["k"] == k, "min_k_prob"].to_numpy(np.float64)
    if not len(values):
        raise UserError(f"the memorization scores of {group} hold no k = {k}: add it to memorization.k")
    return values

"""Min-K% Prob scores at one k, and their densities, for figures and report."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from ibft.runtime.errors import UserError

Floats = npt.NDArray[np.float64]

_GRID = 1024
_TUNED = "p1-seed"


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


def tuned_scores(scores: Mapping[str, pd.DataFrame], k: int) -> Floats | None:
    """Return p1 at percentage `k`, in the order of p0's examples: [examples, training seeds]; None where there is none.

    Args:
        scores: MEMORIZATION by group: p0, p1-seedS for each training seed S, p2.

    Raises:
        UserError: a model was scored on other examples than the base model.
    """
    groups = [group for group in scores if group.startswith(_TUNED)]
    if not groups or "p0" not in scores:
        return None
    wide = pd.DataFrame({group: _by_example(scores[group], k, group) for group in ("p0", *groups)})
    if wide.isna().to_numpy().any():
        raise UserError("the memorization scores of p0 and p1 are of different examples: rerun Snakemake")
    tuned_ES: Floats = wide.loc[_by_example(scores["p0"], k, "p0").index, groups].to_numpy(np.float64)
    return tuned_ES


def _by_example(frame: pd.DataFrame, k: int, group: str) -> pd.Series:
    values = scores_at(frame, k, group)
    return pd.Series(values, index=frame.loc[frame["k"] == k, "example_id"])

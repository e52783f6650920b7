"""Holm's correction (1979) keeps the chance of any false rejection among many tests below the level of one."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def holm(p_values: Floats) -> Floats:
    """Adjust p-values. NaN, a test that decided nothing, stays NaN and does not count."""
    adjusted = np.full_like(p_values, np.nan)
    decided = np.flatnonzero(~np.isnan(p_values))
    order = decided[np.argsort(p_values[decided], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(factors * p_values[order]), 1.0)
    return adjusted

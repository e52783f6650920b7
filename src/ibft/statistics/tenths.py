"""Consecutive tenths of a ranking."""

import numpy as np
from numpy.typing import NDArray

DECILES = 10


def tenths(count: int, least: int = 1) -> list[NDArray[np.intp]]:
    """Divide the places 0 .. `count` - 1 into ten consecutive parts, or into fewer that hold `least` or more each."""
    return np.array_split(np.arange(count), max(1, min(DECILES, count // least)))

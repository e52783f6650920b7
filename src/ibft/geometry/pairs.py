"""Pairs of a most and a least memorized example, and how far apart two states are."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ibft.runtime.errors import UserError

Reals = NDArray[np.float64]


def draw_pairs(scores: pd.DataFrame, group: float, pairs: int, seed: int) -> pd.DataFrame:
    """`pairs` distinct pairs, one example of either extreme group, drawn uniformly.

    They depend on the scores and the seed alone, so that base, FT and IB-FT are measured on the same pairs.

    Args:
        scores: columns example_id and score (Min-K% Prob: lower = more memorized), one row per example.
        group: share of the examples in each group, at most 0.5, rounded down but at least one example.
        pairs: how many; all pairs, where there are no more than that.
        seed: of the draw.

    Returns:
        Columns pair (0, 1, ...), most_memorized_id, least_memorized_id.

    Raises:
        UserError: there are fewer than two examples.
    """
    if len(scores) < 2:
        raise UserError("geometry compares two groups of examples, so the dataset must have at least two")
    ranked = scores.sort_values(["score", "example_id"])["example_id"].to_numpy()
    size = max(1, int(group * len(ranked)))
    most, least = ranked[:size], ranked[-size:]
    drawn = np.random.default_rng(seed).choice(size * size, size=min(pairs, size * size), replace=False)
    return pd.DataFrame(
        {
            "pair": np.arange(len(drawn)),
            "most_memorized_id": most[drawn // size],
            "least_memorized_id": least[drawn % size],
        }
    )


def distances(first_PD: Reals, second_PD: Reals) -> Reals:
    """l2 distance of each pair of states: [P]."""
    distance_P: Reals = np.linalg.norm(first_PD - second_PD, axis=1)
    return distance_P


def angles(first_PD: Reals, second_PD: Reals) -> Reals:
    """Return the angle of each pair of states in degrees, 0 to 180: [P].

    By Kahan's formula, which stays exact for small angles, where the arc cosine loses half of the digits.
    """
    first_PD = first_PD / np.linalg.norm(first_PD, axis=1, keepdims=True)
    second_PD = second_PD / np.linalg.norm(second_PD, axis=1, keepdims=True)
    opposite_P = np.linalg.norm(first_PD - second_PD, axis=1)
    adjacent_P = np.linalg.norm(first_PD + second_PD, axis=1)
    angle_P: Reals = np.degrees(2 * np.arctan2(opposite_P, adjacent_P))
    return angle_P

"""An audit estimates how much of a dataset a model knows, by its scores and those of a reference that it cannot know.

An example counts as known where its score lies below all but 5% of the reference. Of examples like the reference, 5%
lie there by chance; the share beyond is the estimate. It is a lower bound on what was seen, as much that was seen is
not remembered, and an upper bound on nothing: easy text scores low, too, which the reference must share.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ibft.memorization.separation import Interval, auroc_interval
from ibft.runtime.errors import UserError

Reals = NDArray[np.float64]

SCORES = {
    "min_k_prob": "Min-K% Prob",
    "min_k_plus_plus": "Min-K%++",
    "loss": "Loss",
    "zlib_ratio": "Loss per compressed byte",
}
"""Columns of TRACES that are compared; the first decides which examples count as known."""
FALSE_POSITIVES = 0.05
RESAMPLES = 1000
SMALLEST_REFERENCE = 20  # examples; below, the 5% quantile is the smallest score


@dataclass(frozen=True)
class Known:
    """The share of the examples that are known beyond chance, AUROC against the reference, and the threshold."""

    share: Interval
    auroc: Interval
    threshold: float


def known(data: Reals, reference: Reals, seed: int = 0) -> Known:
    """Compare scores of the data with those of a reference, each of at least `SMALLEST_REFERENCE` examples.

    Returns:
        estimates with their 95% intervals over examples of both; that of the share is a percentile bootstrap.

    Raises:
        UserError: one of the two has too few scores.
    """
    if min(len(data), len(reference)) < SMALLEST_REFERENCE:
        raise UserError(
            f"{len(data)} examples are compared with {len(reference)} of the reference: give {SMALLEST_REFERENCE} or "
            "more of each"
        )
    random = np.random.default_rng(seed)
    shares = [
        _share(random.choice(data, len(data)), random.choice(reference, len(reference))) for _ in range(RESAMPLES)
    ]
    low, high = np.quantile(shares, [0.025, 0.975])
    return Known(
        share=Interval(_share(data, reference), float(low), float(high)),
        auroc=auroc_interval(data, reference),
        threshold=_threshold(reference),
    )


def known_by_score(data: pd.DataFrame, reference: pd.DataFrame) -> dict[tuple[str, str], Known]:
    """Compare TRACES of the data with those of the reference: `known` by form and score."""
    found = {}
    for form, of_data in data.groupby("form", sort=False):
        of_reference = reference[reference["form"] == form]
        for score in SCORES:
            found[str(form), score] = known(of_data[score].to_numpy(), of_reference[score].to_numpy())
    return found


def _threshold(reference: Reals) -> float:
    return float(np.quantile(reference, FALSE_POSITIVES))


def _share(data: Reals, reference: Reals) -> float:
    below = float((data < _threshold(reference)).mean())
    return max(0.0, (below - FALSE_POSITIVES) / (1 - FALSE_POSITIVES))


def spans(log_probs: Reals, least: int = 8, probability: float = 0.5) -> list[tuple[int, int]]:
    """Return [from, to) of every run of `least` or more tokens, each as likely as `probability` or more."""
    likely = np.concatenate([[False], log_probs >= np.log(probability), [False]]).astype(np.int8)
    starts, ends = (np.flatnonzero(np.diff(likely) == change) for change in (1, -1))
    return [(int(start), int(end)) for start, end in zip(starts, ends, strict=True) if end - start >= least]

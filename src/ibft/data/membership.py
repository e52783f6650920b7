"""Known membership: what a model was shown, and which examples of another dataset are among it."""

import hashlib

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def membership_of(examples: pd.DataFrame, dataset: str, epochs: float) -> pd.DataFrame:
    """Return table MEMBERSHIP of a model that was shown each of `examples` (table EXAMPLES) for `epochs`."""
    return pd.DataFrame(
        {
            "dataset": dataset,
            "example_id": examples["example_id"],
            "content": contents(examples),
            "exposures": float(epochs),
        }
    )


def is_member(examples: pd.DataFrame, membership: pd.DataFrame) -> NDArray[np.bool_]:
    """Tell of each of `examples` whether it is in `membership`: by its text, as ids may repeat across datasets."""
    return contents(examples).isin(membership["content"]).to_numpy()


def contents(examples: pd.DataFrame) -> pd.Series:
    """Return the SHA-256 of each example's instruction and response."""
    texts = examples["instruction"] + "\0" + examples["response"]
    return texts.map(lambda text: hashlib.sha256(text.encode()).hexdigest())

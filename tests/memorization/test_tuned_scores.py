"""p1 is read of every training seed, and lined up with p0 by example."""

import numpy as np
import pytest

from ibft.memorization.distributions import tuned_scores
from ibft.runtime.errors import UserError
from tests import synthetic_run


def test_examples_are_lined_up_and_seeds_are_columns() -> None:
    base = synthetic_run.memorization(3.0, examples=8)
    tuned = base.assign(min_k_prob=base["min_k_prob"] - 1)
    shuffled = tuned.sample(frac=1, random_state=0)
    found = tuned_scores({"p0": base, "p1-seed0": tuned, "p1-seed7": shuffled, "p2": base}, 20)
    expected = base.loc[base["k"] == 20, "min_k_prob"].to_numpy() - 1
    np.testing.assert_allclose(found, np.stack([expected, expected], axis=1))


def test_without_a_fine_tuned_model_there_is_none() -> None:
    base = synthetic_run.memorization(3.0, examples=8)
    assert tuned_scores({"p0": base, "p2": base}, 20) is None


def test_scores_of_other_examples_are_refused() -> None:
    base = synthetic_run.memorization(3.0, examples=8)
    with pytest.raises(UserError, match="different examples"):
        tuned_scores({"p0": base, "p1-seed0": base[base["example_id"] != "example-3"]}, 20)

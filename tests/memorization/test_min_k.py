"""Min-K% Prob and Min-K%++ of single sequences, against cases worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibft.memorization.min_k import TokenStatistics, mean_of_lowest, min_k_plus_plus, min_k_prob


def statistics(log_prob: list[float], mean: float = -2.0, std: float = 1.0) -> TokenStatistics:
    values = np.array(log_prob)
    return TokenStatistics(values, np.full_like(values, mean), np.full_like(values, std), np.zeros_like(values))


def test_the_least_likely_tokens_are_averaged_and_negated() -> None:
    tokens = statistics([-1.0, -9.0, -2.0, -7.0, -3.0, -0.5, -0.1, -0.2, -0.3, -0.4])
    assert min_k_prob(tokens, [10, 20, 100]) == pytest.approx([9.0, 8.0, 2.35])


def test_min_k_plus_plus_standardises_each_token() -> None:
    tokens = TokenStatistics(np.array([-4.0, -4.0]), np.array([-4.0, -1.0]), np.array([1.0, 2.0]), np.zeros(2))
    assert min_k_plus_plus(tokens, [50, 100]) == pytest.approx([1.5, 0.75])


def test_a_short_sequence_still_averages_one_token() -> None:
    assert min_k_prob(statistics([-5.0, -1.0]), [5]) == [5.0]


def test_k_percent_is_rounded_down_without_floating_point_accidents() -> None:
    values = -np.arange(100.0)
    assert mean_of_lowest(values, [29]) == pytest.approx([np.arange(71, 100).mean()])  # int(100 * 0.29) would be 28


def test_a_certain_model_gives_finite_scores() -> None:
    tokens = TokenStatistics(*np.zeros((4, 3)))
    assert min_k_plus_plus(tokens, [20]) == [0.0]


def test_a_sequence_without_tokens_has_no_score() -> None:
    with pytest.raises(ValueError, match="no score"):
        min_k_prob(statistics([]), [20])


@given(st.lists(st.floats(-30, 0), min_size=1, max_size=60), st.integers(1, 100))
def test_scores_fall_as_k_grows_and_ignore_the_order_of_tokens(log_prob: list[float], k: int) -> None:
    scores = min_k_prob(statistics(log_prob), [k, 100])
    assert scores[0] >= scores[1] - 1e-12
    assert scores[0] == pytest.approx(min_k_prob(statistics(sorted(log_prob)), [k])[0])

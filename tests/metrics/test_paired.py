"""The paired test and its interval: exact where few problems are, never in contradiction, and Holm's correction."""

import itertools

import numpy as np
import pytest
from scipy import stats

from ibft.statistics.crossed import crossed_test
from ibft.statistics.holm import holm
from ibft.statistics.paired import paired_test
from ibft.statistics.sign_flips import sign_flip_test


def test_few_problems_are_tested_with_all_sign_patterns() -> None:
    difference = np.array([0.1, 0.3, 0.2, -0.1, 0.5, 0.4, 0.0, 0.0])
    patterns = [abs(np.dot(signs, difference)) for signs in itertools.product((-1, 1), repeat=8)]
    _, _, p = sign_flip_test(difference[:, None])
    assert p[0] == np.mean([pattern >= difference.sum() - 1e-12 for pattern in patterns])


def test_the_interval_is_what_the_test_does_not_reject() -> None:
    """The difference minus a bound is at the edge of the 5% level; so it is for every bound."""
    difference = np.random.default_rng(0).normal(0.1, 0.3, (10, 1))
    low, high, _ = sign_flip_test(difference)
    for bound, outwards in ((low, -1e-6), (high, 1e-6)):
        assert sign_flip_test(difference - bound)[2][0] > 0.05
        assert sign_flip_test(difference - bound - outwards)[2][0] <= 0.05


@pytest.mark.parametrize("problems", [6, 12, 44])
def test_interval_and_p_value_never_contradict_each_other(problems: int) -> None:
    random = np.random.default_rng(problems)
    differences = random.binomial(10, 0.5, (problems, 300)) / 10 - random.binomial(10, 0.35, (problems, 300)) / 10
    differences *= random.random((problems, 300)) < 0.6
    tested = paired_test(differences[:, None, :])
    decided = ~np.isnan(tested.p_M)
    assert (decided == ((differences != 0).sum(axis=0) >= 6)).all()
    contains_0 = (tested.low_M <= 0) & (tested.high_M >= 0)
    assert (contains_0 == (tested.p_M > 0.05))[decided].all()
    if problems > 6:
        assert 0 < contains_0[decided].mean() < 1


def test_with_seeds_interval_and_p_value_agree_too() -> None:
    differences = np.random.default_rng(1).normal(0.1, 0.4, (20, 3, 300))
    low, high, p = crossed_test(differences)
    assert ((p > 0.05) == ((low <= 0) & (high >= 0))).all()


def test_of_thirty_seeds_that_dominate_it_is_students_test_over_seeds() -> None:
    random = np.random.default_rng(2)
    of_seed = random.normal(0.1, 0.3, 30)
    differences = of_seed[None, :] + random.normal(0, 1e-4, (50, 30))
    students = stats.ttest_1samp(of_seed, 0)
    low, high, p = crossed_test(differences[..., None])
    assert p[0] == pytest.approx(students.pvalue, rel=0.03)
    assert [low[0], high[0]] == pytest.approx(list(students.confidence_interval()), abs=0.003)


def test_the_test_agrees_with_scipys() -> None:
    random = np.random.default_rng(3)
    first, second = random.normal(0.15, 0.4, 40), np.zeros(40)
    scipys = stats.permutation_test(
        (first, second), lambda a, b: np.mean(a - b), permutation_type="samples", n_resamples=20_000, rng=1
    )
    _, _, p = sign_flip_test((first - second)[:, None])
    assert p[0] == pytest.approx(scipys.pvalue, abs=0.01)


def test_below_six_problems_the_test_is_refused() -> None:
    with pytest.raises(ValueError, match="needs 6"):
        sign_flip_test(np.ones((5, 1)))


def test_holm_adjusts_as_in_the_textbook_and_passes_over_what_is_undecided() -> None:
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, 0.03, 0.005])), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm(np.array([0.01, np.nan, 0.03])), [0.02, np.nan, 0.03])
    assert holm(np.array([])).shape == (0,)

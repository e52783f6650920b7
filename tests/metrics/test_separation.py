"""Overlap, KS distance and AUROC, against SciPy and against what is known in closed form."""

import numpy as np
import pytest
from scipy import stats

from ibft.memorization.separation import auroc_interval, paired_shift, separation
from ibft.runtime.errors import UserError


@pytest.fixture
def normals() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    return random.normal(0, 1, 3000), random.normal(1, 1, 2000)


def test_two_normals_are_as_far_apart_as_the_formulas_say(normals: tuple[np.ndarray, np.ndarray]) -> None:
    """Overlap 2 Phi(-d/2), KS 2 Phi(d/2) - 1, AUROC Phi(d / sqrt 2) for two unit normals at distance d = 1."""
    found = separation(*normals, resamples=200)
    assert found.overlap.estimate == pytest.approx(2 * stats.norm.cdf(-0.5), abs=0.03)
    assert found.ks == pytest.approx(2 * stats.norm.cdf(0.5) - 1, abs=0.03)
    assert found.auroc.estimate == pytest.approx(stats.norm.cdf(2**-0.5), abs=0.02)


def test_ks_and_auroc_equal_scipy_with_ties() -> None:
    random = np.random.default_rng(1)
    first, second = random.integers(0, 6, 40) / 2, random.integers(1, 8, 30) / 2
    found = separation(first, second, resamples=2)
    assert found.ks == pytest.approx(stats.ks_2samp(first, second).statistic)
    u = stats.mannwhitneyu(second, first).statistic
    assert found.auroc.estimate == pytest.approx(u / (40 * 30))


def test_intervals_surround_the_estimate_and_narrow_with_more_data(normals: tuple[np.ndarray, np.ndarray]) -> None:
    few, many = separation(normals[0][:60], normals[1][:60]), separation(*normals)
    for name in ("overlap", "auroc"):
        small, large = getattr(few, name), getattr(many, name)
        assert large.low < large.estimate < large.high
        assert large.high - large.low < (small.high - small.low) / 3


def test_the_interval_of_auroc_is_as_wide_as_theory_says(normals: tuple[np.ndarray, np.ndarray]) -> None:
    """Hanley and McNeil (1982), with the exact Q1 and Q2 estimated from the placements."""
    first, second = normals
    found = separation(first, second).auroc
    above = np.array([(second > x).mean() for x in first])
    below = np.array([(first < y).mean() for y in second])
    error = np.sqrt(above.var() / len(first) + below.var() / len(second))
    assert (found.high - found.low) / (2 * 1.96) == pytest.approx(error, rel=0.15)


def test_equal_and_disjoint_samples_are_the_two_extremes() -> None:
    values = np.random.default_rng(2).gamma(5, 1, 300)
    equal, disjoint = separation(values, values.copy()), separation(values, values + 500)
    assert equal.overlap.estimate == pytest.approx(1)
    assert (equal.ks, equal.ks_p, equal.auroc.estimate) == (0, 1, pytest.approx(0.5))
    assert equal.overlap.high == pytest.approx(1)
    assert disjoint.overlap.estimate == pytest.approx(0, abs=1e-6)
    assert (disjoint.ks, disjoint.auroc.estimate) == (1, 1)
    assert disjoint.ks_p < 0.01


def test_scores_that_show_no_variance_do_not_make_auroc_certain() -> None:
    """All ten of either side are apart: an AUROC of 1 is then as sure as a share of ten out of ten."""
    disjoint = auroc_interval(np.arange(10.0), np.arange(20.0, 30.0))
    assert (disjoint.estimate, disjoint.high) == (1, 1)
    assert 0.6 < disjoint.low < 0.8
    constant = auroc_interval(np.ones(10), np.ones(10))
    assert constant.estimate == 0.5
    assert constant.low < 0.25
    assert constant.high > 0.75
    assert str(auroc_interval(np.ones(1), np.arange(5.0))) == "0.70 [0.00, 1.00]"


def test_constant_scores_do_not_break_the_densities() -> None:
    assert separation(np.ones(5), np.ones(7), resamples=5).overlap.estimate == pytest.approx(1)
    assert separation(np.ones(5), np.full(7, 3.0), resamples=5).overlap.estimate == pytest.approx(0, abs=1e-6)


def test_the_p_value_of_ks_is_scipys_where_no_scores_are_tied() -> None:
    random = np.random.default_rng(5)
    first, second = random.normal(0, 1, 40), random.normal(0.5, 1, 30)
    found = separation(first, second, resamples=4000)
    assert found.ks_p == pytest.approx(stats.ks_2samp(first, second, method="exact").pvalue, abs=0.02)


def test_a_shift_of_the_same_examples_is_sure_where_two_samples_would_not_be() -> None:
    """Every example moves by -0.1, while examples differ by nats."""
    random = np.random.default_rng(6)
    before = random.gamma(9, 0.3, 60)
    after = before - 0.1 + random.normal(0, 0.02, 60)
    shift = paired_shift(before, after[:, None])
    assert shift.low < -0.1 < shift.high < -0.09
    assert list(stats.ttest_1samp(after - before, 0).confidence_interval()) == pytest.approx([shift.low, shift.high])
    seeds = paired_shift(before, np.stack([after, after + 0.05, after - 0.05], axis=1))
    assert seeds.high - seeds.low > 5 * (shift.high - shift.low)


def test_a_single_score_is_refused() -> None:
    with pytest.raises(UserError, match="at least two examples"):
        paired_shift(np.ones(1), np.ones((1, 1)))
    with pytest.raises(UserError, match="at least two"):
        separation(np.ones(1), np.ones(5))

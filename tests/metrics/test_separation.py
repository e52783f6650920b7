"""Overlap, KS distance and AUROC, against SciPy and against what is known in closed form."""

import numpy as np
import pytest
from scipy import stats

from ibft.memorization.separation import separation
from ibft.runtime.errors import UserError


@pytest.fixture
def normals() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    return random.normal(0, 1, 3000), random.normal(1, 1, 2000)


def test_two_normals_are_as_far_apart_as_the_formulas_say(normals: tuple[np.ndarray, np.ndarray]) -> None:
    """Overlap 2 Phi(-d/2), KS 2 Phi(d/2) - 1, AUROC Phi(d / sqrt 2) for two unit normals at distance d = 1."""
    found = separation(*normals, resamples=200)
    assert found.overlap.estimate == pytest.approx(2 * stats.norm.cdf(-0.5), abs=0.03)
    assert found.ks.estimate == pytest.approx(2 * stats.norm.cdf(0.5) - 1, abs=0.03)
    assert found.auroc.estimate == pytest.approx(stats.norm.cdf(2**-0.5), abs=0.02)


def test_ks_and_auroc_equal_scipy_with_ties() -> None:
    random = np.random.default_rng(1)
    first, second = random.integers(0, 6, 40) / 2, random.integers(1, 8, 30) / 2
    found = separation(first, second, resamples=2)
    assert found.ks.estimate == pytest.approx(stats.ks_2samp(first, second).statistic)
    u = stats.mannwhitneyu(second, first).statistic
    assert found.auroc.estimate == pytest.approx(u / (40 * 30))


def test_intervals_surround_the_estimate_and_narrow_with_more_data(normals: tuple[np.ndarray, np.ndarray]) -> None:
    few, many = separation(normals[0][:60], normals[1][:60]), separation(*normals)
    for name in ("ks", "auroc"):
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
    assert (equal.ks.estimate, equal.auroc.estimate) == (0, pytest.approx(0.5))
    assert disjoint.overlap.estimate == pytest.approx(0, abs=1e-6)
    assert (disjoint.ks.estimate, disjoint.auroc.estimate) == (1, 1)


def test_constant_scores_do_not_break_the_densities() -> None:
    assert separation(np.ones(5), np.ones(7), resamples=5).overlap.estimate == pytest.approx(1)
    assert separation(np.ones(5), np.full(7, 3.0), resamples=5).overlap.estimate == pytest.approx(0, abs=1e-6)


def test_a_single_score_is_refused() -> None:
    with pytest.raises(UserError, match="at least two"):
        separation(np.ones(1), np.ones(5))

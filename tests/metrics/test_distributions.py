"""Overlap, Kolmogorov-Smirnov distance and AUROC against cases with a known answer."""

import numpy as np
import pytest
from scipy import stats

from ibft.metrics.distributions import auroc, common_grid, density, ks_distance, overlap_coefficient


def test_equal_samples_overlap_fully_and_distant_ones_not_at_all() -> None:
    values = np.random.default_rng(0).gamma(5, 1, 500)
    assert overlap_coefficient(values, values[::-1]) == 1.0
    assert overlap_coefficient(values, values + 1000) == pytest.approx(0, abs=1e-6)
    assert ks_distance(values, values + 1000) == 1.0


def test_the_overlap_of_two_normals_is_the_analytic_one() -> None:
    random = np.random.default_rng(1)
    first, second = random.normal(10, 1, 4000), random.normal(12, 1, 4000)
    assert overlap_coefficient(first, second) == pytest.approx(2 * stats.norm.cdf(-1), abs=0.03)


def test_auroc_is_the_share_of_ordered_pairs_with_ties_halved() -> None:
    assert auroc(np.array([1.0, 2.0]), np.array([3.0, 4.0])) == 1.0
    assert auroc(np.array([3.0, 4.0]), np.array([1.0, 2.0])) == 0.0
    assert auroc(np.array([1.0, 2.0]), np.array([2.0, 3.0])) == (1 + 1 + 0.5 + 1) / 4


def test_a_density_near_zero_keeps_its_mass() -> None:
    values = np.random.default_rng(2).exponential(1, 2000)
    grid = np.linspace(0, 20, 4000)
    assert np.trapezoid(density(values, grid), grid) == pytest.approx(1, abs=0.01)
    assert common_grid(values)[0] == 0


def test_a_constant_sample_has_no_density() -> None:
    with pytest.raises(ValueError, match="two distinct"):
        density(np.ones(5), np.linspace(0, 2, 5))
    assert overlap_coefficient(np.ones(5), np.array([1.0, 2.0])) == 0.0

"""Tail areas and quantiles equal SciPy's, from the middle to far tails, whatever the degrees of freedom."""

import numpy as np
import pytest
from scipy import stats

from ibft.statistics.quantiles import chi_squared_ppf, normal_ppf, normal_sf, t_isf, t_sf

CHANCES = np.array([1e-6, 1e-3, 0.0005, 0.025, 0.2, 0.5, 0.8, 0.975, 0.9995, 1 - 1e-6])
VALUES = np.array([-30.0, -2.0, -0.1, 0.0, 0.1, 1.0, 2.0, 6.0, 30.0])
FREEDOMS = (1.0, 1.3, 2.0, 4.7, 43.0, 163.5, 5000.0)


def test_normal_tails_and_quantiles() -> None:
    np.testing.assert_allclose(normal_sf(VALUES), stats.norm.sf(VALUES), rtol=1e-12)
    np.testing.assert_allclose(normal_ppf(CHANCES), stats.norm.ppf(CHANCES), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("freedom", FREEDOMS)
def test_students_tails_and_quantiles(freedom: float) -> None:
    moderate = VALUES[np.abs(VALUES) < 10]  # beyond, thin tails are smaller than numbers can be
    np.testing.assert_allclose(t_sf(moderate, freedom), stats.t.sf(moderate, freedom), rtol=1e-9)
    for chance in CHANCES[CHANCES < 0.5]:
        assert t_isf(float(chance), freedom) == pytest.approx(stats.t.isf(chance, freedom), rel=1e-9)


def test_shapes_broadcast_and_what_is_certain_has_no_tail() -> None:
    freedom_M = np.array(FREEDOMS)
    assert t_sf(np.array([[0.0], [2.0]]), freedom_M).shape == (2, len(FREEDOMS))
    np.testing.assert_allclose(t_isf(0.025, freedom_M), stats.t.isf(0.025, freedom_M), rtol=1e-9)
    np.testing.assert_allclose(t_sf(np.array([-np.inf, np.inf]), 2.0), [1, 0], atol=1e-12)
    np.testing.assert_allclose(normal_sf(np.array([-np.inf, np.inf])), [1, 0])


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 43, 86, 155, 310, 620, 2000])
def test_chi_squared_quantiles(freedom: int) -> None:
    quantiles = chi_squared_ppf(CHANCES, freedom)
    np.testing.assert_allclose(stats.chi2.cdf(quantiles, freedom), CHANCES, rtol=1e-9)
    np.testing.assert_allclose(quantiles, stats.chi2.ppf(CHANCES, freedom), rtol=1e-8)

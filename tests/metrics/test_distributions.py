"""Densities keep their mass at zero, and refuse what has none."""

import numpy as np
import pytest

from ibft.memorization.distributions import common_grid, density


def test_a_density_near_zero_keeps_its_mass() -> None:
    values = np.random.default_rng(2).exponential(1, 2000)
    grid = np.linspace(0, 20, 4000)
    assert np.trapezoid(density(values, grid), grid) == pytest.approx(1, abs=0.01)
    assert common_grid(values)[0] == 0


def test_a_constant_sample_has_no_density() -> None:
    with pytest.raises(ValueError, match="two distinct"):
        density(np.ones(5), np.linspace(0, 2, 5))

"""Draws that nothing shares: one seed per sample, one stream per seed."""

from itertools import pairwise, product

import numpy as np

from ibft.sampling.seeds import sample_seed, uniform_numbers


def test_a_seed_is_the_same_on_every_machine():
    assert sample_seed("smollm2/rtl/ft/seed0", "rtl-mini", 0.2, 0, "easy_wire", 0) == 4897576161293358663
    np.testing.assert_array_equal(
        uniform_numbers(1, 3), np.array([0.3035680343067586, 0.8487087496857769, 0.1561347780434731])
    )


def test_samples_of_all_cells_have_different_seeds_that_are_not_neighbours():
    names = product(("a/ft", "a/ibft"), ("b", "c"), (0.2, 0.6, 1.0), range(5), ("t1", "t2", "t3"), range(10))
    seeds = sorted(sample_seed(*name) for name in names)
    assert len(set(seeds)) == 2 * 2 * 3 * 5 * 3 * 10
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert min(b - a for a, b in pairwise(seeds)) > 10


def test_an_integral_temperature_is_the_same_as_its_float():
    assert sample_seed("v", "b", 1, 0, "t", 0) == sample_seed("v", "b", 1.0, 0, "t", 0)


def test_streams_of_neighbouring_seeds_are_uncorrelated():
    first, second = uniform_numbers(1, 20_000), uniform_numbers(2, 20_000)
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.03
    assert not np.intersect1d(first, second).size


def test_a_longer_stream_begins_with_the_shorter_one():
    np.testing.assert_array_equal(uniform_numbers(7, 10), uniform_numbers(7, 1000)[:10])

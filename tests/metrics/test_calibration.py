"""Intervals cover the truth as often as they claim, and tests raise as few false alarms as they claim.

Where the truth is within a few percent of 0 or 1, what decides it is rarer than one problem per benchmark, and no
interval can know of what it did not see: those metrics are left out here, as `bootstrap_interval` says.

IBFT_SIMULATIONS says how many simulations a setting has; by default so few that three standard errors are allowed for.
"""

import os
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy import stats

from ibft.gradients.imbalance import deciles
from ibft.metrics.pass_at_k import pass_at_k_m
from ibft.statistics.bootstrap import bootstrap_interval
from ibft.statistics.crossed import crossed_test
from ibft.statistics.paired import LEVEL, paired_test
from tests.metrics.simulation import (
    ONE_SEED,
    PASS_1,
    QUIET_SEEDS,
    WITH_SEED_NOISE,
    Rate,
    blind_alarms,
    coverage_of_another_trial,
    coverage_of_auroc,
    coverage_of_correlation,
    coverage_of_estimands,
    coverage_of_mean,
    coverage_of_metric,
    coverage_of_overlap,
    coverage_of_share,
    coverage_of_shift,
    ks_p_values,
    paired,
)

N = 10
METRICS = [(1, 1), (5, 1), (10, 1), (10, 2), (10, 5), (10, 10)]
SCORES = {pair: np.array([pass_at_k_m(N, c, *pair) for c in range(N + 1)]) for pair in METRICS}
SIMULATIONS = 1000
FEW = int(os.environ.get("IBFT_SIMULATIONS", "120"))

# Beta distributions of a problem's chance to be solved: spread out, mostly solved, mostly failed, all or nothing.
POPULATIONS = {"spread": (0.6, 0.9), "easy": (4, 0.6), "hard": (0.35, 2.2), "all-or-nothing": (0.25, 0.25)}
SETTINGS = [("spread", 44, 1), ("spread", 156, 5), ("easy", 164, 1), ("hard", 44, 5), ("hard", 143, 1)]
SETTINGS += [("all-or-nothing", 82, 1), ("all-or-nothing", 164, 5)]


def simulated(
    pair: tuple[int, int], difficulty: npt.NDArray[np.float64], trials: int, random: np.random.Generator
) -> npt.NDArray[np.float64]:
    """The metric of every problem, averaged over trials: the shape of `difficulty`."""
    drawn: npt.NDArray[np.float64] = np.mean(
        [SCORES[pair][random.binomial(N, difficulty)] for _ in range(trials)], axis=0
    )
    return drawn


@pytest.mark.parametrize(("population", "problems", "trials"), SETTINGS)
def test_intervals_cover_the_truth_95_percent_of_the_time(population: str, problems: int, trials: int) -> None:
    random = np.random.default_rng([problems, trials])
    people = random.beta(*POPULATIONS[population], 100_000)
    coverages = {}
    for pair in METRICS:
        truth = simulated(pair, people, 5, random).mean()
        if 0.05 <= truth <= 0.95:
            scores = simulated(pair, random.choice(people, size=(problems, SIMULATIONS)), trials, random)
            low, high = bootstrap_interval(scores, resamples=1000)
            coverages[pair] = np.mean((low <= truth) & (truth <= high))
    assert len(coverages) >= 2
    assert 0.93 <= np.mean(list(coverages.values())) <= 0.97
    assert min(coverages.values()) >= 0.92  # single metrics may be above: few problems that pass or fail move in steps


@pytest.mark.parametrize(("population", "problems", "trials"), SETTINGS)
def test_the_sign_flip_test_raises_5_percent_false_alarms(population: str, problems: int, trials: int) -> None:
    """Pass@1 keeps its level; where few problems differ at all, as with strict metrics, alarms are rarer still."""
    random = np.random.default_rng([problems, trials])
    difficulty = random.beta(*POPULATIONS[population], (problems, FEW))
    for pair in ((1, 1), (10, 5)):
        difference = simulated(pair, difficulty, trials, random) - simulated(pair, difficulty, trials, random)
        alarms = np.mean(paired_test(difference[:, None]).p_M <= LEVEL)
        assert alarms <= 0.07 + error(FEW, 0.05)
        assert pair != (1, 1) or alarms >= 0.03 - error(FEW, 0.05)


def error(simulations: int, share: float = 0.95) -> float:
    """Return three standard errors of a share."""
    return float(3 * np.sqrt(share * (1 - share) / simulations))


def mean(rates: list[Rate]) -> Rate:
    return Rate(float(np.average([r.share for r in rates], weights=[r.of for r in rates])), sum(r.of for r in rates))


def promised(rate: Rate, low: float = 0.93, high: float = 0.97) -> bool:
    return low - error(rate.of, low) <= rate.share <= high + error(rate.of, high)


def test_the_interval_of_a_paired_difference_covers_it() -> None:
    assert promised(mean([paired(ONE_SEED, pair, FEW, skill=0.6)[0] for pair in (PASS_1, (5, 1))]))


@pytest.mark.parametrize("skill", [0.0, 0.6])
def test_with_seed_noise_the_interval_of_a_paired_difference_covers_it(skill: float) -> None:
    assert promised(mean([paired(world, PASS_1, FEW, skill)[0] for world in WITH_SEED_NOISE]))


def test_with_seed_noise_the_paired_test_keeps_its_level_and_one_blind_to_seeds_does_not() -> None:
    alarms = mean([paired(world, PASS_1, FEW, skill=0.0, rng=1)[1] for world in WITH_SEED_NOISE])
    assert promised(alarms, 0.03, 0.07)
    for world in WITH_SEED_NOISE[:2]:
        assert blind_alarms(world, PASS_1, FEW).share > 0.2
    one_of_the_seeds = replace(WITH_SEED_NOISE[0], seeds=1)
    assert paired(one_of_the_seeds, PASS_1, FEW, skill=0.0)[1].share > 0.2, "one seed compares checkpoints"


def test_where_seeds_differ_little_the_paired_test_is_careful() -> None:
    assert paired(QUIET_SEEDS, PASS_1, FEW, skill=0.0)[1].share <= 0.05


@pytest.mark.parametrize("skill", [-2.0, 0.0, 4.0])
def test_with_seed_noise_intervals_of_metrics_cover_the_truth(skill: float) -> None:
    assert promised(mean([coverage_of_metric(world, PASS_1, FEW, skill=skill) for world in WITH_SEED_NOISE]))


def test_where_seeds_differ_little_beside_problems_the_test_is_not_too_careful() -> None:
    """Seeds make a tenth of the variance: by generalized inference alone, alarms are below 3%."""
    random, problems, seeds = np.random.default_rng(0), 156, 3
    of_seed = np.sqrt(11 / 9 * seeds / problems / seeds)
    differences = random.normal(0, np.sqrt(10 / seeds), (problems, 1, 1200)) + random.normal(0, of_seed, (seeds, 1200))
    _, _, p_M = crossed_test(differences + random.normal(0, 1, (problems, seeds, 1200)))
    assert 0.03 <= np.mean(p_M <= LEVEL) <= 0.07


@pytest.mark.parametrize(("distance", "highest"), [(0.0, 0.975), (0.3, 0.97), (1.0, 0.97), (2.5, 0.975)])
def test_the_interval_of_the_overlap_covers_it(distance: float, highest: float) -> None:
    """Equal laws have the largest possible overlap, so the interval can only miss on one side."""
    assert promised(coverage_of_overlap((60, 80), distance, max(FEW // 4, 50)), high=highest)


@pytest.mark.parametrize("size", [20, 40, 100])
def test_the_interval_of_auroc_covers_it(size: int) -> None:
    assert promised(mean([coverage_of_auroc((size, size), distance, FEW) for distance in (0.0, 1.0, 2.0)]))


def test_the_interval_of_auroc_covers_it_where_one_side_is_small_and_few_pairs_are_out_of_order() -> None:
    assert 0.93 <= coverage_of_auroc((20, 100), 3.0, 500).share <= 0.99


def test_the_interval_of_a_rank_correlation_covers_it() -> None:
    assert promised(mean([coverage_of_correlation(40, correlation, FEW // 2) for correlation in (0.0, 0.5)]))


@pytest.mark.parametrize("seeds", [1, 3])
def test_the_intervals_of_the_barriers_estimands_cover_them(seeds: int) -> None:
    assert promised(coverage_of_estimands(24, seeds, FEW // 3))


@pytest.mark.parametrize("ties", [False, True])
def test_the_p_value_of_ks_is_uniform_under_the_null(ties: bool) -> None:
    p_values = ks_p_values((40, 60), FEW, ties)
    assert stats.kstest(p_values, "uniform").statistic < 1.63 / np.sqrt(FEW) + 0.05 * ties  # ties make it coarse
    assert promised(Rate(float(np.mean(p_values <= LEVEL)), FEW), 0.03, 0.07)


@pytest.mark.parametrize("seeds", [1, 3])
def test_the_interval_of_the_shift_covers_it(seeds: int) -> None:
    assert promised(coverage_of_shift(97, seeds, FEW))


@pytest.mark.parametrize("examples", [10, 50])
def test_the_interval_of_a_mean_covers_it(examples: int) -> None:
    assert promised(coverage_of_mean(examples, FEW))


def test_the_interval_of_a_deciles_mean_gradient_covers_it() -> None:
    """Gradient norms of a decile's examples are skewed, and there may be only ten."""
    random, inside = np.random.default_rng(8), 0
    for _ in range(FEW):
        rows = pd.DataFrame({"grand": random.gamma(9, 0.05, 10), "el2n": 1.0, "tokens": 5, "min_k_prob": 1.0})
        row = deciles(pd.concat([rows.assign(example_id=f"{i}") for i in range(10)]).assign(min_k_prob=range(100)))
        inside += row["grand_low"].iloc[0] <= 0.45 <= row["grand_high"].iloc[0]
    assert promised(Rate(inside / FEW, FEW))


@pytest.mark.parametrize("examples", [10, 20, 50])
def test_the_interval_of_a_mean_share_covers_it_at_least_as_often(examples: int) -> None:
    """Nothing can be exact where whole continuations are a tenth of ten examples."""
    assert promised(coverage_of_share(examples, FEW), high=1.0)


@pytest.mark.parametrize("trials", [1, 5])
def test_another_trial_lies_where_it_is_said_to(trials: int) -> None:
    assert promised(coverage_of_another_trial(44, trials, FEW))

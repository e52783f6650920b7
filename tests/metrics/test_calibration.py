"""Do the intervals cover the truth as often as they claim, and does the test raise as few false alarms as it claims?

Simulated benchmarks of 44 to 164 problems whose difficulties are drawn from a population, sampled n = 10 times in 1 to
5 trials. Where the truth is within a few percent of 0 or 1, what decides it is rarer than one problem per benchmark,
and no interval can know of what it did not see: those metrics are left out here, as `bootstrap_interval` says.
"""

import numpy as np
import numpy.typing as npt
import pytest

from ibft.metrics.compare import sign_flip_p_values
from ibft.metrics.intervals import bootstrap_interval
from ibft.metrics.pass_at_k import pass_at_k_m

N = 10
METRICS = [(1, 1), (5, 1), (10, 1), (10, 2), (10, 5), (10, 10)]
SCORES = {pair: np.array([pass_at_k_m(N, c, *pair) for c in range(N + 1)]) for pair in METRICS}
SIMULATIONS = 1000

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
def test_the_permutation_test_raises_5_percent_false_alarms(population: str, problems: int, trials: int) -> None:
    """Pass@1 keeps its level; where few problems differ at all, as with strict metrics, alarms are rarer still."""
    random = np.random.default_rng([problems, trials])
    difficulty = random.beta(*POPULATIONS[population], (problems, 2 * SIMULATIONS))
    for pair in METRICS:
        difference = simulated(pair, difficulty, trials, random) - simulated(pair, difficulty, trials, random)
        alarms = np.mean(sign_flip_p_values(difference) <= 0.05)
        assert alarms <= 0.07
        assert pair != (1, 1) or alarms >= 0.03

"""Simulated benchmarks, trainings and scores, whose truth is known: how often do intervals and tests keep their word?

    uv run python -m tests.metrics.simulation            # the table of docs/statistics.md, minutes

A problem has a difficulty. A trained model solves it with a chance that falls with the difficulty; trainings with
other seeds are better or worse as a whole (`seed`) and on single problems (`pair`), in logits. Samples are drawn from
these chances. So problems, trainings and sampling are all part of the chance, as they are of a run.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from ibft.barrier.estimands import BEFORE, Arm, Twins, estimands
from ibft.config.sections import REFERENCE
from ibft.gradients.imbalance import correlations
from ibft.memorization.overlap import overlap_interval
from ibft.memorization.separation import auroc_interval, ks_p_value, paired_shift
from ibft.metrics.aggregate import trial_std
from ibft.metrics.cells import Cell
from ibft.metrics.pass_at_k import pass_at_k_m, pass_at_k_m_array
from ibft.statistics.crossed import crossed_interval
from ibft.statistics.means import interval_of_mean, interval_of_share
from ibft.statistics.paired import LEVEL, paired_test
from ibft.tables.paper import trial_interval

Floats = npt.NDArray[np.float64]

RESAMPLES = 1000
_DIFFICULTY = (1.0, 2.2)  # mean and standard deviation in logits: some problems are always solved, many never


@dataclass(frozen=True)
class World:
    """P problems are tried under S seeds with n samples each, by models that vary by so many logits."""

    problems: int
    seeds: int
    n: int = 20
    seed: float = 0.0
    pair: float = 0.0

    def __str__(self) -> str:
        return f"{self.problems} problems, {self.seeds} seed{'s' * (self.seeds > 1)}, σ = {self.seed:g}, {self.pair:g}"

    def scores(self, pair: tuple[int, int], difficulty_PM: Floats, random: np.random.Generator, skill: float) -> Floats:
        """Draw Pass@k^(m) of one method: [P, S, M] for the difficulties of M benchmarks."""
        problems, simulations = difficulty_PM.shape
        better_1SM = random.normal(0, self.seed, (1, self.seeds, simulations))
        better_PSM = random.normal(0, self.pair, (problems, self.seeds, simulations))
        chance_PSM = 1 / (1 + np.exp(difficulty_PM[:, None] - skill - better_1SM - better_PSM))
        of_passes = np.array([pass_at_k_m(self.n, c, *pair) for c in range(self.n + 1)])
        drawn: Floats = of_passes[random.binomial(self.n, chance_PSM)]
        return drawn

    def difficulties(self, simulations: int, random: np.random.Generator) -> Floats:
        return random.normal(*_DIFFICULTY, (self.problems, simulations))

    def truth(self, pair: tuple[int, int], random: np.random.Generator, skill: float) -> float:
        """Compute the mean over all problems and trainings that there could be, nearly."""
        each_its_own = World(1, 1, self.n, self.seed, self.pair)
        difficulty = random.normal(*_DIFFICULTY, (1, 1_000_000))
        return float(each_its_own.scores(pair, difficulty, random, skill).mean())


class Rate(NamedTuple):
    """A share of simulations, and of how many."""

    share: float
    of: int


def coverage_of_metric(world: World, pair: tuple[int, int], simulations: int, rng: int = 0, skill: float = 0.0) -> Rate:
    """Count how often the interval of a method's Pass@k^(m) contains the truth."""
    random = np.random.default_rng([rng, world.problems, world.seeds])
    truth = world.truth(pair, random, skill)
    scores_PSM = world.scores(pair, world.difficulties(simulations, random), random, skill)
    low, high = crossed_interval(scores_PSM, RESAMPLES)
    return Rate(float(np.mean((low <= truth) & (truth <= high))), simulations)


def paired(world: World, pair: tuple[int, int], simulations: int, skill: float, rng: int = 0) -> tuple[Rate, Rate]:
    """Count how often the interval of a paired difference contains the truth, and how often the test rejects 0.

    Simulations of which nothing can be decided print no interval, and reject nothing.
    """
    random = np.random.default_rng([rng, world.problems, world.seeds])
    truth = world.truth(pair, random, skill) - world.truth(pair, random, 0.0) if skill else 0.0
    tested = paired_test(_differences(world, pair, simulations, skill, random))
    decided = ~np.isnan(tested.p_M)
    inside = (tested.low_M <= truth) & (truth <= tested.high_M)
    return (
        Rate(float(inside[decided].mean()), int(decided.sum())),
        Rate(float(np.mean(tested.p_M <= LEVEL)), simulations),
    )


def blind_alarms(world: World, pair: tuple[int, int], simulations: int, rng: int = 0) -> Rate:
    """Count how often the test over problems alone, blind to seeds, rejects two equal methods."""
    random = np.random.default_rng([rng, world.problems, world.seeds])
    differences_PSM = _differences(world, pair, simulations, 0.0, random)
    tested = paired_test(differences_PSM.mean(axis=1, keepdims=True))
    return Rate(float(np.mean(tested.p_M <= LEVEL)), simulations)


def pigeonhole_coverage(world: World, pair: tuple[int, int], simulations: int, rng: int = 0) -> Rate:
    """Count how often the percentile interval of the pigeonhole bootstrap contains the truth of two equal methods."""
    random = np.random.default_rng([rng, world.problems, world.seeds])
    differences_PSM = _differences(world, pair, simulations, 0.0, random)
    problems, seeds, _ = differences_PSM.shape
    of_problem_BP, of_seed_BS = (
        random.multinomial(units, np.full(units, 1 / units), size=RESAMPLES) / units for units in (problems, seeds)
    )
    means_BM = np.einsum("bp,bs,psm->bm", of_problem_BP, of_seed_BS, differences_PSM, optimize=False)
    low, high = np.quantile(means_BM, [LEVEL / 2, 1 - LEVEL / 2], axis=0)
    return Rate(float(np.mean((low <= 0) & (high >= 0))), simulations)


def _differences(
    world: World, pair: tuple[int, int], simulations: int, skill: float, random: np.random.Generator
) -> Floats:
    difficulty_PM = world.difficulties(simulations, random)
    return world.scores(pair, difficulty_PM, random, skill) - world.scores(pair, difficulty_PM, random, 0.0)


def coverage_of_overlap(sizes: tuple[int, int], distance: float, simulations: int) -> Rate:
    """Count how often the interval contains the overlap of two unit normals, 2 Phi(-distance / 2)."""
    random = np.random.default_rng(sizes)
    truth, inside = 2 * stats.norm.cdf(-distance / 2), 0
    for _ in range(simulations):
        first, second = random.normal(0, 1, sizes[0]), random.normal(distance, 1, sizes[1])
        low, high = overlap_interval(first, second, 100, random)
        inside += low - 1e-9 <= truth <= high + 1e-9
    return Rate(inside / simulations, simulations)


def coverage_of_auroc(sizes: tuple[int, int], distance: float, simulations: int) -> Rate:
    """Count how often the interval contains the AUROC of two unit normals, Phi(distance / sqrt 2)."""
    random = np.random.default_rng(sizes)
    truth, inside = stats.norm.cdf(distance / np.sqrt(2)), 0
    for _ in range(simulations):
        found = auroc_interval(random.normal(0, 1, sizes[0]), random.normal(distance, 1, sizes[1]))
        inside += found.low <= truth <= found.high
    return Rate(inside / simulations, simulations)


def ks_p_values(sizes: tuple[int, int], simulations: int, ties: bool = False) -> Floats:
    """Draw p-values of two samples of one law; with `ties`, of one that takes only a few values."""
    random = np.random.default_rng(sizes)

    def drawn(size: int) -> Floats:
        values: Floats = random.gamma(9, 0.3, size)
        return np.round(values, 1) if ties else values

    return np.array([ks_p_value(drawn(sizes[0]), drawn(sizes[1]), 199, random) for _ in range(simulations)])


def coverage_of_shift(examples: int, seeds: int, simulations: int) -> Rate:
    """Count how often the interval contains the mean shift of scores that fine-tuning moves by 0.4 nats on average."""
    random = np.random.default_rng([examples, seeds])
    inside = 0
    for _ in range(simulations):
        before = random.gamma(9, 0.3, examples)
        moved_ES = random.normal(-0.4, 0.3, (examples, 1)) + random.normal(0, 0.05, (1, seeds)) * (seeds > 1)
        found = paired_shift(before, before[:, None] + moved_ES + random.normal(0, 0.1, (examples, seeds)))
        inside += found.low <= -0.4 <= found.high
    return Rate(inside / simulations, simulations)


def coverage_of_correlation(examples: int, correlation: float, simulations: int) -> Rate:
    """Count how often the interval contains Spearman's rho of two normals, 6 / pi asin(r / 2), of one a monotone form.

    Lengths go with neither, so that the same is true with length held constant. Both intervals are counted.
    """
    random, inside = np.random.default_rng(examples), 0
    truth = 6 / np.pi * np.arcsin(correlation / 2)
    for _ in range(simulations):
        first, other = random.normal(size=(2, examples))
        second = correlation * first + np.sqrt(1 - correlation**2) * other
        related = pd.DataFrame({"grand": np.exp(first), "el2n": 1.0, "min_k_prob": second})
        found = correlations(related.assign(tokens=random.integers(20, 200, examples)))
        of_grand = found[(found["score"] == "grand") & (found["other"] == "min_k_prob")]
        inside += int(((of_grand["low"] <= truth) & (truth <= of_grand["high"])).sum())
    return Rate(inside / (2 * simulations), simulations)


def coverage_of_estimands(examples: int, seeds: int, simulations: int) -> Rate:
    """Count how often the intervals of the experiment with known membership contain the truth, all estimands together.

    An example has an NLL, and moves by its own amount on every base and arm, as it does in every training; trainings
    move all examples, unless there is one alone, which is taken as it is. Seeds make a fifth of the variance of the
    contrasts or less. Before fine-tuning there are none.
    """
    random = np.random.default_rng([examples, seeds])
    arms = {Arm("d", BEFORE): 0.0, Arm("d", REFERENCE): -0.04, Arm("d", "ibft"): -0.02}
    truths = {"gap before": 0.01, "barrier": 0.02, "gap after": 0.03, "against FT": 0.02, "specific": 0.0}

    def drawn(mean: float, trained: bool) -> Floats:
        of_example_E1 = random.normal(0, 0.05, (examples, 1))
        if not trained:
            return np.repeat(mean + of_example_E1, seeds, axis=1)
        of_seed_1S, of_pair_ES = (
            random.normal(0, 0.005 * (seeds > 1), (1, seeds)),
            random.normal(0, 0.02, (examples, seeds)),
        )
        nll_ES: Floats = mean + of_example_E1 + of_seed_1S + of_pair_ES
        return nll_ES

    inside, counted = 0, 0
    for _ in range(simulations):
        easy_E1 = random.gamma(9, 0.03, (examples, 1))
        control = {arm: easy_E1 + drawn(mean, arm.method != BEFORE) for arm, mean in arms.items()}
        exposed = {
            arm: easy_E1 + drawn(mean + 0.01 + 0.02 * (arm.method != BEFORE), arm.method != BEFORE)
            for arm, mean in arms.items()
        }
        found = estimands(Twins(exposed, control), "d")
        truth = found["estimand"].map(truths)
        inside += int(((found["low"] <= truth) & (truth <= found["high"])).sum())
        counted += len(found)
    return Rate(inside / counted, simulations)


def coverage_of_mean(examples: int, simulations: int) -> Rate:
    """Count how often the interval contains the mean of skewed numbers, as the gradient norms of a decile are."""
    drawn = np.random.default_rng(examples).gamma(9, 0.05, (simulations, examples))
    bounds = np.array([interval_of_mean(values) for values in drawn])
    return Rate(float(np.mean((bounds[:, 0] <= 0.45) & (bounds[:, 1] >= 0.45))), simulations)


def coverage_of_share(examples: int, simulations: int) -> Rate:
    """Count how often the interval contains the mean of shares of a continuation, most of them near 0, some whole."""
    random = np.random.default_rng(examples)
    drawn = np.where(random.random((simulations, examples)) < 0.1, 1.0, random.beta(1, 6, (simulations, examples)))
    truth = 0.1 + 0.9 / 7
    bounds = np.array([interval_of_share(values) for values in drawn])
    return Rate(float(np.mean((bounds[:, 0] <= truth) & (truth <= bounds[:, 1]))), simulations)


def coverage_of_another_trial(problems: int, trials: int, simulations: int) -> Rate:
    """Count how often Pass@10^(2) of one more trial of the same checkpoint lies where the comparison says."""
    random, n, inside = np.random.default_rng([problems, trials]), 10, 0
    for _ in range(simulations):
        chance_P = random.beta(0.5, 1, problems)
        passes_P1T, more_P = (
            random.binomial(n, chance_P[:, None, None], (problems, 1, trials)),
            random.binomial(n, chance_P),
        )
        cell = Cell((), [f"{i}" for i in range(problems)], [0], "", np.full_like(passes_P1T, n), passes_P1T, _NO_RULE)
        std = trial_std(cell, 10, 2)
        of_trials = pd.DataFrame({"percent": [cell.scores(10, 2).mean()], "trial_std": [std], "trials": trials})
        low, high = trial_interval(of_trials)
        inside += bool(low[0] <= pass_at_k_m_array(np.full(problems, n), more_P, 10, 2).mean() <= high[0])
    return Rate(inside / simulations, simulations)


_NO_RULE = (np.zeros(1, np.int64), np.zeros(1, np.int64))  # of upstream, which is not asked
PASS_1, STRICT = (1, 1), (10, 5)
ONE_SEED = World(44, 1)
WITH_SEED_NOISE = (  # about as much as moves a method by 3 to 6 percentage points
    World(44, 3, seed=0.3, pair=0.7),
    World(156, 3, seed=0.3, pair=0.7),
    World(44, 5, seed=0.6, pair=0.7),
    World(156, 5, seed=0.3, pair=0.7),
)
QUIET_SEEDS = World(44, 3, pair=0.7)
SKILLS = (-2.0, 0.0, 4.0)  # Pass@1 from 15 to 85%
SIZES = (97, 200)  # examples of p0 and p2

Rows = Iterator[tuple[str, object, Rate]]


def of_benchmarks(many: int) -> Rows:
    """Measure the intervals and the test of Pass@k, over problems and seeds."""
    few = max(many // 5, 1)
    for world in (ONE_SEED, World(156, 1), *WITH_SEED_NOISE):
        for skill in SKILLS:
            truth = world.truth(PASS_1, np.random.default_rng(0), skill)
            yield "interval of Pass@1", f"{world}, at {truth:.0%}", coverage_of_metric(world, PASS_1, many, skill=skill)
        yield "interval of Pass@10^(5)", world, coverage_of_metric(world, STRICT, many)
        yield "interval of a difference in Pass@1", world, paired(world, PASS_1, many, skill=0.6)[0]
        yield "paired test, equal methods, Pass@1: 5%", world, paired(world, PASS_1, many, skill=0.0)[1]
        if world.seeds > 1:
            yield "the same, blind: 5%", world, blind_alarms(world, PASS_1, few)
            yield "pigeonhole percentiles of that difference", world, pigeonhole_coverage(world, PASS_1, few)
    for trials in (1, 5):
        setting = f"44 problems, trials: {trials}"
        yield "where another trial lies, Pass@10^(2)", setting, coverage_of_another_trial(44, trials, many)
    yield "paired test, equal methods, Pass@1: at most 5%", QUIET_SEEDS, paired(QUIET_SEEDS, PASS_1, many, skill=0.0)[1]


def of_scores(many: int) -> Rows:
    """Measure what is said of scores of examples: AUROC, overlap, KS, shift, and rank correlations."""
    few = max(many // 5, 1)
    for size, distance in product((20, 40, 100), (0.0, 1.0, 2.0, 3.0)):
        setting = f"normals {distance:g} apart, {size} a side"
        yield "interval of AUROC", setting, coverage_of_auroc((size, size), distance, many)
    for sizes, distance in product(((20, 100), (97, 200)), (1.0, 2.0, 3.0)):
        setting = f"normals {distance:g} apart, {sizes[0]} and {sizes[1]}"
        yield "interval of AUROC", setting, coverage_of_auroc(sizes, distance, many)
    for examples, correlation in product((40, 100), (0.0, 0.5, 0.8)):
        setting = f"{examples} examples, normals with r = {correlation:g}"
        yield "interval of Spearman's rho", setting, coverage_of_correlation(examples, correlation, few)
    for examples in (10, 20, 50):
        yield "interval of a mean", f"{examples} gradient norms", coverage_of_mean(examples, many)
        yield "interval of a mean share", f"{examples} shares, a tenth of them 1", coverage_of_share(examples, many)
    for seeds in (1, 3):
        yield "interval of the shift", f"97 examples, seeds: {seeds}", coverage_of_shift(97, seeds, many)
    for ties in (False, True):
        p_values = ks_p_values(SIZES, many, ties)
        rate = Rate(float(np.mean(p_values <= LEVEL)), many)
        yield "KS, p of equal laws" + " with ties" * ties + ": 5%", SIZES, rate
    for size, distance in product((20, 40, 100), (0.0, 1.0, 2.5)):
        setting = f"normals {distance:g} apart, {size} a side"
        yield "interval of the overlap", setting, coverage_of_overlap((size, size), distance, few)


def of_barrier(many: int) -> Rows:
    """Measure the estimands of the experiment with known membership."""
    for examples, seeds in product((24, 77), (1, 3, 5)):
        setting = f"{examples} examples, seeds: {seeds}"
        yield "intervals of the barrier's estimands", setting, coverage_of_estimands(examples, seeds, max(many // 5, 1))


def main() -> None:
    """Print the table of docs/statistics.md."""
    parts = {"benchmarks": of_benchmarks, "barrier": of_barrier, "scores": of_scores}
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"rows to print, of {', '.join(parts)}; default: all")
    parser.add_argument("--simulations", type=int, default=500, help="of a setting; slow ones take a fifth")
    arguments = parser.parse_args()
    if unknown := set(arguments.parts) - set(parts):
        parser.error(f"no part is called {', '.join(sorted(unknown))}: choose from {', '.join(parts)}")
    print("| quantity | setting | share | simulations |\n|:--|:--|--:|--:|")
    for name in arguments.parts or parts:
        for quantity, setting, rate in parts[name](arguments.simulations):
            print(f"| {quantity} | {setting} | {rate.share:.1%} | {rate.of:,} |", flush=True)


if __name__ == "__main__":
    main()

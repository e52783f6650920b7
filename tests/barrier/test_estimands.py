"""Planted experiments: a barrier is found where there is one, and only there, and a benefit is ascribed rightly."""

import numpy as np
import pandas as pd
import pytest

from ibft.barrier.estimands import Arm, Twins, estimands, twins_of, with_corrected_tests
from ibft.barrier.findings import about_methods, found
from ibft.labels import Labels
from ibft.runtime.errors import UserError

EXAMPLES, SEEDS = 77, 3
LABELS = Labels(models={}, datasets={}, benchmarks={}, methods={"ibft": "IB-FT", "ft": "FT"})
BEFORE, FT, OTHER = Arm("both", "base"), Arm("both", "ft"), Arm("both", "ibft")


def simulated(
    random: np.random.Generator, *, barrier: float = 0.0, on_exposed: float = 0.0, on_control: float = 0.0
) -> Twins:
    """NLL of both bases: examples differ, trainings differ as a whole and on single examples, as measured ones do.

    `barrier` is added to every arm on the exposed base, the others to the arm OTHER on one of them.
    """
    level_E1 = random.gamma(4, 0.07, (EXAMPLES, 1))

    def arm(shift: float) -> np.ndarray:
        training_S = random.normal(0, 0.004, SEEDS)
        return level_E1 + shift + training_S + random.normal(0, 0.02, (EXAMPLES, SEEDS))

    def before() -> np.ndarray:
        return level_E1 + 0.04 + random.normal(0, 0.02, (EXAMPLES, 1))

    exposed = {BEFORE: before(), FT: arm(barrier), OTHER: arm(barrier + on_exposed)}
    return Twins(exposed, {BEFORE: before(), FT: arm(0), OTHER: arm(on_control)})


def row(twins: Twins, estimand: str, base: str = "both") -> pd.Series:
    estimated = estimands(twins, "both")
    return estimated[(estimated["estimand"] == estimand) & (estimated["base"] == base)].iloc[0]


def test_twins_that_are_equal_by_construction_show_no_barrier() -> None:
    covered = 0
    for seed in range(100):
        barrier = row(simulated(np.random.default_rng(seed)), "barrier")
        covered += barrier["low"] <= 0 <= barrier["high"]
    assert 90 <= covered <= 98


def test_a_planted_barrier_is_found_at_its_size() -> None:
    planted = simulated(np.random.default_rng(0), barrier=0.05)
    barrier = row(planted, "barrier")
    assert 0 < barrier["low"] < 0.05 < barrier["high"]
    assert found(estimands(planted, "both")).startswith("A barrier was found: ")


def test_a_regulariser_that_helps_both_bases_is_not_specific() -> None:
    helped = simulated(np.random.default_rng(1), on_exposed=-0.05, on_control=-0.05)
    assert row(helped, "against FT", "exposed")["high"] < 0 and row(helped, "against FT", "control")["high"] < 0
    specific = row(helped, "specific")
    assert specific["low"] < 0 < specific["high"]
    breaker = row(simulated(np.random.default_rng(1), on_exposed=-0.05), "specific")
    assert breaker["high"] < 0


def test_an_arm_of_one_base_alone_is_compared_with_ft_there_and_nowhere_else() -> None:
    twins = simulated(np.random.default_rng(4))
    alone = Twins(twins.exposed, {arm: nll for arm, nll in twins.control.items() if arm != OTHER})
    of_arm = estimands(alone, "both").query("arm_method == 'ibft'")
    assert of_arm[["estimand", "base"]].to_numpy().tolist() == [["against FT", "exposed"]]


@pytest.mark.parametrize(
    ("shifts", "told"),
    [
        ({"on_exposed": -0.05, "on_control": -0.05}, "helps both alike, as a regulariser does"),
        ({"on_exposed": -0.05}, "That part is specific to memorization"),
        ({"on_control": -0.05}, "It gains less where the members were shown than on the twin"),
        ({"on_exposed": 0.05, "on_control": 0.05}, "raises the NLL of fresh examples against FT on both bases"),
        ({}, "IB-FT is not told from FT on both bases"),
    ],
)
def test_what_a_method_does_is_told_from_intervals(shifts: dict[str, float], told: str) -> None:
    estimated = estimands(simulated(np.random.default_rng(1), **shifts), "both")
    [sentence] = about_methods(estimated, LABELS)
    assert told in sentence


def test_of_too_few_examples_no_interval_is_told() -> None:
    twins = simulated(np.random.default_rng(5))
    few = Twins(*({arm: nll[:4] for arm, nll in base.items()} for base in (twins.exposed, twins.control)))
    estimated = estimands(few, "both")
    assert found(estimated).startswith("Whether there is a barrier cannot be decided")
    [sentence] = about_methods(estimated, LABELS)
    assert "too few examples for an interval" in sentence and "nan" not in sentence


def test_one_barrier_is_primary_and_all_else_is_corrected() -> None:
    twins = simulated(np.random.default_rng(2), on_exposed=-0.05)
    tables = [estimands(twins, "both").assign(measured_on=name) for name in ("fresh", "elsewhere")]
    corrected = with_corrected_tests(pd.concat(tables, ignore_index=True), "fresh")
    assert corrected.loc[corrected["primary"], ["measured_on", "estimand"]].to_numpy().tolist() == [
        ["fresh", "barrier"]
    ]
    tested = corrected[corrected["p_holm"].notna()]
    assert (tested["p_holm"] >= tested["p_value"]).all() and not tested["primary"].any()


def test_words_follow_the_intervals() -> None:
    def told(barrier: tuple[float, float, float], after: tuple[float, float, float], seeds: int = 3) -> str:
        named = {"barrier": barrier, "gap before": (-0.05, -0.1, 0.0), "gap after": after}
        rows = [
            {"estimand": name, "estimate": e, "low": low, "high": high, "examples": 77, "seeds": seeds}
            for name, (e, low, high) in named.items()
        ]
        return found(pd.DataFrame(rows))

    unclear, clear = (0.01, -0.01, 0.03), (0.03, 0.01, 0.05)
    assert told(unclear, unclear).startswith("No barrier was found") and "above 0.030" in told(unclear, unclear)
    assert told(clear, clear).startswith("A barrier was found: to have seen the members costs FT +0.030")
    assert told(clear, unclear).startswith("A barrier was found, but not beyond doubt")
    assert told((-0.03, -0.05, -0.01), unclear).startswith("The opposite")
    assert "one training seed" in told(clear, clear, seeds=1)
    assert told((0.01, np.nan, np.nan), unclear).startswith("Whether there is a barrier cannot be decided")


def test_arms_that_were_measured_on_other_examples_are_refused() -> None:
    rows = [
        {"model": model, "dataset": "both", "method": "ft", "seed": 0, "example_id": example, "nll": 0.1}
        for model in ("b", "c")
        for example in ("x", "y")
    ]
    assert twins_of(pd.DataFrame(rows), "b", "c").exposed[FT].shape == (2, 1)
    with pytest.raises(UserError, match="different examples"):
        twins_of(pd.DataFrame(rows[:-1]), "b", "c")

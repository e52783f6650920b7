"""Counting, aggregation and intervals, on hand-checked and on simulated pass counts."""

import itertools
import json
import subprocess

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ibft.config.sections import Metrics, PassAtKM
from ibft.metrics.aggregate import compute_metrics, count_passes, trial_std
from ibft.metrics.cells import cells, judged
from ibft.metrics.compare import compare_methods
from ibft.metrics.pass_at_k import pass_at_k_m
from ibft.metrics.runs import expand_runs, read_runs, runs_of
from ibft.paths import Run
from ibft.runtime.errors import UserError
from ibft.statistics.bootstrap import bootstrap_interval
from ibft.statistics.crossed import standard_error
from ibft.statistics.holm import holm
from ibft.store.parquet import read_table, write_table
from ibft.store.schemas import COMPARISONS, METRICS, PASS_COUNTS, VERDICTS
from tests import synthetic_run
from tests.conftest import REPOSITORY
from tests.warm_python import python

RUN = Run("m", "d", "ft", 0, "b", 0.2, 0)


def counts(passes: list[int], n: int = 10, run: Run = RUN) -> pd.DataFrame:
    """PASS_COUNTS of one run with `passes` per problem."""
    return synthetic_run.counted(passes, run, n)


def estimate(metrics: pd.DataFrame, k: int, m: int) -> pd.Series:
    return metrics[(metrics["k"] == k) & (metrics["m"] == m)].iloc[0]


def test_passes_are_counted_per_problem_and_excluded_problems_are_set_apart() -> None:
    verdicts = synthetic_run.verdicts(RUN._replace(benchmark="rtl-mini", dataset="rtl"), problems=5)
    counted = count_passes(verdicts, RUN, excluded=["rtl-mini/001"])
    assert judged(counted)["task_id"].tolist() == ["rtl-mini/000", "rtl-mini/002", "rtl-mini/003", "rtl-mini/004"]
    assert counted.loc[~counted["judged"], "task_id"].tolist() == ["rtl-mini/001"]
    assert (counted["n"] == 10).all()
    assert (counted["excluded"] == "rtl-mini/001").all()
    for _, row in counted.iterrows():
        own = verdicts[verdicts["task_id"] == row["task_id"]]
        assert row["c"] == own["passed"].sum()
        assert row["official_c"] == own["official_passed"].sum()
    assert runs_of(counted) == [RUN]


def test_excluded_problems_are_named_in_metrics_and_comparisons() -> None:
    verdicts = synthetic_run.verdicts(RUN._replace(benchmark="rtl-mini", dataset="rtl"), problems=5)
    runs = [RUN, RUN._replace(method="ibft")]
    frame = pd.concat([count_passes(verdicts, run, ["rtl-mini/003", "rtl-mini/001"]) for run in runs])
    settings = Metrics(bootstrap=10)
    for table in (compute_metrics(frame, settings), compare_methods(frame, settings, reference="ft")):
        assert set(table["excluded"]) == {"rtl-mini/001, rtl-mini/003"}


def test_a_run_without_any_judged_problem_is_refused_by_name() -> None:
    verdicts = synthetic_run.verdicts(RUN._replace(benchmark="rtl-mini", dataset="rtl"), problems=1)
    with pytest.raises(UserError, match="no judged problem is left for model m, dataset d, method ft"):
        count_passes(verdicts, RUN, excluded=["rtl-mini/000"])


def test_all_trials_of_a_training_make_one_estimate_of_every_m() -> None:
    first, second = [0, 3, 10, 7], [1, 3, 10, 4]
    frame = pd.concat([counts(first), counts(second, run=RUN._replace(trial=1))])
    metrics = compute_metrics(frame, Metrics(k=(1, 5), pass_at_k_m=PassAtKM(k=15, m=(2,)), bootstrap=100))
    assert sorted(zip(metrics["k"], metrics["m"], strict=True)) == sorted(
        [(1, 1), *((5, m) for m in range(1, 6)), *((15, m) for m in range(1, 16))]
    )
    for _, row in metrics.iterrows():
        scores = [pass_at_k_m(20, c + d, row["k"], row["m"]) for c, d in zip(first, second, strict=True)]
        assert row["estimate"] == pytest.approx(np.mean(scores))
        assert row["standard_error"] == pytest.approx(stats.sem(scores))
        assert row["low"] <= row["estimate"] <= row["high"]
    assert set(zip(metrics["seeds"], metrics["trials"], metrics["problems"], metrics["n"], strict=True)) == {
        (1, 2, 4, 20)
    }
    assert metrics.loc[metrics["k"] == 15, "trial_std"].isna().all(), "one trial has no 15 samples"


def test_trainings_are_not_mixed_into_one_estimate() -> None:
    """One seed solves a problem always, the other never: half of all pairs of samples of one model pass at least once.

    A pool of both seeds' samples would say 76%.
    """
    frame = pd.concat([counts([10, 10]), counts([0, 0], run=RUN._replace(seed=1))])
    metrics = compute_metrics(frame, Metrics(k=(2,), bootstrap=10))
    assert estimate(metrics, 2, 1)["estimate"] == 0.5


def test_pooled_trials_never_vary_more_than_the_mean_of_trials() -> None:
    random = np.random.default_rng(2)
    passes = random.binomial(10, 0.3, size=(4000, 3))
    for k, m in ((1, 1), (5, 1), (10, 2), (10, 5)):
        pooled = [pass_at_k_m(30, c, k, m) for c in passes.sum(axis=1)]
        averaged = [np.mean([pass_at_k_m(10, c, k, m) for c in trials]) for trials in passes]
        assert np.mean(pooled) == pytest.approx(np.mean(averaged), abs=0.01)
        assert np.var(pooled) <= np.var(averaged) + 1e-12
        assert k == 1 or np.var(pooled) < 0.95 * np.var(averaged)


def test_the_standard_error_counts_problems_and_seeds_as_the_textbook_does() -> None:
    """Problem and seed effects of known sizes, without interaction, add up to the sum of both variances of a mean."""
    of_problem, of_seed = np.array([0.1, -0.2, 0.3, -0.2]), np.array([0.05, -0.05, 0.0])
    scores_PSM = (0.5 + of_problem[:, None] + of_seed)[..., None]
    expected = of_problem.var(ddof=1) / 4 + of_seed.var(ddof=1) / 3
    assert standard_error(scores_PSM)[0] == pytest.approx(np.sqrt(expected))
    assert standard_error(scores_PSM[:, :1])[0] == pytest.approx(of_problem.std(ddof=1) / 2)


def test_the_spread_of_one_trial_is_that_of_sampling_it_anew() -> None:
    random = np.random.default_rng(4)
    passes = np.array([0, 3, 10, 7, 5])
    cell = next(cells(counts(passes.tolist())))
    again = random.binomial(10, passes / 10, size=(4000, 5))
    means = np.array([np.mean([pass_at_k_m(10, c, 5, 2) for c in row]) for row in again])
    assert trial_std(cell, 5, 2) == pytest.approx(means.std(), rel=0.05)


def test_the_official_estimate_counts_every_problem_by_the_upstream_rule() -> None:
    frame = counts([10, 0, 5, 0])
    frame["official_c"] = [10, 4, 5, 2]
    frame.loc[3, "judged"] = False
    row = estimate(compute_metrics(frame, Metrics(bootstrap=10)), 1, 1)
    assert (row["estimate"], row["problems"]) == (pytest.approx((1 + 0 + 0.5) / 3), 3)
    assert row["official_estimate"] == pytest.approx((1 + 0.4 + 0.5 + 0.2) / 4)


def test_seeds_and_trials_are_told_apart() -> None:
    places = itertools.product((0, 1), (0, 1, 2))
    frame = pd.concat([counts([5, 5], run=RUN._replace(seed=seed, trial=trial)) for seed, trial in places])
    row = estimate(compute_metrics(frame, Metrics(bootstrap=10)), 1, 1)
    assert (row["seeds"], row["trials"], row["n"]) == (2, 3, 30)


def test_one_problem_has_no_standard_error_and_fits_the_table(tmp_path) -> None:
    metrics = compute_metrics(counts([5]), Metrics(bootstrap=100))
    assert metrics["standard_error"].isna().all()
    write_table(tmp_path / "metrics.parquet", METRICS, metrics)


def test_k_beyond_the_judged_samples_is_refused_with_the_problem() -> None:
    frame = counts([1, 2, 3])
    frame.loc[1, "n"] = 8
    with pytest.raises(UserError, match=r"k = 10 .* problem p001 .* has 8"):
        compute_metrics(frame, Metrics())


def test_runs_with_different_problems_are_refused() -> None:
    frame = pd.concat([counts([1, 2, 3]), counts([1, 2], run=RUN._replace(trial=1))])
    with pytest.raises(UserError, match="same problems"):
        compute_metrics(frame, Metrics())


def test_results_do_not_depend_on_row_order_and_repeat_exactly() -> None:
    frame = synthetic_run.pass_counts(problems=12)
    first = compute_metrics(frame, synthetic_run.SETTINGS)
    again = compute_metrics(frame.sample(frac=1, random_state=1), synthetic_run.SETTINGS)
    pd.testing.assert_frame_equal(first, again)


@pytest.mark.parametrize(("k", "m"), [(1, 1), (10, 1), (10, 5), (10, 10)])
def test_95_percent_intervals_cover_the_truth_95_percent_of_the_time(k: int, m: int) -> None:
    random = np.random.default_rng(7)
    scores = np.array([pass_at_k_m(10, c, k, m) for c in range(11)])
    difficulty = random.beta(0.6, 0.9, 200_000)
    truth = scores[random.binomial(10, difficulty)].mean()
    simulations, problems = 1000, 156
    passes = random.binomial(10, random.choice(difficulty, size=(problems, simulations)))
    low, high = bootstrap_interval(scores[passes], resamples=1000)
    assert 0.93 <= np.mean((low <= truth) & (truth <= high)) <= 0.97


def test_an_interval_of_equal_scores_is_not_of_zero_width() -> None:
    """None of 44 passed: Clopper and Pearson's bound for 0 of 44, not [0, 0]."""
    low, high = bootstrap_interval(np.zeros((44, 1)), 100)
    assert low[0] == 0
    assert high[0] == pytest.approx(stats.binomtest(0, 44).proportion_ci().high)
    single_low, single_high = bootstrap_interval(np.array([[0.5]]), 100)
    assert single_low[0] < 0.05
    assert single_high[0] > 0.95


def test_a_clear_gain_is_found_and_a_null_effect_is_not(tmp_path) -> None:
    random = np.random.default_rng(5)
    base = random.integers(0, 6, 44)
    frame = pd.concat(
        [
            counts(base.tolist()),
            counts((base + 4).tolist(), run=RUN._replace(method="better")),
            counts(np.clip(base + random.choice([-1, 1], 44), 0, 10).tolist(), run=RUN._replace(method="equal")),
        ]
    )
    compared = compare_methods(frame, Metrics(bootstrap=500), reference="ft")
    first = compared[(compared["k"] == 1) & (compared["m"] == 1)].set_index("method")
    assert set(compared["method"]) == {"better", "equal"}
    assert first.loc["better", "difference"] == pytest.approx(0.4)
    assert first.loc["better", "p_holm"] < 0.01
    assert first.loc["equal", "p_holm"] > 0.05
    assert first.loc["equal", "low"] < 0 < first.loc["equal", "high"]
    decided = compared.dropna(subset="p_value")
    assert (decided["p_holm"] >= decided["p_value"]).all()
    assert ((decided["p_value"] > 0.05) == ((decided["low"] <= 0) & (decided["high"] >= 0))).all()
    write_table(tmp_path / "comparisons.parquet", COMPARISONS, compared)


def test_what_fewer_than_six_problems_decide_is_left_open(tmp_path) -> None:
    """Three of twelve problems differ, all to one side: p would be 0.25, while a bootstrap interval excludes 0."""
    other = counts([0, 0, 0, *[5] * 9], run=RUN._replace(method="worse"))
    compared = compare_methods(pd.concat([counts([10, 3, 9, *[5] * 9]), other]), Metrics(), reference="ft")
    first = compared[(compared["k"] == 1) & (compared["m"] == 1)].iloc[0]
    assert (first["discordant"], first["problems"]) == (3, 12)
    assert first["difference"] < -0.15
    assert first[["low", "high", "p_value", "p_holm"]].isna().all()
    write_table(tmp_path / "comparisons.parquet", COMPARISONS, compared)


def test_methods_are_paired_by_seed_and_with_the_one_base_model() -> None:
    """Seeds differ by much more than the methods do under each of them."""
    random = np.random.default_rng(1)
    easy = random.integers(2, 7, 20)
    frames = [counts(easy.tolist(), run=RUN._replace(method="base"))]
    for seed, better in enumerate((0, 2, 3)):
        own = easy + better
        frames += [counts(own.tolist(), run=RUN._replace(seed=seed))]
        up = (own + random.integers(0, 3, 20)).clip(max=10)
        frames += [counts(up.tolist(), run=RUN._replace(method="ibft", seed=seed))]
    compared = compare_methods(pd.concat(frames), Metrics(), "ft")
    ibft, base = (compared[(compared["method"] == name) & (compared["k"] == 1)].iloc[0] for name in ("ibft", "base"))
    assert ibft["p_value"] < 0.01
    assert ibft["seeds"] == base["seeds"] == 3
    assert base["high"] - base["low"] > 2 * (ibft["high"] - ibft["low"])


def test_methods_without_a_seed_in_common_are_refused() -> None:
    seeds = {"ft": (0, 1), "ibft": (2, 3)}
    frame = pd.concat(
        [counts([1] * 8, run=RUN._replace(method=name, seed=seed)) for name, own in seeds.items() for seed in own]
    )
    with pytest.raises(UserError, match="seed in common"):
        compare_methods(frame, Metrics(), "ft")


def test_a_method_leads_only_where_the_test_tells_it_from_the_next() -> None:
    random = np.random.default_rng(5)
    base = random.integers(1, 6, 44)
    near = np.clip(base + random.choice([-1, 0, 1], 44), 0, 10)
    frame = pd.concat([counts(base.tolist()), counts(near.tolist(), run=RUN._replace(method="near"))])
    assert not compute_metrics(frame, Metrics(bootstrap=10))["leads"].any()
    clear = pd.concat([frame, counts((base + 4).tolist(), run=RUN._replace(method="clear"))])
    metrics = compute_metrics(clear, Metrics(bootstrap=10))
    assert set(metrics.loc[metrics["leads"], "method"]) == {"clear"}
    assert estimate(metrics[metrics["method"] == "clear"], 1, 1)["leads"]
    assert not compute_metrics(clear, Metrics(bootstrap=10), swept=["clear"])["leads"].any()


def test_the_primary_endpoint_stands_uncorrected_and_all_others_are_corrected_together() -> None:
    counts = synthetic_run.pass_counts(problems=30)
    primary = {"model": "smollm2", "dataset": "rtl", "benchmark": "rtl-mini", "method": "ibft", "k": 1}
    settings = Metrics.model_validate({"bootstrap": 10, "primary": primary})
    compared = compare_methods(counts, settings, "ft")
    [row] = compared[compared["primary"]].to_dict("records")
    assert {key: row[key] for key in primary} == primary
    assert row["p_holm"] == row["p_value"]
    others = compared[~compared["primary"]].dropna(subset="p_value")
    assert others["p_holm"].to_numpy() == pytest.approx(holm(others["p_value"].to_numpy()))
    assert not compare_methods(counts[counts["dataset"] == "stdlib"], settings, "ft")["primary"].any()


def test_without_the_reference_nothing_is_compared(tmp_path) -> None:
    compared = compare_methods(counts([1, 2]), Metrics(), reference="absent")
    assert compared.empty
    write_table(tmp_path / "comparisons.parquet", COMPARISONS, compared)


def test_a_method_with_other_problems_than_the_reference_is_refused() -> None:
    frame = pd.concat([counts([1, 2, 3]), counts([1, 2], run=RUN._replace(method="ibft"))])
    with pytest.raises(UserError, match="same problems"):
        compare_methods(frame, Metrics(bootstrap=10), reference="ft")


def test_the_command_leaves_out_what_execution_could_not_judge(tmp_path) -> None:
    run = synthetic_run.runs(trials=1)[0]
    synthetic_run.write_runs(tmp_path, [run], problems=12)
    options = {
        "--verdicts": str(tmp_path / "verdicts"),
        "--job": json.dumps({"runs": [[[value] for value in run]]}),
        "--output": str(tmp_path / "counts.parquet"),
    }
    command = [python(), str(REPOSITORY / "workflow/scripts/count_passes.py"), "--exclude", "rtl-mini/001"]
    subprocess.run([*command, *itertools.chain(*options.items())], check=True)
    counted = judged(read_table(tmp_path / "counts.parquet", PASS_COUNTS))
    assert len(counted) == 10
    assert not {synthetic_run.EXCLUDED, "rtl-mini/001"} & set(counted["task_id"])
    assert runs_of(counted) == [run]


def test_products_of_values_stand_for_all_their_runs() -> None:
    found = list(expand_runs([[["m"], ["d"], ["ft", "ibft"], [0], ["b"], [0.2, 0.6], [0, 1, 2]], [[0]] * 7]))
    assert len(set(found)) == 2 * 2 * 3 + 1
    assert found[0] == RUN


def test_runs_that_the_metrics_do_not_name_are_left_alone_and_absent_ones_are_named(tmp_path) -> None:
    kept, stale = synthetic_run.runs(trials=2)[:2]
    synthetic_run.write_runs(tmp_path, [kept, stale], problems=2)
    assert [run for run, _ in read_runs(tmp_path / "verdicts", VERDICTS, [kept])] == [kept]
    with pytest.raises(UserError, match=r"lacks model smollm2, .* trial 7"):
        list(read_runs(tmp_path / "verdicts", VERDICTS, [kept._replace(trial=7)]))

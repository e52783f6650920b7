"""Counting, aggregation and intervals, on hand-checked and on simulated pass counts."""

import itertools
import json
import subprocess

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ibft.config.sections import Metrics, PassAtKM
from ibft.metrics.aggregate import compute_metrics, count_passes, judged
from ibft.metrics.compare import compare_methods, holm, sign_flip_p_values
from ibft.metrics.intervals import bootstrap_interval
from ibft.metrics.pass_at_k import pass_at_k_m
from ibft.metrics.runs import expand_runs, read_runs, runs_of
from ibft.paths import Run
from ibft.runtime.errors import UserError
from ibft.store.parquet import read_table, write_table
from ibft.store.schemas import COMPARISONS, METRICS, PASS_COUNTS, VERDICTS
from tests import synthetic_run
from tests.conftest import REPOSITORY
from tests.warm_python import python

RUN = Run("m", "d", "ft", 0, "b", 0.2, 0)


def counts(passes: list[int], n: int = 10, run: Run = RUN) -> pd.DataFrame:
    """PASS_COUNTS of one run with `passes` per problem."""
    same = {**run._asdict(), "n": n, "excluded": "", "judged": True}
    rows = [{**same, "task_id": f"p{i}", "c": c, "official_c": c} for i, c in enumerate(passes)]
    return pd.DataFrame(rows, columns=PASS_COUNTS.schema.names)


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


def test_estimates_are_means_over_problems_and_runs_of_every_m() -> None:
    first, second = [0, 3, 10, 7], [1, 3, 10, 4]
    frame = pd.concat([counts(first), counts(second, run=RUN._replace(trial=1))])
    metrics = compute_metrics(frame, Metrics(k=(1, 5), pass_at_k_m=PassAtKM(k=10, m=(2,)), bootstrap=100))
    assert sorted(zip(metrics["k"], metrics["m"], strict=True)) == sorted(
        [(1, 1), *((5, m) for m in range(1, 6)), *((10, m) for m in range(1, 11))]
    )
    for _, row in metrics.iterrows():
        means = [np.mean([pass_at_k_m(10, c, row["k"], row["m"]) for c in run]) for run in (first, second)]
        assert row["estimate"] == pytest.approx(np.mean(means))
        assert row["std"] == pytest.approx(np.std(means, ddof=1))
        assert row["low"] <= row["estimate"] <= row["high"]
    assert set(metrics["runs"]) == {2}
    assert set(metrics["problems"]) == {4}


def test_the_official_estimate_counts_every_problem_by_the_upstream_rule() -> None:
    frame = counts([10, 0, 5, 0])
    frame["official_c"] = [10, 4, 5, 2]
    frame.loc[3, "judged"] = False
    row = estimate(compute_metrics(frame, Metrics(bootstrap=10)), 1, 1)
    assert (row["estimate"], row["problems"]) == (pytest.approx((1 + 0 + 0.5) / 3), 3)
    assert row["official_estimate"] == pytest.approx((1 + 0.4 + 0.5 + 0.2) / 4)


def test_training_seeds_and_trials_are_both_runs() -> None:
    places = itertools.product((0, 1), (0, 1, 2))
    frame = pd.concat([counts([5, 5], run=RUN._replace(seed=seed, trial=trial)) for seed, trial in places])
    assert estimate(compute_metrics(frame, Metrics(bootstrap=10)), 1, 1)["runs"] == 6


def test_one_run_has_no_standard_deviation_and_fits_the_table(tmp_path) -> None:
    metrics = compute_metrics(counts([0, 5, 10]), Metrics(bootstrap=100))
    assert metrics["std"].isna().all()
    write_table(tmp_path / "metrics.parquet", METRICS, metrics)


def test_k_beyond_the_judged_samples_is_refused_with_the_problem() -> None:
    frame = counts([1, 2, 3])
    frame.loc[1, "n"] = 8
    with pytest.raises(UserError, match=r"k = 10 .* problem p1 .* has 8"):
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


def test_the_permutation_test_rejects_a_true_null_hypothesis_5_percent_of_the_time() -> None:
    random = np.random.default_rng(11)
    difficulty = random.beta(0.6, 0.9, (44, 1500))
    difference = (random.binomial(10, difficulty) - random.binomial(10, difficulty)) / 10
    assert 0.03 <= np.mean(sign_flip_p_values(difference) <= 0.05) <= 0.07


def test_few_problems_are_tested_with_all_sign_patterns() -> None:
    difference = np.array([0.1, 0.3, 0.2, -0.1, 0.0, 0.0])[:, None]
    nonzero = difference[difference != 0]
    patterns = [abs(np.dot(signs, nonzero)) for signs in itertools.product((-1, 1), repeat=4)]
    assert sign_flip_p_values(difference)[0] == np.mean([p >= nonzero.sum() - 1e-12 for p in patterns])
    assert sign_flip_p_values(np.zeros((5, 1)))[0] == 1.0


def test_the_permutation_test_agrees_with_scipys() -> None:
    random = np.random.default_rng(3)
    first, second = random.normal(0.15, 0.4, 40), np.zeros(40)
    scipys = stats.permutation_test(
        (first, second), lambda a, b: np.mean(a - b), permutation_type="samples", n_resamples=20_000, rng=1
    )
    assert sign_flip_p_values((first - second)[:, None])[0] == pytest.approx(scipys.pvalue, abs=0.01)


def test_holm_adjusts_as_in_the_textbook() -> None:
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, 0.03, 0.005])), [0.03, 0.06, 0.06, 0.02])
    assert holm(np.array([])).shape == (0,)


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
    assert (compared["p_holm"] >= compared["p_value"]).all()
    write_table(tmp_path / "comparisons.parquet", COMPARISONS, compared)


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

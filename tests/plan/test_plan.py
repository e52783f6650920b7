"""What `ibft plan` makes of jobs, of measured times and of Snakemake's reasons."""

import copy
from pathlib import Path

import pytest

from ibft.config.loading import load, load_file
from ibft.plan.assumptions import BYTES_PER_COMPLETION, SMALL_JOB_S, START_S, VLLM_START_S
from ibft.plan.cards import known_card
from ibft.plan.estimate import CostModel, corrections
from ibft.plan.jobs import Job
from ibft.plan.reasons import in_words
from ibft.plan.schedule import critical_path, wall_seconds
from tests.config.test_remote import REMOTE
from tests.conftest import REPOSITORY

PARAMS = "Params have changed since last execution: Union of exclusive params before and now across all output: "
OF_A_TRAINING = {"model": "llama-3-8b", "dataset": "evol-codealpaca-v1", "method": "ft", "seed": "0"}


def job(rule: str, gpus: int = 1, **wildcards: str) -> Job:
    name = "-".join(wildcards.values())
    return Job(rule, {**OF_A_TRAINING, **wildcards}, (f"out/{name}",), f"benchmarks/{rule}/{name}.tsv", "", 8, gpus)


@pytest.fixture
def model(tmp_path: Path) -> CostModel:
    return CostModel(load_file(REPOSITORY / "config" / "paper.yaml"), tmp_path)


def test_training_on_fewer_examples_costs_less_in_proportion(model: CostModel) -> None:
    origen = {"model": "codellama-7b-instruct", "dataset": "origen"}
    whole = model.cost(job("train", method="ft", **origen)).seconds
    most = model.cost(job("train", method="ft-mink-sweep-keep0.6", **origen)).seconds
    start = START_S + 2 * 7e9 / 1e9
    assert most - start == pytest.approx(0.6 * (whole - start))


def test_a_gpu_is_worth_many_cores_and_two_are_worth_twice_one(model: CostModel) -> None:
    core, one, two = (model.cost(job("train", gpus=gpus)).seconds for gpus in (0, 1, 2))
    assert core > 100 * one > 150 * two


def test_sampling_costs_one_start_and_every_token_of_every_benchmark_and_trial(model: CostModel) -> None:
    origen = {"model": "codellama-7b-instruct", "dataset": "origen", "temperature": "0.2"}
    start = START_S + VLLM_START_S + 2 * 7e9 / 1e9
    one, five = (
        Job("sample_origen", {**OF_A_TRAINING, **origen}, tuple(map(str, range(2 * trials))), None, "", 8, 1)
        for trials in (1, 5)
    )
    assert model.cost(five).seconds - start == pytest.approx(5 * (model.cost(one).seconds - start))
    completions = (model.problems("eval-human") + model.problems("eval-machine")) * 10
    assert model.cost(one).disk == completions * BYTES_PER_COMPLETION


def test_a_model_behind_an_api_costs_its_tokens_or_what_a_minute_allows(tmp_path: Path) -> None:
    wildcards = {"model": "big", "dataset": "rtl", "method": "base", "seed": "0", "temperature": "0.2"}
    asked = Job("sample_served", wildcards, ("trial0",), None, "", 1, 0)
    seconds = []
    for limits in ({}, {"concurrency": 16}, {"requests_per_minute": 1}, {"tokens_per_minute": 1024}):
        values = copy.deepcopy(REMOTE)
        values["models"]["big"]["server"] |= limits
        seconds.append(CostModel(load(values), tmp_path).cost(asked).seconds - SMALL_JOB_S)
    assert seconds[1] == pytest.approx(seconds[0] / 2)
    assert seconds[2:] == [pytest.approx(2 * 2 * 60)] * 2  # two problems, two completions of at most 1024 tokens each


def test_lora_costs_four_operations_per_parameter_and_token_at_the_cards_rate(tmp_path: Path) -> None:
    config = load_file(REPOSITORY / "config" / "paper.yaml")
    training = {"model": "codellama-7b-instruct", "dataset": "origen", "method": "ft"}
    tokens = 3 * 222_075 * (400 + 36)
    for card, flops in (("A100", 312e12), ("H100", 989e12)):
        seconds = CostModel(config, tmp_path, card).cost(job("train", **training)).seconds
        assert seconds - START_S - 14 == pytest.approx(4 * 7e9 * tokens / (0.3 * flops))


def test_an_audit_costs_two_passes_over_the_examples_and_influence_a_gradient_of_each(tmp_path: Path) -> None:
    model = CostModel(load_file(REPOSITORY / "config" / "config.yaml"), tmp_path)
    of = {"model": "exposed", "dataset": "rtl", "method": "base", "examples": "rtl", "scatteritem": "1-of-1"}

    def seconds(rule: str) -> float:
        return model.cost(Job(rule, of, ("out",), None, "", 1, 0)).seconds

    start = model._start("exposed")
    assert seconds("trace_tokens") > 1.2 * (seconds("score_memorization") - start) + start
    assert seconds("measure_influence") == pytest.approx(seconds("score_gradients"))
    assert seconds("write_audit") > model._small_job_s


def test_a_base_model_writes_on(model: CostModel) -> None:
    seconds = {
        method: model.cost(job("sample_evol", method=method, temperature="0.2")).seconds for method in ("base", "ft")
    }
    assert seconds["base"] > 1.5 * seconds["ft"] - START_S - VLLM_START_S - 14


@pytest.mark.parametrize(
    ("name", "card"),
    [
        ("NVIDIA A100-SXM4-80GB", "A100"),
        ("NVIDIA H100 PCIe", "H100 PCIe"),
        ("NVIDIA H100 80GB HBM3", "H100"),
        ("NVIDIA GeForce RTX 4090", "RTX 4090"),
        ("NVIDIA L4", "L4"),
        ("GeForce GT 710", None),
    ],
)
def test_cards_are_known_by_what_the_driver_calls_them(name: str, card: str | None) -> None:
    assert known_card(name) == card


def chained(number: int, gpus: int, *needs: int) -> Job:
    inputs = tuple(f"out/{need}" for need in needs)
    return Job(f"rule{number}", {}, (f"out/{number}",), None, "", 1, gpus, inputs=inputs)


def test_wall_time_follows_the_longest_chain_and_the_cards() -> None:
    jobs = [chained(0, 0), *(chained(n, 1, 0) for n in range(1, 5)), chained(5, 0, 1, 2), chained(6, 0, 5)]
    seconds = [1.0, 10.0, 10.0, 10.0, 10.0, 5.0, 2.0]
    assert critical_path(jobs, seconds) == 18
    assert wall_seconds(jobs, seconds, 100) == 18
    # Two cards: the two that others wait for go first, and what follows them runs beside the other two.
    assert wall_seconds(jobs, seconds, 2) == 21
    assert wall_seconds(jobs, seconds, 1) == 41
    assert wall_seconds([], [], 3) == 0


# Processor seconds of jobs on one of two busy cores of an EPYC: of the embedded default, whose jobs start warm, and of
# tests/config/example.yaml, whose started cold.
WARM, COLD = REPOSITORY / "config" / "config.yaml", REPOSITORY / "tests" / "config" / "example.yaml"
MEASURED = [
    (WARM, "train", ["exposed/rtl/ft", "exposed/rtl/ft-mink", "exposed/rtl/ibft"], 116),
    (WARM, "sample_verilog", ["exposed/rtl/base", "exposed/rtl/ft", "exposed/rtl/ibft"], 306),
    (WARM, "measure_nll", ["exposed/rtl/base", "exposed/rtl/ft", "exposed/rtl/ibft"], 37),
    (WARM, "score_memorization", ["exposed/rtl/base", "exposed/rtl/ft"], 34),
    (WARM, "measure_geometry", ["exposed/rtl/ft", "exposed/rtl/ibft"], 16),
    (COLD, "train", ["smollm2-135m/rtl/ft", "smollm2-135m/python-stdlib/ft"], 286),
    (COLD, "sample_verilog", ["smollm2-135m/rtl/base"], 309),
    (COLD, "score_gradients", ["smollm2-135m/rtl/base"], 171),
    (COLD, "score_memorization", ["smollm2-135m/rtl/base", "smollm2-135m/python-stdlib/base"], 126),
    (COLD, "measure_geometry", ["smollm2-135m/rtl/base", "smollm2-135m/python-stdlib/base"], 58),
]


@pytest.mark.parametrize(("path", "rule", "variants", "measured"), MEASURED)
def test_a_stage_is_estimated_within_half_as_much_again(
    path: Path, rule: str, variants: list[str], measured: float, tmp_path: Path
) -> None:
    config = load_file(path)
    compute = config.compute.model_copy(update={"warm_start": path == WARM})
    model = CostModel(config.model_copy(update={"compute": compute}), tmp_path)
    trials = config.sampling.trials
    benchmarks = len(config.experiments[rule.removeprefix("sample_")].benchmarks) if rule.startswith("sample") else 1
    outputs = tuple(f"out{n}" for n in range(trials * benchmarks))
    jobs = [Job(rule, _wildcards(variant), outputs, None, "", 1, 0) for variant in variants]
    estimated = sum(model.cost(each).seconds for each in jobs)
    assert measured / 1.5 < estimated < measured * 1.5


def _wildcards(variant: str) -> dict[str, str]:
    model, dataset, method = variant.split("/")
    own = {"model": model, "dataset": dataset, "method": method, "seed": "0"}
    return own | {"scatteritem": "1-of-1", "temperature": "0.2"}


def test_a_prepared_data_set_counts_with_its_rows(model: CostModel, tmp_path: Path) -> None:
    import pandas as pd

    assumed = model.cost(job("train")).seconds
    prepared = tmp_path / "results" / "paper" / "examples" / "evol-codealpaca-v1.parquet"
    prepared.parent.mkdir(parents=True)
    pd.DataFrame({"example_id": range(1000)}).to_parquet(prepared)
    assert model.rows("evol-codealpaca-v1") == 1000
    assert model.cost(job("train")).seconds < assumed / 20


def test_measured_jobs_correct_their_rule_by_one_factor(model: CostModel, tmp_path: Path) -> None:
    jobs = [job("train", seed=str(seed)) for seed in range(3)]
    folder = tmp_path / "benchmarks" / "train"
    folder.mkdir(parents=True)
    for measured, times in zip(jobs[:2], (2.0, 4.0), strict=True):
        seconds = times * model.cost(measured).seconds
        (tmp_path / str(measured.benchmark)).write_text(f"s\th:m:s\n{seconds}\t-\n")
    found = corrections(model, jobs, tmp_path)
    assert set(found) == {"train"}
    assert found["train"].measured == 2
    assert found["train"].factor == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("Missing output files: a.parquet, b.parquet", "not made yet"),
        ("Missing output files: a; Input files updated by another job: b", "not made yet"),
        ("Input files updated by another job: b", "what it reads is made again"),
        ("Set of input files has changed since last execution", "it reads other files than before"),
        (f"{PARAMS}before: 0123456789abcdef now: fedcba9876543210 ", "its code has changed"),
        (
            f'{PARAMS}before: {{"k":[1,5],"strict_k":10}} now: {{"k":[1,3],"strict_k":10}} ',
            "k was [1, 5] and is [1, 3]",
        ),
        (
            f'{PARAMS}before: {{"geometry":{{"pairs":6}},"layer":2}} now: {{"geometry":{{"pairs":5}},"layer":2}} ',
            "geometry.pairs was 6 and is 5",
        ),
        (
            f'{PARAMS}before: {{"training":{{"lora":{{"rank":4}}}}}} now: {{"seed":1}} ',
            "seed was null and is 1, training.lora.rank was 4 and is null",
        ),
        (
            f'{PARAMS}before: {{"runs":[[{list(range(40))}]]}} now: {{"runs":[[{list(range(41))}]]}} ',
            "runs has changed",
        ),
        (f"{PARAMS}before: 20 now: 21 ", "its parameters have changed"),
        ("Something that a later Snakemake says", "Something that a later Snakemake says"),
    ],
)
def test_reasons_are_put_into_words(reason: str, words: str) -> None:
    assert in_words(reason) == words

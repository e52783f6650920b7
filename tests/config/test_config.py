"""Wrong configuration is refused by key, with the valid values, before any work starts."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ibft.config.config import Config
from ibft.config.loading import is_complete, load, load_file
from ibft.paths import Variant
from ibft.runtime.errors import UserError
from tests import synthetic_run
from tests.conftest import REPOSITORY

DEFAULT = yaml.safe_load((REPOSITORY / "tests" / "config" / "example.yaml").read_text())

IMPORTED = {
    "source": f"path:{Path(__file__)}",
    "model": "their-model",
    "dataset": "rtl",
    "benchmark": "rtl-mini",
    "temperature": 0.2,
}


def changed(change: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    values = copy.deepcopy(DEFAULT)
    change(values)
    return values


def test_the_shipped_configurations_are_valid() -> None:
    for name in ("config.yaml", "paper.yaml"):
        assert list(load_file(REPOSITORY / "config" / name).variants())


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda c: c["sampling"].update(temprature=1), ["sampling.temprature", "unknown", "'temperatures'", "top_p"]),
        (lambda c: c.update(metods={}), ["metods", "unknown key", "did you mean 'methods'"]),
        (lambda c: c["sampling"].update(n="ten"), ["sampling.n", "integer", "'ten'"]),
        (
            lambda c: c["methods"]["ft-mink"]["selection"].update(keep_fraction=1.5),
            ["methods.ft-mink.selection.keep_fraction", "1.5"],
        ),
        (lambda c: c["methods"]["ft-mink"]["selection"].update(by="best"), ["selection.by", "'mink', 'grand'"]),
        (lambda c: c["metrics"].update(k=[1, 21]), ["metrics", "k = 21", "sampling.n * sampling.trials = 20"]),
        (
            lambda c: c["metrics"].update(pass_at_k_m={"m": [11]}),
            ["metrics.pass_at_k_m.m", "at most metrics.pass_at_k_m.k = 10"],
        ),
        (lambda c: c.update(tracks={}), ["tracks: is called experiments now"]),
        (lambda c: c["metrics"].update(strict_m=[2]), ["metrics.strict_m: is called pass_at_k_m: {m: [...]} now"]),
        (
            lambda c: c["experiments"]["verilog"].update(models=["smolm"]),
            ["experiments.verilog.models", "'smolm'", "smollm2"],
        ),
        (
            lambda c: c["experiments"]["verilog"].update(methods=["dpo"]),
            ["experiments.verilog.methods", "unknown method 'dpo'"],
        ),
        (lambda c: c["methods"]["ibft"].update(layer=31), ["methods.ibft.layer", "31", "1 to 30"]),
        (lambda c: c["methods"]["ibft"].update(layer=0), ["methods.ibft.layer"]),
        (lambda c: c.update(geometry={"layer": 99}), ["1 to 30"]),
        (lambda c: c["datasets"]["rtl"].update(source="path:absent.jsonl"), ["datasets.rtl.source", "does not exist"]),
        (lambda c: c["datasets"]["rtl"].update(source="generated:rlt"), ["datasets.rtl.source", "did you mean 'rtl'"]),
        (lambda c: c["models"]["smollm2-135m"].update(source="s3:x"), ["models.smollm2-135m.source"]),
        (
            lambda c: c["experiments"]["verilog"].update(training={"epoch": 1}),
            ["experiments.verilog.training.epoch", "epochs"],
        ),
        (lambda c: c["experiments"]["verilog"].update(sampling={"n": 4}), ["k = 10", "sampling.trials = 8"]),
        (
            lambda c: c["experiments"]["verilog"].update(sampling={"trials": 3}),
            ["experiments.verilog.sampling.trials", "share"],
        ),
        (lambda c: c["memorization"].update(k_selection=7), ["k_selection", "5, 10, 20"]),
        (lambda c: c["methods"]["base"].update(selection={"by": "mink"}), ["methods.base", "not trained"]),
        (lambda c: c.pop("models"), ["experiments.verilog.models", "unknown model 'smollm2-135m'"]),
        (lambda c: c.pop("experiments"), ["experiments", "missing"]),
        (lambda c: c.update(experiments={}), ["experiments: nothing is asked for"]),
        (lambda c: c["memorization"].pop("reference"), ["memorization.reference: missing"]),
        (
            lambda c: c.update(imported_samples={"theirs": {**IMPORTED, "benchmark": "x"}}),
            ["imported_samples.theirs.benchmark", "'x'"],
        ),
        (
            lambda c: c.update(imported_samples={"theirs": {**IMPORTED, "source": "path:absent"}}),
            ["imported_samples.theirs.source"],
        ),
        (
            lambda c: c.update(imported_samples={"theirs": {**IMPORTED, "profile": "x"}}),
            ["imported_samples.theirs.profile", "as-is"],
        ),
        (lambda c: c.update(imported_samples={"ft": IMPORTED}), ["imported_samples.ft", "a method has this name"]),
        (
            lambda c: c["methods"]["ibft"].update(objective="released-code"),
            ["training.packing", "methods.ibft", "padding"],
        ),
        (lambda c: c["compute"].update(processes=5), ["training.batch_size: 4 examples", "compute.processes = 5"]),
        (lambda c: c["methods"]["ibft"].update(kl_weight=1), ["methods.ibft", "kl_weight", "objective: vib", "beta"]),
        (lambda c: c["methods"]["ibft"].update(objective="vib", beta=0.1), ["methods.ibft", "no `beta`", "kl_weight"]),
        (lambda c: c["methods"]["ft"].update(kl_reduction="mean"), ["methods.ft", "kl_reduction", "paper or vib"]),
        (lambda c: c["methods"]["ibft"].update(noise_scale=2), ["methods.ibft", "noise_scale", "kind: noise"]),
        (
            lambda c: (c["methods"]["ibft"].update(clip="apart"), c["compute"].update(deepspeed="zero2")),
            ["compute.deepspeed: methods.ibft of experiment", "clip: together"],
        ),
        (lambda c: c.update(held_out={"fraction": 1}), ["held_out.fraction"]),
        (lambda c: c["compute"].update(deepspeed="zero4"), ["compute.deepspeed", "zero4"]),
        (lambda c: c["compute"].update(deepspeed="path:a.json"), ["compute.deepspeed: a.json cannot be read"]),
        (lambda c: c["training"].update(precision="float16"), ["training.precision: float16", "CPU", "compute.gpus"]),
        (
            lambda c: c["experiments"]["verilog"].update(training={"precision": "float16"}),
            ["training.precision: float16", "experiment verilog"],
        ),
        (
            lambda c: c["models"]["smollm2-135m"].update(precision="float16"),
            ["models.smollm2-135m.precision: float16", "CPU", "compute.gpus"],
        ),
        (lambda c: c["training"].update(precision="nf4"), ["training.precision: nf4", "on a GPU", "compute.gpus = 0"]),
        (
            lambda c: (c["training"].update(precision="nf4"), c["compute"].update(gpus=1)),
            ["training.precision: nf4 needs bitsandbytes", "uv sync --extra nf4"],
        ),
        (
            lambda c: (c["training"].update(precision="nf4"), c["compute"].update(deepspeed="zero3")),
            ["training.precision", "not split", "compute.deepspeed = zero3"],
        ),
        (
            lambda c: c["models"]["smollm2-135m"].update(precision="nf4"),
            ["models.smollm2-135m.precision", "'float32', 'bfloat16' or 'float16'"],
        ),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_with_what_is_valid(change: Callable[[dict[str, Any]], Any], told: list[str]) -> None:
    with pytest.raises(UserError) as refusal:
        load(changed(change))
    for part in told:
        assert part in str(refusal.value)


def test_every_wrong_key_is_told_at_once() -> None:
    def twice(c: dict[str, Any]) -> None:
        c["sampling"]["n"] = 0
        c["training"]["epochs"] = -1

    with pytest.raises(UserError) as refusal:
        load(changed(twice))
    assert "sampling.n" in str(refusal.value) and "training.epochs" in str(refusal.value)


def test_a_experiment_overrides_single_keys() -> None:
    config = load(
        changed(lambda c: c["experiments"]["verilog"].update(training={"lora": {"alpha": 64}, "seeds": [1, 2]}))
    )
    training = config.training_of("smollm2-135m", "rtl")
    assert (training.lora.alpha, training.lora.rank) == (64, DEFAULT["training"]["lora"]["rank"])
    seeds = [v.seed for v in config.variants() if v.method == "ft" and v.dataset == "rtl"]
    assert seeds == [1, 2]


def test_a_model_is_sampled_with_the_profile_that_it_was_trained_with_unless_the_configuration_says_otherwise() -> None:
    def ibft_only(c: dict[str, Any]) -> None:
        c["experiments"]["verilog"]["profile"] = "ibft"

    def sampled_as_origen(c: dict[str, Any]) -> None:
        ibft_only(c)
        c["experiments"]["verilog"]["sampling"]["profile"] = "origen"

    for change, expected in ((ibft_only, "ibft"), (sampled_as_origen, "origen")):
        config = load(changed(change))
        assert config.experiment_of("smollm2-135m", "rtl").profile == "ibft"
        assert config.sampling_profile_of("smollm2-135m", "rtl") == expected
        assert config.sampling_profile_of("smollm2-135m", "python-stdlib") == "chat"


@pytest.mark.parametrize("key", ["engine", "adapters", "batch_size"])
def test_a_experiment_may_have_an_engine_of_its_own(key: str) -> None:
    value = {"engine": "vllm", "adapters": "merged", "batch_size": 8}[key]
    config = load(changed(lambda c: c["experiments"]["verilog"]["sampling"].update({key: value})))
    assert getattr(config.sampling_of("smollm2-135m", "rtl"), key) == value
    assert getattr(config.sampling_of("smollm2-135m", "python-stdlib"), key) != value


def test_the_seed_of_a_base_model_is_always_0() -> None:
    config = load(changed(lambda c: c["training"].update(seeds=[3, 4])))
    assert [v for v in config.variants() if v.method == "base"] == [
        Variant("smollm2-135m", "python-stdlib", "base", 0),
        Variant("smollm2-135m", "rtl", "base", 0),
    ]


def test_a_config_is_complete_with_every_section_that_its_experiments_need() -> None:
    assert is_complete(DEFAULT)
    assert is_complete(
        {"benchmarks": DEFAULT["benchmarks"], "imported_samples": {"theirs": IMPORTED}, "experiments": {}}
    )
    assert not is_complete({name: DEFAULT[name] for name in ("models", "experiments")})


def test_a_layer_is_an_index_or_a_fraction_of_the_depth() -> None:
    config = load(DEFAULT)
    assert config.layer_index("smollm2-135m", 20) == 20
    assert config.layer_index("smollm2-135m", 2 / 3) == 20
    assert config.layer_index("smollm2-135m", 0.001) == 1


def test_a_file_that_is_not_yaml_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    for content in ("a: [", "- just\n- a list\n", "!!python/object/apply:os.system ['true']"):
        broken.write_text(content)
        with pytest.raises(UserError, match=r"broken\.yaml"):
            load_file(broken)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=8,
    ),
    st.sampled_from(sorted(DEFAULT)),
)
def test_no_value_of_any_section_escapes_as_anything_but_a_sentence(value: Any, section: str) -> None:
    try:
        load({**DEFAULT, section: value})
    except UserError as refusal:
        assert str(refusal).startswith("config: ")


def test_the_schema_for_editors_is_up_to_date() -> None:
    saved = (REPOSITORY / "workflow" / "schemas" / "config.schema.json").read_text()
    assert json.loads(saved) == Config.model_json_schema(), "run `make schema`"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"model": "other"}, "metrics.primary.model: no experiment runs model 'other'"),
        ({"benchmark": "humaneval"}, "metrics.primary.benchmark: not tested there: 'humaneval'"),
        ({"method": "ibftt"}, r"metrics.primary.method: 'ibftt' is not run there \(did you mean 'ibft'\?\)"),
        ({"method": "ft"}, "metrics.primary.method: ft is what methods are compared with"),
        ({"k": 3}, "metrics.primary.k: k = 3 and m = 1 are no metric of this run"),
        ({"temperature": 0.7}, "metrics.primary.temperature: 0.7 is not sampled"),
    ],
)
def test_a_primary_endpoint_that_names_nothing_is_refused_by_key(wrong: dict[str, object], told: str) -> None:
    primary = {"model": "smollm2", "dataset": "rtl", "benchmark": "rtl-mini", "method": "ibft"}
    config = {**synthetic_run.CONFIG, "metrics": {"primary": primary}}
    assert load(config).metrics.primary is not None
    with pytest.raises(UserError, match=told):
        load({**config, "metrics": {"primary": {**primary, **wrong}}})


def test_k_may_exceed_the_samples_of_one_trial_but_not_of_all() -> None:
    config = {**synthetic_run.CONFIG, "metrics": {"k": [1, 50]}}
    assert load(config).metrics.k == (1, 50)
    with pytest.raises(UserError, match=r"k = 51 needs .* draws sampling.n \* sampling.trials = 50"):
        load({**config, "metrics": {"k": [1, 51]}})

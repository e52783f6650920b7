"""A configuration that lacks what a barrier is measured with is refused by key, before anything is trained."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from ibft.config.loading import load, load_file
from ibft.config.targets import ALL
from ibft.graph import Graph
from ibft.paths import Variant
from ibft.runtime.errors import UserError
from tests.conftest import REPOSITORY

SHIPPED = yaml.safe_load((REPOSITORY / "config" / "barrier.yaml").read_text())
EXPOSED = {"source": "exposed:smollm2-135m", "exposure": {"dataset": "members", "epochs": 2}, "layers": 30}


@pytest.fixture(scope="module")
def shipped() -> Graph:
    return Graph(load_file(REPOSITORY / "config" / "barrier.yaml"))


def test_an_exposure_is_trained_as_a_variant_of_its_base_by_its_own_epochs(shipped: Graph) -> None:
    variant = shipped.exposure("exposed")
    assert variant == Variant("smollm2-135m", "members", "exposed", 0)
    job = shipped.train(variant)
    assert (job.method.kind, job.training.epochs, job.training.updates, shipped.kept(variant)) == ("ft", 6, None, [])
    assert job.training.learning_rate == shipped.config.training.learning_rate
    assert set(shipped.prefetched_models()) == {"smollm2-135m"}


def test_all_arms_make_equal_updates_with_the_optimizer_of_their_method(shipped: Graph) -> None:
    arms = [variant for variant in shipped.config.variants() if shipped.adapter(variant)]
    assert {shipped.train(arm).training.updates for arm in arms} == {20}
    optimizers = {arm.method: shipped.train(arm).training.optimizer for arm in arms}
    assert optimizers.pop("ft-sgd") == "sgd" and set(optimizers.values()) == {"adamw"}


def test_only_the_methods_that_an_experiment_names_are_sampled(shipped: Graph) -> None:
    assert {(run.model, run.method) for run in shipped.runs(ALL)} == {
        (model, method) for model in ("exposed", "control") for method in ("ft", "ibft")
    }
    assert len(shipped.nll_of_arms()) == 2 * (1 + 6 * 3) + 2 * (1 + 3)


def test_the_embedded_default_samples_one_seed_and_measures_the_nll_of_all() -> None:
    default = Graph(load_file(REPOSITORY / "config" / "config.yaml"))
    assert {run.seed for run in default.runs(ALL)} == {0}
    assert {run.model for run in default.runs(ALL)} == {"exposed"}
    assert len(default.nll_of_arms()) == (1 + 4 * 3) + (1 + 3 * 3)
    assert set(default.pair_figure_inputs("memorization", "exposed", "rtl")) == {"p0", "p1-seed0", "p2", "p3"}
    geometry = default.pair_figure_inputs("geometry", "exposed", "rtl")
    assert geometry.keys() == {f"{method}/seed0" for method in default.config.measured_methods}


def test_what_a_base_was_shown_is_compared_with_what_it_is_tested_on() -> None:
    default = load_file(REPOSITORY / "config" / "config.yaml")
    assert {("rtl", "humaneval"), ("members", "humaneval"), ("control", "rtl-mini")} <= set(default.evaluations())
    assert "decontaminated" in Graph(default).examples("members")


def test_members_are_looked_for_in_every_base_that_was_shown_them_and_in_the_twin(shipped: Graph) -> None:
    assert set(shipped.scores_of_bases()) == {"control", "exposed", "exposed-1", "exposed-2", "exposed-4", "exposed-8"}
    assert shipped.detect_members().exposures == {
        "exposed": 6, "exposed-1": 1, "exposed-2": 2, "exposed-4": 4, "exposed-8": 8
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda c: c["models"]["exposed"].pop("exposure"), "models.exposed.exposure: goes with source exposed:NAME"),
        (lambda c: c["models"]["exposed"].update(source="exposed:none"), "models.exposed.source: unknown model 'none'"),
        (lambda c: c["models"]["exposed"].update(source="exposed:control"), "'control' is exposed itself"),
        (lambda c: c["models"]["exposed"].update(layers=12), "models.exposed.layers: 12 is not the depth"),
        (lambda c: c["models"].update(ft=EXPOSED), "models.ft: a method has this name already"),
        (lambda c: c["models"]["exposed"]["exposure"].update(training={"epoch": 1}), "exposure.training.epoch"),
        (lambda c: c["methods"]["ft-sgd"]["training"].update(seeds=[1]), "methods.ft-sgd.training.seeds: set training"),
        (lambda c: c["methods"]["ft-sgd"]["training"].update(optimizer="adam"), "methods.ft-sgd.training.optimizer"),
        (lambda c: c["datasets"]["members"].update(rounds=[3, 1]), "datasets.members.rounds"),
        (
            lambda c: c["datasets"]["fictitious-authors"].update(rounds=[0, 1]),
            "fictitious-authors.rounds: only generated:rtl",
        ),
        (
            lambda c: c["experiments"]["barrier"].update(measured_on=["nothing"]),
            "measured_on: unknown dataset 'nothing'",
        ),
        (
            lambda c: c["experiments"]["oracle"].update(measured_on=["members"]),
            "`measured_on` with the same first dataset",
        ),
        (lambda c: c["experiments"]["oracle"].update(training={"seeds": [7]}), "must share training.seeds"),
        (lambda c: c["experiments"]["barrier"].update(methods=["base", "ibft"]), "needs the methods base and ft"),
        (
            lambda c: c["experiments"]["oracle"].update(sampled_seeds=[3]),
            "experiments.oracle.sampled_seeds: 3 is not trained; training.seeds is [0, 1, 2]",
        ),
        (lambda c: c["barrier"].update(control="exposed"), "barrier.control: it is the exposed model"),
        (lambda c: c["barrier"].update(control="smollm2-135m"), "nothing is known of what 'smollm2-135m' was shown"),
        (
            lambda c: c["barrier"].update(dataset="fresh"),
            "barrier.dataset: no experiment fine-tunes 'exposed' on 'fresh'",
        ),
        (lambda c: c["memorization"].update(k=[20]), "add 100 to memorization.k"),
        (lambda c: c["compute"].update(deepspeed="zero2"), "training.optimizer: experiment barrier runs DeepSpeed"),
    ],
)
def test_what_is_missing_is_said_by_key(change: Callable[[dict[str, Any]], Any], told: str) -> None:
    values = copy.deepcopy(SHIPPED)
    change(values)
    with pytest.raises(UserError) as refused:
        load(values)
    assert told in str(refused.value)

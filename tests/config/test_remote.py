"""A model behind an API is sampled, and whatever needs its weights is refused by key."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ibft.config.loading import load
from ibft.graph import Graph
from ibft.paths import Variant
from ibft.runtime.errors import UserError

REMOTE = {
    "models": {
        "big": {"source": "api:org/big", "server": {"base_url": "http://127.0.0.1:8000/v1", "key_variable": "BIG_KEY"}}
    },
    "datasets": {"rtl": {"source": "generated:rtl", "language": "verilog", "examples": 4}},
    "benchmarks": {"rtl-mini": {"source": "builtin:rtl-mini", "language": "verilog", "problems": 2}},
    "methods": {"base": {"kind": "base"}, "ft": {"kind": "ft"}},
    "experiments": {
        "served": {
            "models": ["big"],
            "dataset": "rtl",
            "benchmarks": ["rtl-mini"],
            "methods": ["base"],
            "profile": "reasoning",
            "sampling": {"engine": "openai"},
        }
    },
    "memorization": {},
    "sampling": {"n": 2, "trials": 1},
    "metrics": {"k": [1, 2], "pass_at_k_m": {"k": 2, "m": [2]}},
}
OWN = {"source": "hub:org/own", "layers": 4}


def changed(change: Callable[[Any], Any]) -> dict[str, Any]:
    values = copy.deepcopy(REMOTE)
    change(values)
    return values


def big(**keys: Any) -> Callable[[Any], Any]:
    return lambda c: c["models"]["big"].update(keys)


def served(**keys: Any) -> Callable[[Any], Any]:
    return lambda c: c["experiments"]["served"].update(keys)


def server(**keys: Any) -> Callable[[Any], Any]:
    return lambda c: c["models"]["big"]["server"].update(keys)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda c: c["models"]["big"].pop("server"), ["models.big.server: missing", "base_url"]),
        (big(revision="a"), ["models.big.revision"]),
        (big(source="hub:org/big"), ["models.big.layers: missing"]),
        (big(source="hub:org/big", layers=2), ["models.big.server: goes with source api:NAME"]),
        (big(api={"request": {"seed": 1}}), ["models.big.api.request: seed is sent by ibft itself"]),
        (big(api={"protocol": "chat", "tokenizer": "path:."}), ["models.big.api.tokenizer"]),
        (
            big(api={"protocol": "completions", "tokenizer": "path:absent"}),
            ["models.big.api.tokenizer: absent has no tokenizer_config.json"],
        ),
        (
            big(api={"protocol": "completions"}),
            ["experiments.served.profile: reasoning cannot be asked", "ibft", "models.big.api.tokenizer"],
        ),
        (served(profile="chat"), ["experiments.served.profile: chat cannot be asked", "valid are reasoning"]),
        (served(sampling={"engine": "vllm"}), ["experiments.served.sampling.engine: vllm needs weights"]),
        (
            served(methods=["base", "ft"]),
            ["experiments.served.methods: 'big' lies behind an API", "leave ft out"],
        ),
        (served(measured_on=["rtl"]), ["experiments.served.measured_on"]),
        (served(training={"epochs": 1}), ["experiments.served.training"]),
        (
            lambda c: (c["models"].update(own=OWN), c["experiments"]["served"].update(models=["big", "own"])),
            ["experiments.served.models: 'big' lies behind an API and 'own' does not"],
        ),
        (
            lambda c: (
                c["models"].update(own=OWN),
                c["experiments"]["served"].update(models=["own"]),
                c["memorization"].update(reference="rtl"),
            ),
            ["experiments.served: sampling.engine is openai, and models.own.source is no api:NAME"],
        ),
        (
            lambda c: c["models"].update(
                shown={"source": "exposed:big", "exposure": {"dataset": "rtl", "epochs": 1}, "layers": 3}
            ),
            ["models.shown.source: 'big' lies behind an API"],
        ),
        (lambda c: c["memorization"].update(score_methods=["base"]), ["memorization.score_methods: needs weights"]),
        (lambda c: c.update(geometry={"methods": ["base"]}), ["geometry.methods: needs weights"]),
        (server(base_url="ftp://x"), ["models.big.server.base_url: write http:// or https://"]),
        (server(concurrency=0), ["models.big.server.concurrency"]),
    ],
)
def test_what_it_cannot_do_is_refused_by_key(change: Callable[[Any], Any], told: list[str]) -> None:
    with pytest.raises(UserError) as raised:
        load(changed(change))
    lines = str(raised.value).splitlines()
    assert any(all(part in line for part in told) for line in lines), raised.value


@pytest.mark.parametrize(
    "change",
    [
        server(key_variable="sk-5ecret"),
        server(base_url="http://me:sk-5ecret@host/v1"),
        server(base_url="http://h?k=sk-5ecret"),
    ],
)
def test_a_key_in_the_configuration_is_refused_and_not_shown(change: Callable[[Any], Any]) -> None:
    with pytest.raises(UserError, match=r"models\.big\.server\.") as raised:
        load(changed(change))
    assert "sk-5ecret" not in str(raised.value)


def test_its_graph_samples_and_does_nothing_that_needs_weights() -> None:
    graph = Graph(load(REMOTE))
    assert graph.prefetched_models() == {}
    assert graph.audits() == []
    assert graph.datasets == ["rtl"]
    assert graph.held_out_examples("rtl") == []
    assert graph.adapters() == []
    assert [len(graph.samples()), len(graph.verdicts("all"))] == [1, 1]
    asked = [*graph.shown("all"), *(path for part in graph.report_inputs().values() for path in part.values())]
    of_weights = [f"/{stage}/big" for stage in ("memorization", "geometry", "models")]
    assert not [path for path in asked if any(stage in path for stage in of_weights)]
    assert graph.missing_keys({}) == ["BIG_KEY"]
    assert graph.missing_keys({"BIG_KEY": "x"}) == []


def test_how_a_server_is_reached_tells_no_job_anything_but_the_report_its_address() -> None:
    variant = Variant("big", "rtl", "base", 0)
    before = Graph(load(REMOTE))
    after = Graph(load(changed(server(base_url="https://elsewhere/v1", concurrency=2, attempts=3))))
    assert after.sample_api(variant, 0.2) == before.sample_api(variant, 0.2)
    assert after.write_report() != before.write_report()
    slower = Graph(load(changed(server(concurrency=2, attempts=3))))
    assert slower.write_report() == before.write_report()
    shots = {"few_shot": [{"instruction": "a", "response": "b"}], "engine": "openai"}
    told = Graph(load(changed(served(sampling=shots)))).sample_api(variant, 0.2)
    assert told != before.sample_api(variant, 0.2)
    assert type(told).model_validate_json(told.as_json()) == told
    assert told.model == "org/big"


def test_a_tokenizer_lets_completions_be_asked_by_any_profile(tmp_path: Path) -> None:
    (tmp_path / "tokenizer_config.json").write_text("{}")
    api = {"protocol": "completions", "tokenizer": f"path:{tmp_path}"}
    config = load(changed(lambda c: (big(api=api)(c), served(profile="chat")(c))))
    assert config.models["big"].api.tokenizer == f"path:{tmp_path}"

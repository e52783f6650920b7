"""The commands of docs/start.md work as they stand, on somebody's own tiny model, data and benchmark."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.documented import tested_by
from tests.tiny_model import make_tiny_model
from tests.warm_python import python

START = tested_by("tests/workflow/test_start.py")
PROBLEM = {
    "task_id": "Mine/0",
    "prompt": 'def twice(number):\n    """Return twice the number."""\n',
    "entry_point": "twice",
    "canonical_solution": "    return 2 * number\n",
    "test": "def check(candidate):\n    assert candidate(2) == 4\n    assert candidate(5) == 10\n",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("start")
    make_tiny_model(folder / "my-model")
    rows = [
        {"instruction": f"Add {number} to x.", "input": "x: int", "output": f"def add(x):\n    return x + {number}"}
        for number in range(24)
    ]
    (folder / "rows.json").write_text(json.dumps(rows))
    (folder / "problems.jsonl").write_text(json.dumps(PROBLEM) + "\n")
    return folder


def typed(commands: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run shell commands in `folder` as a user would, with an `ibft` that starts at once."""
    beside = [str(Path(python()).parent), str(Path(sys.executable).parent), os.environ["PATH"]]
    environment = {**os.environ, "PATH": os.pathsep.join(beside), "PYTHONPATH": str(REPOSITORY / "src")}
    environment["WARM_PYTHON"] = python()
    return subprocess.run(
        ["bash", "-ec", commands], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_every_section_that_names_this_file_is_run_here() -> None:
    assert set(START) == {"Audit", "Fine-tune"}


def test_an_audit_ends_with_a_page_and_a_row_per_example_and_resumes(place: Path) -> None:
    done = typed(START["Audit"], place)
    assert done.returncode == 0, done.stdout + done.stderr
    found = place / "audit" / "audit" / "my-model" / "rows.html"
    page = found.read_text()
    assert "rain on " in done.stdout and f"Audit: {found.resolve()}" in done.stdout
    assert "made by a program" in page and "What this cannot show" in page and 'class="p' in page
    with found.with_suffix(".csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 24 and {row["recommendation"] for row in rows} <= {"train", "expect little"}
    again = typed(START["Audit"], place)
    assert again.returncode == 0 and "Nothing to be done" in again.stdout + again.stderr


def test_init_and_run_end_with_a_report(place: Path) -> None:
    done = typed(START["Fine-tune"], place)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "rows: 24 examples" in done.stdout and "problems: 1 problems" in done.stdout
    assert (place / "results" / "report.html").is_file()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("", "--model is missing, and there is no terminal to ask on"),
        ("--model . --data rows.json --language python --benchmark humaneval", "give a folder in transformers' format"),
        ("--model hub:a/b --data rows.json --language python --benchmark humaneval", "--layers is missing"),
        ("--model ./my-model --data no.json --language python --benchmark humaneval", "no.json does not exist"),
        ("--model ./my-model --data problems.jsonl --language python --benchmark humaneval", "of no known format"),
        ("--model ./my-model --data rows.json --language python --benchmark mine", "--benchmark mine: valid are"),
    ],
)
def test_init_writes_nothing_where_something_is_wrong(place: Path, options: str, sentence: str) -> None:
    done = typed(f"ibft init --output never.yaml {options}", place)
    assert done.returncode == 1
    assert sentence in done.stderr and "Traceback" not in done.stderr
    assert not list(place.glob("*never*"))

"""The workflow's script resumes to the same bytes, `ibft score` reads anyone's file, `ibft doctor` reports."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import psutil
import pytest

from ibft.store.journal import journal_path
from ibft.store.manifests import read_manifest
from ibft.store.parquet import read_table, write_table
from ibft.store.schemas import PROBLEMS, SAMPLES, VERDICTS
from tests.conftest import REPOSITORY
from tests.execution.problems import PYTHON, frame
from tests.warm_python import python

SCRIPT = REPOSITORY / "workflow/scripts/execute.py"


def samples_table(path: Path, codes: list[tuple[str, str]]) -> None:
    """Write a table `samples` of pairs of task_id and code."""
    facts = {"finish_reason": "stop", "prompt_tokens": 1, "completion_tokens": 1, "log_likelihood": 0.0, "seed": 0}
    origin = {"profile": "chat", "engine": "test", "engine_version": "1"}
    rows = [
        {"task_id": task_id, "sample": i, "completion": "text", "code": code, **facts, **origin}
        for i, (task_id, code) in enumerate(codes)
    ]
    write_table(path, SAMPLES, rows)


def execute(folder: Path, output: Path, *, workers: int = 2, with_python: str = sys.executable) -> list[str]:
    arguments = ["--problems", folder / "problems.parquet", "--samples", folder / "samples.parquet", "--output", output]
    job = '{"execution": {"python_timeout_s": 5}}'
    options = ["--job", job, "--workers", str(workers), "--log", output.with_suffix(".log")]
    return [with_python, str(SCRIPT), *map(str, arguments), *map(str, options)]


@pytest.fixture
def stage(tmp_path: Path) -> Path:
    write_table(tmp_path / "problems.parquet", PROBLEMS, frame(PYTHON))
    codes = [
        f"    import time; time.sleep(0.02)\n    return sum(values) + extra + {i % 3 // 2}  # {i}\n" for i in range(150)
    ]
    samples_table(tmp_path / "samples.parquet", [("py/total", code) for code in [*codes, *codes[:5]]])
    return tmp_path


@pytest.mark.slow
def test_a_killed_stage_resumes_to_the_same_bytes(stage: Path) -> None:
    whole, resumed = stage / "whole.parquet", stage / "resumed.parquet"
    subprocess.run(execute(stage, whole, with_python=python()), check=True)
    process = subprocess.Popen(execute(stage, resumed))
    journal = journal_path(resumed)
    deadline = time.monotonic() + 60
    while not (journal.exists() and journal.read_bytes().count(b"\n") > 40) and time.monotonic() < deadline:
        time.sleep(0.02)
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGKILL)
    process.wait()
    gone, alive = psutil.wait_procs(children, timeout=5)
    assert gone and not alive  # nothing survives the judge, however it ends
    assert not resumed.exists()
    with journal.open("ab") as stream:
        stream.write(b'0123456789abcdef ["passed", "half a li')
    subprocess.run(execute(stage, resumed, workers=1, with_python=python()), check=True)
    assert resumed.read_bytes() == whole.read_bytes()
    assert not journal.exists()
    assert "entries are already finished" in resumed.with_suffix(".log").read_text()
    verdicts = read_table(resumed, VERDICTS)
    assert len(verdicts) == 155
    assert list(verdicts["passed"]) == [i % 3 < 2 for i in range(150)] + [i % 3 < 2 for i in range(5)]


def test_a_journal_of_other_samples_is_not_believed(stage: Path) -> None:
    output = stage / "verdicts.parquet"
    journal_path(output).write_bytes(
        b'0123456789abcdef another key\n0123456789abcdef ["passed", "", true, true, "namespaces", 1]\n'
    )
    samples_table(stage / "samples.parquet", [("py/total", "    return 0\n")])
    subprocess.run(execute(stage, output, with_python=python()), check=True)
    assert list(read_table(output, VERDICTS)["status"]) == ["wrong_answer"]


@pytest.mark.slow
def test_the_manifest_names_exclusions_and_counts(stage: Path) -> None:
    broken = {**PYTHON, "task_id": "py/broken", "reference_solution": "    return 0\n"}
    write_table(stage / "problems.parquet", PROBLEMS, frame(PYTHON, broken))
    output = stage / "verdicts.parquet"
    subprocess.run(execute(stage, output, with_python=python()), check=True)
    manifest = read_manifest(output)
    assert list(manifest["excluded"]) == ["py/broken"]
    assert manifest["statuses"] == {"passed": 104, "wrong_answer": 51}
    assert (manifest["isolation"], manifest["rows"], manifest["disagreements"]) in (
        ("namespaces", 155, 0),
        ("landlock", 155, 0),
    )


def ibft(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    program = "import sys; from ibft.cli import main\ntry: main()\nfinally: assert 'torch' not in sys.modules"
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | {"NO_COLOR": "1"})


@pytest.mark.slow
def test_score_judges_a_file_without_torch(tmp_path: Path) -> None:
    problem = "HumanEval/53"  # add(x, y)
    completions = [
        "    return x + y\n",
        "```python\ndef add(x, y):\n    return x + y\n```",
        "    return x - y\n",
        "    return (",
    ]
    lines = [json.dumps({"task_id": problem, "completion": completion}) for completion in completions]
    (tmp_path / "samples.jsonl").write_text("\n".join(lines) + "\n\n")
    out = tmp_path / "verdicts.parquet"
    done = ibft("score", tmp_path / "samples.jsonl", "--benchmark", "humaneval", "--out", out)
    assert done.returncode == 0, done.stderr
    rows = pd.read_parquet(out)
    assert list(rows["status"]) == ["passed", "passed", "wrong_answer", "syntax_error"]
    assert list(rows["sample"]) == [0, 1, 2, 3]
    assert (rows["wall_s"] > 0).all()
    assert rows["program"][1].endswith("def add(x, y):\n    return x + y\n")
    assert "2 of 4" in done.stdout and "50.0" in done.stdout
    assert "passed: 2, wrong_answer: 1, syntax_error: 1" in done.stdout


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ('{"task_id": "HumanEval/53"}\n', ":1: needs a task_id and one of completion"),
        ('{"task_id": "HumanEval/53", "completion": ""}\nnot json\n', ":2: not JSON"),
        ('{"task_id": "HumanEval/999", "completion": ""}\n', "'HumanEval/999'"),
    ],
)
def test_score_names_the_bad_line(tmp_path: Path, content: str, complaint: str) -> None:
    (tmp_path / "samples.jsonl").write_text(content)
    out = tmp_path / "verdicts.parquet"
    words = ["score", str(tmp_path / "samples.jsonl"), "--benchmark", "humaneval", "--out", str(out)]
    command = [python(), "-c", "from ibft.cli import main; main()", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
    assert not out.exists()


@pytest.mark.slow
def test_doctor_names_what_it_looked_at() -> None:
    done = ibft("doctor")
    assert done.returncode == 0, done.stderr
    for what in ("isolation", "time limits", "iverilog", "GPU", "vLLM", "disk", "hub"):
        assert f"  {what}: " in done.stdout
    assert all(
        "->" in after
        for line, after in zip(*[iter(done.stdout.splitlines())] * 2, strict=False)
        if line.startswith("gap") and after.startswith(" ")
    )

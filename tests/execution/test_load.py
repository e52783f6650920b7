"""One run is full of hostile completions; another one on the same machine must not notice.

`make load` has 10,000 samples in the hostile run; here there are fewer.
"""

import os
import shutil
import subprocess
import time
from itertools import cycle, islice
from pathlib import Path

import psutil
import pytest

from ibft.store.parquet import read_table, write_table
from ibft.store.schemas import PROBLEMS, VERDICTS
from tests.execution import hostile_python, hostile_python_host, hostile_verilog
from tests.execution.problems import PYTHON, VERILOG, VERILOG_SAMPLES, frame
from tests.execution.test_commands import execute, samples_table

SAMPLES = int(os.environ.get("IBFT_LOAD_SAMPLES", "400"))
HONEST = 150
EVERY = 10  # samples of the hostile run, of which one is hostile
JOB = '{"execution": {"python_timeout_s": 0.5, "verilog_timeout_s": 2, "memory_mb": 512}}'


def honest(number: int) -> tuple[str, str]:
    """A right or a wrong answer to one of the two problems; no two are equal."""
    wrong = number % 3 == 2
    if number % 2:
        return "py/total", f"    return sum(values) + extra + {int(wrong)}  # {number}\n"
    body = "\talways @(posedge clk) if (reset) q <= 0; else q <= d;"
    return "v/register", f"{body.replace('<= d', '<= ~d') if wrong else body} // {number}\nendmodule\n"


def hostile(folder: Path) -> list[tuple[str, str]]:
    places = {"CANARY": str(folder / "canary"), "PORT": "9", "SECRET": "secret", "COUNT": str(VERILOG_SAMPLES)}
    attacks = [("py/total", text) for text in (hostile_python.ATTACKS | hostile_python_host.ATTACKS).values()]
    attacks += [("v/register", text) for text in hostile_verilog.ATTACKS.values()]
    for name, place in places.items():
        attacks = [(task_id, text.replace(name, place)) for task_id, text in attacks]
    return [(task_id, text.encode("utf-8", "replace").decode()) for task_id, text in attacks]


def run(folder: Path, name: str) -> list[str]:
    command = execute(folder, folder / f"{name}.parquet", workers=2)
    command[command.index("--job") + 1] = JOB
    command[command.index("--samples") + 1] = str(folder / f"{name}-samples.parquet")
    return [*command, "--tests-key", str(folder / "key")]


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("iverilog"), reason="iverilog is not installed")
def test_a_run_of_honest_samples_does_not_notice_a_hostile_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    write_table(tmp_path / "problems.parquet", PROBLEMS, frame(PYTHON, VERILOG))
    for name in ("idle", "beside"):
        samples_table(tmp_path / f"{name}-samples.parquet", [honest(number) for number in range(HONEST)])
    attacks = islice(cycle(hostile(tmp_path)), SAMPLES // EVERY)
    mixed = [next(attacks) if i % EVERY == 0 else honest(i) for i in range(SAMPLES)]
    samples_table(tmp_path / "hostile-samples.parquet", mixed)

    subprocess.run(run(tmp_path, "idle"), check=True)
    beside = subprocess.Popen(run(tmp_path, "hostile"))
    time.sleep(2)
    subprocess.run(run(tmp_path, "beside"), check=True)
    assert beside.wait() == 0
    assert (tmp_path / "beside.parquet").read_bytes() == (tmp_path / "idle.parquet").read_bytes()
    verdicts = read_table(tmp_path / "hostile.parquet", VERDICTS)
    expected = [i % EVERY != 0 and i % 3 != 2 for i in range(SAMPLES)]
    assert list(verdicts["passed"]) == expected
    assert not list(scratch.iterdir())
    assert not [process for process in psutil.process_iter() if str(tmp_path) in " ".join(command_of(process))]


def command_of(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []  # it ended meanwhile

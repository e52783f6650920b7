"""A lock is given up only where nobody can be at work in its folder."""

import json
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from ibft.runtime import locks
from ibft.runtime.errors import UserError


@pytest.fixture
def at_work(tmp_path: Path) -> Iterator[psutil.Popen]:
    """A process that looks as a Snakemake at work in the folder `run` does."""
    (tmp_path / "run").mkdir()
    program = tmp_path / "snakemake"
    program.write_text("print(flush=True), input()")
    command = [sys.executable, str(program), "--cores", "1", "--directory", "run"]
    with psutil.Popen(command, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        yield process


def test_a_run_at_work_keeps_its_lock(at_work: psutil.Popen, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"process {at_work.pid} is at work in .*kill {at_work.pid}"):
        locks.check_abandoned(tmp_path / "run")
    locks.check_abandoned(tmp_path)  # nobody is at work there
    at_work.kill()
    at_work.wait()
    locks.check_abandoned(tmp_path / "run")


def test_a_run_on_another_machine_keeps_its_lock(tmp_path: Path) -> None:
    locks.note_holder(tmp_path)
    locks.check_abandoned(tmp_path)  # that was this process
    (holder,) = (tmp_path / ".snakemake").iterdir()
    assert json.loads(holder.read_bytes())["host"] == platform.node()
    holder.write_text(json.dumps({"host": "node17", "process": 4}))
    with pytest.raises(UserError, match=r"process 4 on node17, which cannot be looked at from here: .*--unlock"):
        locks.check_abandoned(tmp_path)

"""A full disk or used-up memory is one sentence, and what was finished is not lost."""

import errno
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ibft.runtime.stage import shortage
from tests.execution.test_commands import execute, stage
from tests.warm_python import python

__all__ = ["stage"]

# Runs a command on a small disk, then again after the disk has grown.
ON_A_SMALL_DISK = """
disk=$1; out=$2; shift 2
mount -t tmpfs -o size=16k none "$disk" || exit 9
"$@"; echo "exit $?"
mount -o remount,size=64m "$disk" || exit 9
"$@"; echo "exit $?"
cat "$disk"/*.log
cp "$disk/verdicts.parquet" "$out"
"""


@pytest.mark.slow
def test_a_full_disk_is_named_and_the_run_goes_on_when_there_is_space(stage: Path) -> None:
    alone = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    if not shutil.which("unshare") or subprocess.run([*alone, "true"], capture_output=True, check=False).returncode:
        pytest.skip("user namespaces are refused here")
    whole = stage / "whole.parquet"
    subprocess.run(execute(stage, whole, with_python=python()), check=True)
    disk, out = stage / "disk", stage / "out.parquet"
    disk.mkdir()
    command = [*alone, ON_A_SMALL_DISK, "sh", disk, out, *execute(stage, disk / "verdicts.parquet")]
    run = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert run.stdout.splitlines()[:1] == ["exit 1"], run.stdout + run.stderr
    assert "no space is left on the disk" in run.stderr and "it continues from here" in run.stderr
    assert "Traceback" not in run.stdout + run.stderr
    assert "exit 0" in run.stdout.splitlines()
    assert "continuing after them" in run.stdout
    assert out.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize(
    ("limit", "sentence"),
    [
        ("-n 100", "takes up to 256 open files, and this shell or job allows 100: raise its limit (ulimit -n)"),
        ("-v 1000000", "takes up to 1048576 KiB of memory, and this shell or job allows 1000000: raise its limit"),
    ],
)
def test_a_limit_of_the_shell_that_would_change_verdicts_is_refused(stage: Path, limit: str, sentence: str) -> None:
    limited = ["sh", "-c", f'ulimit {limit}; exec "$@"', "sh", *execute(stage, stage / "out.parquet")]
    run = subprocess.run(limited, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert sentence in run.stderr and "Traceback" not in run.stderr
    assert not (stage / "out.parquet").exists()


@pytest.mark.slow
def test_judging_needs_no_shared_memory(stage: Path) -> None:
    """Containers and clusters often have no /dev/shm to write to."""
    alone = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    if not shutil.which("unshare") or subprocess.run([*alone, "true"], capture_output=True, check=False).returncode:
        pytest.skip("user namespaces are refused here")
    without = [*alone, 'mount -t tmpfs -o ro none /dev/shm || exit 9; ! touch /dev/shm/x || exit 8; exec "$@"', "sh"]
    subprocess.run([*without, *execute(stage, stage / "out.parquet")], check=True)
    subprocess.run(execute(stage, stage / "whole.parquet", with_python=python()), check=True)
    assert (stage / "out.parquet").read_bytes() == (stage / "whole.parquet").read_bytes()


FAULTS = {
    "ENOSPC": "no space is left on the disk",
    "EDQUOT": "the disk quota is used up",
    "EROFS": "the file system is read-only",
    "EACCES": "permission is denied",
    "EMFILE": "too many files are open",
    "ESTALE": "a network file system has lost a file",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_file_system_is_one_sentence_with_the_file(fault: str) -> None:
    error = OSError(getattr(errno, fault), "as the kernel says it", "results/scores.parquet")
    told = shortage(error)
    assert told is not None and told.startswith(f"{FAULTS[fault]} (results/scores.parquet): ")
    assert told.endswith("run the same command again; it continues from here")


@pytest.mark.slow
@pytest.mark.parametrize("allocation", ["bytearray(1 << 40)", "torch.ones(1 << 38)"])
def test_used_up_memory_is_one_sentence(allocation: str) -> None:
    stage = f"import torch\nfrom ibft.runtime.stage import *\nrun_stage(lambda _: {allocation}, stage_parser(''))"
    run = subprocess.run([sys.executable, "-c", stage], capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "the memory of this machine or job is used up" in run.stderr
    assert "Traceback" not in run.stderr

"""No job outlives its workflow, whatever signals it was started to ignore."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.slow
LONGEST_S = 5.0
JOB = "import signal, time; signal.pthread_sigmask(signal.SIG_BLOCK, [{blocked}]); print(flush=True); time.sleep(600)"
WORKFLOW = """
import subprocess, sys, time
from pathlib import Path
from ibft.runtime.watchdog import start_watchdog
job = start_watchdog(Path(sys.argv[1]).parent, [Path(sys.argv[1])]) + f"exec '{sys.executable}' -c '{sys.argv[2]}'"
subprocess.Popen(["bash", "-c", f"{job} & wait"])
time.sleep(600)
"""


def start(folder: Path, ignored: str, *, leader: bool, blocked: str = "") -> tuple[psutil.Popen, list[psutil.Process]]:
    """A process that starts a job as Snakemake does, below a shell that ignores a signal; and all that it started."""
    job = JOB.format(blocked=blocked)
    words = [sys.executable, "-c", WORKFLOW, str(folder), job]
    shell = ["bash", "-c", f"trap '' {ignored or 'USR1'}; exec \"$@\"", "bash", *words]
    workflow = psutil.Popen(shell, stdout=subprocess.PIPE, start_new_session=leader)
    workflow.stdout.readline()
    return workflow, [
        process for process in workflow.children(recursive=True) if "watchdog" not in str(process.cmdline())
    ]


@pytest.mark.parametrize("leader", [True, False], ids=["session leader", "member"])
@pytest.mark.parametrize("ignored", ["", "INT", "HUP", "TERM", "INT HUP TERM QUIT"])
def test_a_job_ends_with_a_workflow_that_is_killed(tmp_path: Path, ignored: str, leader: bool) -> None:
    folder = tmp_path / "of the workflow"
    folder.mkdir()
    workflow, jobs = start(folder, ignored, leader=leader)
    assert len(jobs) == 2  # a shell and its job
    long, others = tmp_path / "shell_tmp.a", tmp_path / "shell_tmp.b"
    for script, text in ((long, jobs[-1].environ()["IBFT_WORKFLOW"]), (others, "another workflow's")):
        script.mkdir()
        (script / "script.sh").write_text(text)
    workflow.kill()
    _, alive = psutil.wait_procs(jobs, timeout=LONGEST_S)
    assert not alive
    workflow.wait()
    ended = time.monotonic()
    while (folder.exists() or long.exists()) and time.monotonic() < ended + LONGEST_S:
        time.sleep(0.1)
    assert not folder.exists()
    assert not long.exists()
    assert others.exists()


def test_a_job_that_blocks_signals_ends_too(tmp_path: Path) -> None:
    workflow, jobs = start(tmp_path / "none", "", leader=False, blocked="signal.SIGTERM, signal.SIGINT")
    workflow.kill()
    _, alive = psutil.wait_procs(jobs, timeout=LONGEST_S)
    assert not alive
    workflow.wait()


def test_only_jobs_of_the_workflow_end(tmp_path: Path) -> None:
    workflow, jobs = start(tmp_path / "none", "", leader=False)
    other, others = start(tmp_path / "other", "", leader=False)
    workflow.kill()
    psutil.wait_procs(jobs, timeout=LONGEST_S)
    time.sleep(2)
    assert all(job.is_running() for job in others)
    other.kill()
    psutil.wait_procs(others, timeout=LONGEST_S)


def test_a_stage_cleans_up_when_it_is_ended(tmp_path: Path) -> None:
    """Even where it ignores SIGTERM, and blocks it, from its start."""
    script = tmp_path / "stage.py"
    script.write_text(
        "import time\n"
        "from ibft.runtime.stage import run_stage, stage_parser\n"
        "def main(arguments):\n"
        "    try:\n"
        "        print(flush=True)\n"
        "        time.sleep(600)\n"
        "    finally:\n"
        f"        open({str(tmp_path / 'clean')!r}, 'w').close()\n"
        "run_stage(main, stage_parser(None))\n"
    )
    words = ["bash", "-c", "trap '' TERM; export IBFT_WORKFLOW=x; exec \"$@\"", "bash", sys.executable, str(script)]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as stage:
        stage.stdout.readline()
        stage.send_signal(signal.SIGTERM)
        assert stage.wait(timeout=LONGEST_S) == 130
    assert (tmp_path / "clean").exists()

"""Kill the workflow, a stage or a worker, anywhere: one command goes on, to the tables of an undisturbed run.

IBFT_KILLS says how often; `make chaos` kills 50 times.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import yaml

from tests.warm_python import python
from tests.workflow.conftest import Checkout

FEW = 3
KILLS = int(os.environ.get("IBFT_KILLS", FEW))
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
VICTIMS = ("workflow", "stage", "worker")
LATEST_S = 15.0  # after the start of a run
GONE_S = 60.0  # within which everything that a killed run had started has ended
OUTLIVED_S = 5.0  # at most, by a stage whose workflow was killed
STARTS_S = 120.0
# Signals that the shell ignores which starts the run, and so all that it starts; and whether the run leads a session.
WAYS = (("INT", True), ("INT HUP TERM", False))
MORE_WAYS = (("HUP", False), ("TERM", True), ("INT", False), ("HUP", True), ("TERM", False), ("INT HUP TERM", True))


@pytest.fixture(scope="module")
def small(finished: Checkout) -> Checkout:
    """The shortest run that has every kind of stage, before its start."""
    config = yaml.safe_load((finished.work / "config.yaml").read_text())
    config["experiments"]["verilog"]["methods"] = ["base", "ft-mink", "ibft"]
    config["methods"] = {name: config["methods"][name] for name in ("base", "ft-mink", "ibft")}
    config["methods"]["ft-mink"]["selection"]["keep_fraction"] = 0.5
    config["methods"]["ft"] = {"kind": "ft"}
    work = finished.root / "small"
    work.mkdir()
    shutil.copytree(finished.work / "tiny-model", work / "tiny-model")
    (work / "config.yaml").write_text(yaml.safe_dump(config))
    return Checkout(finished.root, "small")


@pytest.fixture(scope="module")
def undisturbed(small: Checkout) -> dict[str, bytes]:
    return tables_after(small)


def test_a_killed_run_is_finished_by_one_command(small: Checkout, undisturbed: dict[str, bytes]) -> None:
    """No stage outlives its workflow, whichever signals both ignore and whatever is killed."""
    shutil.rmtree(small.work / "results")
    for number, (ignored, is_leader) in enumerate(WAYS if KILLS == FEW else WAYS + MORE_WAYS):
        kill_under_stages(small, ignored, is_leader=is_leader, after_s=3.0 * (number % 2))
        assert not list((small.work / ".snakemake").glob("shell_tmp.*"))
    draw = random.Random(int(os.environ.get("IBFT_CHAOS_SEED", "0")))
    kills = 0
    while kills < KILLS:
        victim, number = draw.choice(VICTIMS), draw.choice(SIGNALS)
        killed = start_and_kill(small, victim, number, draw.uniform(0, LATEST_S))
        print(f"{victim} {number.name}: {'killed' if killed else 'had finished'}")
        kills += killed
        if not killed:
            assert tables(small) == undisturbed
            shutil.rmtree(small.work / "results")
    assert tables_after(small) == undisturbed


def kill_under_stages(checkout: Checkout, ignored: str, *, is_leader: bool, after_s: float) -> None:
    """Start a run, kill its Snakemake while stages are at work, and see them end."""
    own_tmp = checkout.work / "tmp"
    own_tmp.mkdir(exist_ok=True)
    shell = ["bash", "-c", f"trap '' {ignored}; exec \"$@\"", "bash", *command(checkout)]
    with (checkout.work / "run.log").open("w") as log:
        environment = {**checkout.environment(), "TMPDIR": str(own_tmp)}
        run = psutil.Popen(shell, stdout=log, stderr=log, env=environment, start_new_session=is_leader)
    until = time.monotonic() + STARTS_S
    while not any(map(is_stage, run.children(recursive=True))):
        assert run.poll() is None and time.monotonic() < until, (checkout.work / "run.log").read_text()
        time.sleep(0.1)
    time.sleep(after_s)
    started = run.children(recursive=True)
    stages = [process for process in started if is_stage(process)]
    run.kill()
    _, alive = psutil.wait_procs(stages, timeout=OUTLIVED_S)
    assert not alive, f"{[process.cmdline() for process in alive]} outlived a workflow that ignored {ignored}"
    psutil.wait_procs([run, *started], timeout=GONE_S)
    assert not list(own_tmp.glob("snakemake*"))


def tables_after(checkout: Checkout) -> dict[str, bytes]:
    """Those of a run that nobody kills, whose stages may start at once."""
    checkout = replace(checkout, python=Path(python()))
    run = subprocess.run(command(checkout), capture_output=True, text=True, env=checkout.environment(), check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return tables(checkout)


def tables(checkout: Checkout) -> dict[str, bytes]:
    """The content of every Parquet file, and of the tables as they are printed."""
    results = checkout.work / "results"
    found = [path for pattern in ("*.parquet", "tables/*/*.csv", "tables/*/*.md") for path in results.rglob(pattern)]
    return {str(path.relative_to(results)): path.read_bytes() for path in found}


def command(checkout: Checkout) -> list[str]:
    return [sys.executable, "-c", "from ibft.cli import main; main()", "resume", *checkout.options(), "--cores", "2"]


def start_and_kill(checkout: Checkout, victim: str, number: signal.Signals, after_s: float) -> bool:
    """Start a run and kill it after some time; False where it was finished by then. Nothing of it is left."""
    log = (checkout.work / "run.log").open("w")
    run = psutil.Popen(command(checkout), stdout=log, stderr=log, env=checkout.environment())
    try:
        if run.wait(timeout=after_s) == 0:
            return False
        raise AssertionError((checkout.work / "run.log").read_text())
    except psutil.TimeoutExpired:
        pass
    started = [run, *run.children(recursive=True)]
    chosen = choose(run, started, victim)
    chosen.send_signal(number)
    _, alive = psutil.wait_procs(started, timeout=GONE_S)
    assert not alive, f"{[process.cmdline() for process in alive]} outlived {victim} {number.name}"
    return True


def is_stage(process: psutil.Process) -> bool:
    try:
        return any("workflow/scripts" in word for word in process.cmdline()[:2])
    except psutil.NoSuchProcess:
        return False


def choose(run: psutil.Process, started: list[psutil.Process], victim: str) -> psutil.Process:
    """A process of the wanted sort, or the run itself where there is none at this moment."""
    stages = [process for process in started if is_stage(process)]
    workers = [child for stage in stages for child in stage.children(recursive=True)]
    return {"workflow": [run], "stage": stages[:1] or [run], "worker": workers[-1:] or stages[:1] or [run]}[victim][0]

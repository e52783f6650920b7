"""The workflow on a real SLURM, through profiles/slurm: what SLURM itself records, and what comes out.

One story on one checkout, in which a method is fine-tuned and evaluated on the cluster: training fails once, judging
fails for good; judging again, it is interrupted; then everything goes through. `python` is stood in for by a script
that fails or hangs on demand, so that no code of the workflow is changed.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.workflow.conftest import Checkout
from tests.workflow.slurm import Record, Slurm, missing_programs, running_slurm

PATIENCE_S = 600  # a controller that does not answer would hold Snakemake for ever
MEMORY_MB, MINUTES = 700, 7
pytestmark = pytest.mark.timeout(1800)  # the story is told while the first test is set up
DELETED = (  # what the cluster has to make again: one method, from scoring to metrics
    "memorization/tiny/rtl/ft",
    "training/tiny/rtl/ft",
    "samples/tiny/rtl/ft",
    "verdicts/tiny/rtl/ft",
    "metrics",
)
METRICS = "results/metrics/all/metrics.parquet"
# The plugin waits ten seconds longer each time that no job has ended; here it asks SLURM in even intervals.
EAGER_SNAKEMAKE = """
import runpy
from snakemake_executor_plugin_slurm import Executor
Executor.next_seconds_between_status_checks = property(lambda _: {0}, lambda *_: None)
runpy.run_module("snakemake", run_name="__main__", alter_sys=True)
"""
# The GPUs that SLURM gives are made up, so that jobs are not told that they were promised any.
UNSTEADY_PYTHON = """#!/bin/sh
unset IBFT_GPUS
case "$1" in
    */train.py) [ -e "{0}/fail-training" ] && rm "{0}/fail-training" && exit 1 ;;
    */execute.py) [ -e "{0}/fail-judging" ] && exit 1
                  [ -e "{0}/hang-judging" ] && exec sleep 600 ;;
esac
exec "{1}" "$@"
"""


@dataclass(frozen=True)
class Story:
    """SLURM's record of each of the three runs, what `ibft watch` showed of the second, and the checkout afterwards."""

    checkout: Checkout
    first: list[Record]
    first_output: str
    watched: str
    interrupted: list[Record]
    left_in_the_queue: list[str]
    last: list[Record]


@pytest.fixture(scope="module")
def slurm() -> Iterator[Slurm]:
    missing = missing_programs()
    if missing and not os.environ.get("CI"):
        pytest.skip(
            f"SLURM is not installed ({', '.join(missing)}): apt-get install slurmctld slurmd slurm-client munge"
        )
    assert not missing, f"CI must test on SLURM, and these are not installed: {', '.join(missing)}"
    with running_slurm() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def story(slurm: Slurm, finished: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Story:
    checkout = Checkout(tmp_path_factory.mktemp("slurm") / "check out", python=finished.python)
    shutil.copytree(finished.root, checkout.root, symlinks=True)
    for path in DELETED:
        shutil.rmtree(checkout.work / "results" / path)
    _ask_for_gpus(checkout)
    demands = _unsteady_python(slurm, finished.python)
    (demands / "fail-training").touch()
    (demands / "fail-judging").touch()
    first = _run(slurm, checkout, "--retries", "1")
    after_first = slurm.records()

    (demands / "fail-judging").unlink()
    (demands / "hang-judging").touch()
    hanging = _start(slurm, checkout, every_s=10)  # it cancels no job if it is interrupted while it asks
    _wait_for(lambda: "RUNNING" in slurm.states())
    watched = _watched(checkout)
    hanging.send_signal(signal.SIGINT)
    hanging.communicate(timeout=PATIENCE_S)
    _wait_for(lambda: not slurm.states())
    after_interrupt, left = slurm.records(), slurm.states()

    (demands / "hang-judging").unlink()
    last = _run(slurm, checkout)
    assert last.returncode == 0, last.stdout + last.stderr
    records = slurm.records()
    return Story(
        checkout=checkout,
        first=after_first,
        first_output=first.stdout + first.stderr,
        watched=watched,
        interrupted=after_interrupt[len(after_first) :],
        left_in_the_queue=left,
        last=records[len(after_interrupt) :],
    )


def test_every_job_asks_for_what_the_configuration_says(story: Story) -> None:
    training = next(record for record in story.first if record.rule == "train")
    assert (training.partition, training.gpus, training.memory_mb) == ("gpu", 1, MEMORY_MB)
    assert training.minutes == str(MINUTES)
    scoring = next(record for record in story.first if record.rule == "score_memorization")
    assert (scoring.partition, scoring.gpus, scoring.memory_mb) == ("gpu", 1, MEMORY_MB)
    judging = next(record for record in story.first if record.rule == "execute")
    assert (judging.partition, judging.gpus, judging.memory_mb, judging.minutes) == ("cpu", 0, 2000, "60")


def test_a_failed_job_is_retried_with_more_memory_and_time(story: Story) -> None:
    failed, retried = [record for record in story.first if record.rule == "train"]
    assert (failed.state, retried.state) == ("FAILED", "COMPLETED")
    assert retried.memory_mb == 2 * failed.memory_mb
    assert retried.minutes == str(2 * MINUTES)


def test_what_does_not_depend_on_a_failed_job_goes_on(story: Story) -> None:
    states = {record.rule: record.state for record in story.first}
    assert states["execute"] == "FAILED"
    assert states["gather_scores"] == states["sample_verilog"] == "COMPLETED"
    assert "count_passes" not in states


def test_jobs_on_the_cluster_can_be_watched(story: Story) -> None:
    """A stage's line has its counts, and the job's has SLURM's number of it."""
    assert re.search(r"running since .* \d+ of \d+ jobs", story.watched)
    assert re.search(r"(?m)^execution +\S* *\d+/\d+ +1 ", story.watched)
    assert re.search(r"(?m)^execute \S*rtl/ft\S* \[\d+\] +\d+ s", story.watched)


def test_an_interrupt_cancels_the_jobs(story: Story) -> None:
    assert [(record.rule, record.state) for record in story.interrupted] == [("execute", "CANCELLED")]
    assert story.left_in_the_queue == []


def test_after_a_failure_only_the_failed_stage_and_what_depends_on_it_run_again(story: Story) -> None:
    assert [record.rule for record in story.last] == ["execute", "count_passes", "compute_metrics"]
    assert {record.state for record in story.last} == {"COMPLETED"}


def test_the_results_are_those_of_a_local_run_byte_for_byte(story: Story, finished: Checkout) -> None:
    here, there = (checkout.work / "results" for checkout in (finished, story.checkout))
    compared = [path.relative_to(here) for path in here.rglob("*.parquet")]
    compared += [path.relative_to(here) for path in (here / "training").rglob("*.safetensors")]
    assert len(compared) > 40
    differing = [path for path in compared if (there / path).read_bytes() != (here / path).read_bytes()]
    assert differing == []


def _ask_for_gpus(checkout: Checkout) -> None:
    """What jobs ask for changes no result, so everything that is not deleted stays as it is."""
    config = yaml.safe_load((checkout.work / "config.yaml").read_text())
    config["compute"] = {**config.get("compute", {}), "gpus": 1, "memory_mb": MEMORY_MB, "runtime_min": MINUTES}
    (checkout.work / "config.yaml").write_text(yaml.safe_dump(config))


def _unsteady_python(slurm: Slurm, python: Path) -> Path:
    """Put a `python` on the cluster's PATH that fails or hangs as the files in the returned folder demand."""
    demands = slurm.folder / "demands"
    demands.mkdir()
    script = slurm.clients / "python"
    script.write_text(UNSTEADY_PYTHON.format(demands, python))
    script.chmod(0o755)
    return demands


def _run(slurm: Slurm, checkout: Checkout, *arguments: str) -> subprocess.CompletedProcess[str]:
    process = _start(slurm, checkout, *arguments)
    stdout, stderr = process.communicate(timeout=PATIENCE_S)
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def _start(slurm: Slurm, checkout: Checkout, *arguments: str, every_s: int = 1) -> "subprocess.Popen[str]":
    asking = ["--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", str(every_s)]
    options = [*checkout.options("slurm"), METRICS, "all_memorization", *asking, *arguments]
    eager = slurm.folder / "snakemake"  # the name by which ibft knows a process of Snakemake
    eager.write_text(EAGER_SNAKEMAKE.format(every_s))
    return subprocess.Popen(
        [str(checkout.python), str(eager), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=checkout.environment(slurm.clients),
        cwd=checkout.root,
    )


def _watched(checkout: Checkout) -> str:
    watching = [str(Path(sys.executable).with_name("ibft")), "watch", "--once"]
    environment = {**checkout.environment(), "COLUMNS": "120"}
    run = subprocess.run(watching, capture_output=True, text=True, env=environment, cwd=checkout.work, check=True)
    return run.stdout


def _wait_for(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.5)

"""GPU slots of one machine, whose cards a stand-in for nvidia-smi lists, and jobs that ask for what is not there."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ibft.config.loading import load_file
from ibft.graph import Graph
from ibft.models.device import check_gpus, in_halves
from ibft.runtime.errors import UserError
from ibft.runtime.gpus import ASKED_VARIABLE, take_gpus
from ibft.runtime.stage import shortage
from tests.conftest import REPOSITORY

CARDS = ("GPU-aaaa", "GPU-bbbb")
# A job notes when it begins and ends, and on which cards.
JOB = """
echo "+ $CUDA_VISIBLE_DEVICES $IBFT_GPUS" >> "$1"
sleep "$2"
echo "- $CUDA_VISIBLE_DEVICES $IBFT_GPUS" >> "$1"
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Two cards, and locks of our own."""
    tool = tmp_path / "bin" / "nvidia-smi"
    tool.parent.mkdir()
    rows = "\n".join(f"{index}, {uuid}" for index, uuid in enumerate(CARDS))
    tool.write_text(f"#!/bin/sh\necho '{rows}'\n")
    tool.chmod(0o755)
    path = os.pathsep.join([str(tool.parent), os.environ["PATH"]])
    return {"PATH": path, "PYTHONPATH": str(REPOSITORY / "src"), "TMPDIR": str(tmp_path)}


def start(environment: dict[str, str], count: int, notes: Path, seconds: float) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "ibft.runtime.gpus", str(count), "--", "sh", "-c", JOB, "job", str(notes)]
    return subprocess.Popen([*command, str(seconds)], env=environment, text=True, stderr=subprocess.PIPE)


def test_jobs_never_share_a_card_and_all_get_one(environment: dict[str, str], tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    jobs = [start(environment, count, notes, 0.1) for count in (1, 1, 2, 1, 1)]
    assert [job.wait(timeout=60) for job in jobs] == [0] * len(jobs)
    held: list[str] = []
    most = 0
    for line in notes.read_text().splitlines():
        sign, cards, asked = line.split()
        assert len(cards.split(",")) == int(asked)
        for card in cards.split(","):
            assert card in ("0", "1")
            if sign == "+":
                assert card not in held
                held.append(card)
            else:
                held.remove(card)
        most = max(most, len(held))
    assert most == len(CARDS)
    assert len(notes.read_text().splitlines()) == 2 * len(jobs)


def test_a_killed_job_frees_its_card(environment: dict[str, str], tmp_path: Path) -> None:
    notes, later = tmp_path / "notes", tmp_path / "later"
    killed = start({**environment, "CUDA_VISIBLE_DEVICES": "1"}, 1, notes, 600)
    while not notes.exists() or not notes.read_text():
        time.sleep(0.02)
    waiting = start({**environment, "CUDA_VISIBLE_DEVICES": "1"}, 1, later, 0)
    time.sleep(0.3)
    assert not later.exists()
    # The shell and its `sleep`, both of which hold the lock.
    children = Path(f"/proc/{killed.pid}/task/{killed.pid}/children").read_text().split()
    for process in (*children, killed.pid):
        os.kill(int(process), signal.SIGKILL)
    killed.wait()
    assert waiting.wait(timeout=30) == 0
    assert later.read_text().startswith("+ 1 1")


def test_more_cards_than_there_are_is_one_sentence(environment: dict[str, str], tmp_path: Path) -> None:
    job = start(environment, 3, tmp_path / "notes", 0)
    _, stderr = job.communicate(timeout=30)
    assert job.returncode == 1
    assert stderr.startswith("this job asks for 3 GPUs (compute.gpus), and 2 can be seen here")
    assert len(stderr.splitlines()) == 1


def test_a_cluster_that_gave_the_job_its_cards_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """In another job of the same node, another card may be called 0."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    assert take_gpus(1) == {ASKED_VARIABLE: "1"}


def test_each_process_of_a_training_job_has_memory_and_a_gpu_of_its_own() -> None:
    config = load_file(REPOSITORY / "config" / "paper.yaml")
    for gpus, processes, expected in ((1, 1, (1, 64_000)), (1, 4, (4, 256_000)), (0, 2, (0, 128_000))):
        compute = config.compute.model_copy(update={"gpus": gpus, "processes": processes})
        graph = Graph(config.model_copy(update={"compute": compute}))
        assert (graph.training_gpus(), graph.training_memory_mb()) == expected


def test_a_job_that_asks_for_a_gpu_never_runs_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    check_gpus()
    monkeypatch.setenv(ASKED_VARIABLE, "1")
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(
        UserError, match=r"asks for 1 GPU \(compute.gpus\), and torch .* can use \d: .*; bring the driver"
    ):
        check_gpus()


def test_a_pass_that_a_gpu_does_not_hold_is_halved() -> None:
    import torch

    passes: list[list[int]] = []

    def run(items: list[int]) -> list[int]:
        passes.append(list(items))
        if sum(items) > 6:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return [10 * item for item in items]

    assert in_halves(run, [1, 2, 3, 4]) == [10, 20, 30, 40]
    assert passes == [[1, 2, 3, 4], [1, 2], [3, 4], [3], [4]]
    with pytest.raises(torch.OutOfMemoryError):
        in_halves(run, [1, 9])


def test_a_gpu_that_is_too_small_is_not_told_to_ask_for_host_memory() -> None:
    import torch

    sentence = shortage(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"))
    assert sentence is not None
    assert "training.gradient_checkpointing" in sentence
    assert "compute.memory_mb does not help" in sentence
    host = shortage(RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"))
    assert host is not None and "compute.memory_mb on a cluster" in host

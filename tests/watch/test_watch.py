"""A run is told from its record, Snakemake's notes, and the logs of its jobs, on a narrow and a wide terminal."""

import json
import os
import subprocess
import sys
import time
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest

from ibft.cli import COMMANDS
from ibft.runtime.errors import UserError
from ibft.runtime.progress import parse_progress, progress_line
from ibft.store.run_records import Job, RunRecord
from ibft.watch import snapshot
from ibft.watch.screen import as_text, duration
from ibft.watch.snapshot import Snapshot, take_snapshot

NOW = 1_800_000_000.0
SNAKEMAKE = """\
Building DAG of jobs...
Job stats:
job            count
-----------  -------
train              3
execute            1
total              4

Select jobs to execute...
[{when}]
Finished jobid: 2 (Rule: train)
1 of 4 steps (25%) done
[{when}]
Error in rule train:
    jobid: 3
    output: results/training/m/rtl/ibft/seed0/adapter/manifest.json
    log: results/logs/train/m/rtl/ibft/seed0.log (check log file(s) for error details)
    shell:
        python train.py
        (command exited with non-zero exit code)
Logfile results/logs/train/m/rtl/ibft/seed0.log:
"""


def stamp(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds)) + ",000"


class Place:
    """A made-up results folder of one run, and the notes of its Snakemake."""

    def __init__(self, root: Path) -> None:
        self.root, self.results = root, root / "results"
        self.jobs: list[Job] = []
        (root / "Snakefile").touch()

    def write(self, path: str, text: str = "", at: float = NOW) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        os.utime(file, (at, at))

    def job(self, rule: str, stage: str, name: str, output: str) -> None:
        log, benchmark = f"results/logs/{rule}/{name}.log", f"results/benchmarks/{rule}/{name}.tsv"
        self.jobs.append(Job(inputs=[], outputs=[output], rule=rule, stage=stage, log=log, benchmark=benchmark))

    def mark(self, output: str, at: float, number: str | None = None) -> None:
        """Note as Snakemake does that some job makes `output` now."""
        name = urlsafe_b64encode(output.encode()).decode()
        parts = [name[start : start + 100] for start in range(0, len(name), 100)]
        path = "/".join([*("@" + part for part in parts[:-1]), parts[-1]])
        self.write(f".snakemake/incomplete/{path}", json.dumps({"external_jobid": number}), at)

    def record(self) -> None:
        run = RunRecord(
            folder=self.root,
            work=self.root,
            results=Path("results"),
            snakefile=self.root / "Snakefile",
            options=[],
            targets=[],
            config="c",
            started=NOW - 700,
            jobs=[*self.jobs, Job(inputs=[], outputs=[], rule="all", stage="Snakefile")],
        )
        run.write()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Of three trainings one is done, one at work and one failed; judging, on a cluster, is queued."""
    place = Place(tmp_path)
    for method in ("ft", "ft-mink", "ibft"):
        place.job("train", "training", f"m/rtl/{method}/seed0", adapter(method))
    place.job("execute", "execution", "m/rtl/ft/seed0", "results/verdicts/m/rtl/ft/seed0.parquet")
    place.job("prepare_model", "prepare", "m", "results/models/m/manifest.json")
    begun = time.strftime("%Y-%m-%dT%H%M%S.000001", time.localtime(NOW - 600))
    when = time.asctime(time.localtime(NOW - 60))
    place.write(f".snakemake/log/{begun}.snakemake.log", SNAKEMAKE.format(when=when))
    place.write("results/models/m/manifest.json", at=NOW - 9000)
    place.write(adapter("ft"), at=NOW - 300)
    place.write("results/benchmarks/train/m/rtl/ft/seed0.tsv", "s\th:m:s\n240.0\t0:04:00\n")
    place.mark(adapter("ft-mink"), NOW - 100)
    lines = [
        f"{stamp(NOW - 95)} INFO loaded",
        f"{stamp(NOW - 10)} INFO {progress_line('training', 'steps', 30, 120, 1.5)}",
        f"{stamp(NOW - 9)} INFO step 30/120 loss 0.4",
    ]
    place.write("results/logs/train/m/rtl/ft-mink/seed0.log", "\n".join(lines) + "\n", at=NOW - 9)
    failed = f"{stamp(NOW - 61)} ERROR no space is left on the disk\x1b[2J: free some\nTraceback ...\n"
    place.write("results/logs/train/m/rtl/ibft/seed0.log", failed)
    place.mark("results/verdicts/m/rtl/ft/seed0.parquet", NOW - 30, "4711")
    place.record()
    monkeypatch.setattr(snapshot, "holder_of", lambda _: "here")
    return place


def adapter(method: str) -> str:
    return f"results/training/m/rtl/{method}/seed0/adapter/manifest.json"


def test_stages_count_what_is_done_at_work_and_failed(place: Place) -> None:
    found = {stage.name: stage for stage in take_snapshot(place.results, NOW).stages}
    counted = {name: (each.jobs, each.done, each.running, each.failed) for name, each in found.items()}
    assert counted == {"training": (3, 1, 1, 1), "execution": (1, 0, 1, 0), "prepare": (1, 1, 0, 0)}
    assert found["training"].seconds_left == 50 + 240  # the rest of the one at work, and the mean of a finished one
    assert found["execution"].seconds_left is None


def test_a_job_at_work_has_the_rate_and_the_time_left_of_its_log(place: Place) -> None:
    training, judging = take_snapshot(place.results, NOW).running
    assert training.name == "train m/rtl/ft-mink/seed0"
    assert training.told is not None and (training.told.finished, training.told.rate) == (30, 1.5)
    assert (training.seconds, training.seconds_left, training.quiet_s) == (100, 50, 9)
    assert (judging.cluster_job, judging.is_queued) == ("4711", True)


def test_a_cluster_job_that_writes_is_no_longer_queued(place: Place) -> None:
    place.write("results/logs/execute/m/rtl/ft/seed0.log", f"{stamp(NOW - 5)} INFO judging\n", at=NOW - 5)
    assert [job.is_queued for job in take_snapshot(place.results, NOW).running] == [False, False]


def test_an_output_that_has_to_be_made_again_is_not_done(place: Place) -> None:
    os.utime(place.root / adapter("ft"), (NOW - 9000, NOW - 9000))
    log = next((place.root / ".snakemake" / "log").iterdir())
    log.write_text(log.read_text().replace("Finished jobid: 2 (Rule: train)\n", ""))
    assert take_snapshot(place.results, NOW).stages[0].done == 0


def test_without_a_word_of_snakemake_outputs_alone_are_counted(place: Place) -> None:
    next((place.root / ".snakemake" / "log").iterdir()).unlink()
    found = take_snapshot(place.results, NOW)
    assert [stage.done for stage in found.stages] == [1, 0, 1]
    assert found.errors == ()


def test_an_error_is_the_last_sentence_of_the_job_and_acts_on_no_terminal(place: Place) -> None:
    shown = as_text(take_snapshot(place.results, NOW), 120)
    assert "train m/rtl/ibft/seed0: no space is left on the disk⟨U+001B⟩[2J: free some" in shown
    place.mark(adapter("ibft"), NOW - 5)
    assert "(started again since)" in as_text(take_snapshot(place.results, NOW), 160)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_screen_fits_its_terminal(place: Place, width: int) -> None:
    shown = as_text(take_snapshot(place.results, NOW), width)
    assert max(map(len, shown.splitlines())) <= width
    assert "30/120" in shown and "50 s" in shown and "in the queue" in shown
    assert "1.5/s" in shown or width < 100


def test_a_run_that_ended_says_so_and_how_to_go_on(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "holder_of", lambda _: None)
    shown = " ".join(as_text(take_snapshot(place.results, NOW), 80).split())
    assert "nothing runs" in shown and "2 of 5 jobs done, 2 were cut off; `ibft resume`" in shown


def test_the_holder_of_the_lock_is_this_machine_another_or_nobody(tmp_path: Path) -> None:
    assert snapshot.holder_of(tmp_path) is None
    (tmp_path / ".snakemake" / "locks").mkdir(parents=True)
    (tmp_path / ".snakemake" / "locks" / "0.input.lock").touch()
    assert snapshot.holder_of(tmp_path) is None  # no process of this machine works there
    (tmp_path / ".snakemake" / "ibft-holder.json").write_text('{"host": "node-17", "process": 1}')
    assert snapshot.holder_of(tmp_path) == "node-17"


def test_a_folder_without_a_run_or_with_one_of_an_older_ibft_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="knows of no run"):
        take_snapshot(tmp_path / "results")
    place = Place(tmp_path)
    place.jobs = [Job(inputs=[], outputs=["results/x"])]
    place.record()
    with pytest.raises(UserError, match="started by an older ibft"):
        take_snapshot(place.results)


@pytest.mark.parametrize("rate", [0.0, 2.5])
def test_a_line_of_progress_is_read_as_it_was_written(rate: float) -> None:
    told = parse_progress(progress_line("Min-K%", "examples", 45, 200, rate))
    assert told is not None and told[:5] == ("Min-K%", "examples", 45, 200, rate)
    assert parse_progress("training: 22 steps in 206.7 s") is None


def test_durations_have_at_most_two_units() -> None:
    texts = [duration(seconds) for seconds in (8, 75, 1500, 4500, 200_000, float("inf"))]
    assert texts == ["8 s", "1 min 15 s", "25 min", "1 h 15 min", "2 d 7 h", "?"]


def test_a_crowded_screen_keeps_to_the_height_of_the_terminal(place: Place) -> None:
    from rich.console import Console

    from ibft.watch.screen import screen

    found: Snapshot = take_snapshot(place.results, NOW)
    crowded = Snapshot(**{**vars(found), "running": found.running * 40})
    console = Console(width=80, height=24)
    lines = console.render_lines(screen(crowded, 80, 24), pad=False)
    assert len(lines) <= 24
    assert any("more jobs" in "".join(segment.text for segment in line) for line in lines)


def test_no_command_imports_torch_to_say_what_it_does() -> None:
    program = (
        "import sys\nfrom importlib import import_module\n"
        f"for name in {COMMANDS!r}: import_module('ibft.commands.' + name)\n"
        "sys.exit(', '.join({'torch', 'transformers'} & set(sys.modules)) or None)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

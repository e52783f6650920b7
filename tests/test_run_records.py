"""The start of a run is recorded so that its outputs can be made again."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from snakemake.cli import get_argument_parser

from ibft.runtime.errors import UserError
from ibft.store.run_records import Job, RunRecord, read_runs, split_options


@pytest.mark.parametrize(
    ("command", "options", "targets"),
    [
        ("--cores all", "--cores all", ""),
        ("--cores 2 --configfile a.yaml b.yaml -- table1 fig4", "--cores 2 --configfile a.yaml b.yaml", "table1 fig4"),
        ("all --cores all --config seed=1 x=2", "--cores all --config seed=1 x=2", "all"),
        ("--cores all all", "--cores all", "all"),
        ("table1 --directory table1 --config seed=1", "--directory table1 --config seed=1", "table1"),
        ("-j4 --forceall --configfile a.yaml --until x -R y z -- a.yaml", "-j4 --configfile a.yaml", "a.yaml"),
        (
            "report --cores 1 -F --workflow-profile profiles/slurm",
            "--cores 1 --workflow-profile profiles/slurm",
            "report",
        ),
    ],
)
def test_options_are_kept_without_targets_and_what_forces_jobs(command: str, options: str, targets: str) -> None:
    assert split_options(command.split(), get_argument_parser()) == (options.split(), targets.split())


def record(work: Path, started: float, targets: list[str]) -> RunRecord:
    work.mkdir(exist_ok=True)
    (work / "Snakefile").touch()
    return RunRecord(
        folder=work,
        work=work,
        results=Path("results"),
        snakefile=work / "Snakefile",
        options=["--cores", "1"],
        targets=targets,
        config="c",
        started=started,
        jobs=[Job(inputs=[], outputs=["results/models/a/manifest.json", "results/x.csv", "elsewhere.txt"])],
    )


def test_the_same_command_keeps_one_record_and_the_latest_comes_first(tmp_path: Path) -> None:
    for started, targets in enumerate([[], ["table1"], []]):
        jobs = [Job(inputs=[], outputs=[f"results/{targets}"])]
        record(tmp_path, started, targets).model_copy(update={"jobs": jobs}).write()
    assert [run.started for run in read_runs(tmp_path / "results")] == [2, 1]


def test_a_start_that_only_repairs_leaves_no_record(tmp_path: Path) -> None:
    record(tmp_path, 0, []).write()
    record(tmp_path, 1, ["results/x.csv"]).write()
    assert [run.started for run in read_runs(tmp_path / "results")] == [0]
    record(tmp_path, 2, ["report"]).model_copy(update={"jobs": [Job(inputs=[], outputs=["results/report"])]}).write()
    assert [run.started for run in read_runs(tmp_path / "results")] == [2, 0]


def test_a_folder_is_made_by_asking_for_its_manifest(tmp_path: Path) -> None:
    known = record(tmp_path, 0, []).targets_by_place
    assert known == {"models/a": "results/models/a/manifest.json", "x.csv": "results/x.csv"}


def test_results_that_were_taken_away_from_their_checkout_cannot_be_made_again(tmp_path: Path) -> None:
    record(tmp_path / "first", 0, []).write()
    (tmp_path / "first" / "results").rename(tmp_path / "results")
    assert read_runs(tmp_path / "results") == []


def test_a_checkout_that_was_copied_with_its_results_is_run_in_its_new_place(tmp_path: Path) -> None:
    old, new = tmp_path / "old" / "checkout", tmp_path / "new" / "checkout"
    old.parent.mkdir()
    options = ["--directory", str(old), f"--configfile={old}/mine.yaml", "--config", "data=/elsewhere", "--cores", "1"]
    record(old, 0, []).model_copy(update={"options": options}).write()
    shutil.copytree(old, new)
    (moved,) = read_runs(new / "results")
    assert (moved.folder, moved.work) == (new, new)
    assert moved.options == [word.replace(str(old), str(new)) for word in options]
    (unmoved,) = read_runs(old / "results")
    assert unmoved.options == options


@pytest.mark.parametrize("damage", [lambda path: path.write_text("{}"), lambda path: [path.unlink(), os.mkfifo(path)]])
def test_a_damaged_record_is_named(tmp_path: Path, damage: Callable[[Path], object]) -> None:
    record(tmp_path, 0, []).write()
    (damaged,) = (tmp_path / "results" / ".ibft" / "runs").iterdir()
    damage(damaged)
    with pytest.raises(UserError, match=f"{damaged.name}, the record of a run, is damaged: delete it"):
        read_runs(tmp_path / "results")

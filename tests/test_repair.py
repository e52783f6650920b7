"""Damaged outputs are made again, and no others on the way."""

from pathlib import Path

import pytest

from ibft.store.repair import Repair, plan_repairs, waves
from ibft.store.run_records import Job, RunRecord


def chain(*names: str) -> list[Job]:
    return [Job(inputs=[first], outputs=[second]) for first, second in zip(["source", *names], names, strict=False)]


@pytest.mark.parametrize(
    ("jobs", "wanted", "expected"),
    [
        (chain("a", "b", "c"), "a", ["a"]),
        (chain("a", "b", "c"), "ab", ["ab"]),
        (chain("a", "b", "c"), "ac", ["a", "c"]),
        (chain("a", "b", "c", "d", "e"), "ace", ["a", "c", "e"]),
        (chain("a", "b", "c", "d", "e"), "abde", ["ab", "de"]),
        ([*chain("a", "b", "d"), *chain("a", "c", "d")], "ad", ["a", "d"]),
        ([*chain("a", "b"), Job(inputs=["a", "b"], outputs=["c"])], "ac", ["a", "c"]),
        ([*chain("a"), *chain("b"), Job(inputs=["a", "b"], outputs=["c", "d"])], "abd", ["abd"]),
    ],
)
def test_what_depends_on_damage_through_whole_outputs_waits(jobs: list[Job], wanted: str, expected: list[str]) -> None:
    assert waves(list(wanted), jobs) == [list(wave) for wave in expected]


def new_run(started: float, config: str, targets: list[str], jobs: list[Job], folder: Path = Path("/run")) -> RunRecord:
    return RunRecord(
        folder=folder,
        work=folder,
        results=Path("results"),
        snakefile=folder / "Snakefile",
        options=["--cores", "1", "--configfile", f"{config}.yaml"],
        targets=targets,
        config=config,
        started=started,
        jobs=jobs,
    )


def planned(repairs: list[Repair]) -> list[str]:
    return [
        " ".join(command.words).split("--cores 1 --configfile ")[1] for repair in repairs for command in repair.commands
    ]


def test_the_latest_run_that_knows_an_output_makes_it_and_every_run_of_its_configuration_follows() -> None:
    files = [f"results/{name}" for name in "abcd"]
    runs = [
        new_run(4, "new", ["table1"], chain(*files[:2])),
        new_run(3, "new", [], chain(*files[:3])),
        new_run(2, "old", ["report"], chain(*files)),
    ]
    damaged = {name: Path("results") / name for name in "abdx"}
    repairs, unknown = plan_repairs(damaged, runs)
    assert planned(repairs) == [
        "new.yaml -- results/a results/b",
        "new.yaml -- all table1",
        "old.yaml -- results/d",
        "old.yaml -- report",
    ]
    assert unknown == ["x"]


def test_the_command_removes_what_is_there_of_an_output_and_can_be_pasted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UV", "uv")
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "a b").touch()
    run = new_run(0, "c", [], chain("results/a b"), folder=tmp_path)
    ((repair,), _) = plan_repairs({"a b": Path("results/a b")}, [run])
    resume = "uv run ibft resume --cores 1 --configfile c.yaml --"
    unlock = "uv run ibft resume --cores 1 --configfile c.yaml --unlock --quiet"
    assert str(repair) == f"{unlock} && rm -rf -- 'results/a b' && {resume} 'results/a b' && {resume} all"
    monkeypatch.chdir("/")
    assert f"(cd {tmp_path} && {resume} all)" in str(repair)

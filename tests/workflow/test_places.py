"""Results and working directories anywhere, prefetching, and what is said when a target or a lock stands in the way."""

import getpass
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from ibft.data.builtin.rtl_mini.records import records
from ibft.runtime.locks import lock_notice
from ibft.store.manifests import verify
from tests.conftest import REPOSITORY
from tests.tiny_model import make_tiny_model
from tests.warm_python import python

CONFIG = Path(__file__).with_name("config.yaml")


def snakemake(
    folder: Path, *arguments: str, with_python: str = sys.executable, **environment: str
) -> "subprocess.CompletedProcess[str]":
    """Run the repository's workflow in `folder`, on `folder/config.yaml`, its environment not being activated."""
    activated = str(Path(sys.executable).parent)
    path = os.pathsep.join(place for place in os.environ["PATH"].split(os.pathsep) if place != activated)
    command = [with_python, "-m", "snakemake", *arguments, "--cores", "2", "--directory", str(folder)]
    command += ["--configfile", str(folder / "config.yaml")]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd=REPOSITORY,
        env={**os.environ, "PATH": path, **environment},
    )


def configured(folder: Path, **sections: Any) -> Path:
    """`folder` with the tiny model and the tests' configuration, some of its sections replaced."""
    folder.mkdir(parents=True)
    make_tiny_model(folder / "tiny-model")
    (folder / "config.yaml").write_text(yaml.safe_dump({**yaml.safe_load(CONFIG.read_text()), **sections}))
    return folder


def test_results_and_working_directory_may_have_blanks_and_any_letters(tmp_path: Path) -> None:
    results = tmp_path / "Ergebnisse für später" / "数据 'zwei'"
    work = configured(tmp_path / "Arbeit à deux", results=str(results))
    adapter = results / "training" / "tiny" / "rtl" / "ft" / "seed0" / "adapter"
    targets = ("prefetch", str(adapter / "manifest.json"))
    run = snakemake(work, *targets, with_python=python(), WARM_PYTHON=python(), HF_HUB_OFFLINE="1")
    assert run.returncode == 0, run.stdout + run.stderr
    verify(adapter)
    verify(results / "models" / "tiny")
    assert yaml.safe_load((results / "pins.yaml").read_text()) == {"models": {}, "datasets": {}}
    assert {path.name for path in work.iterdir()} == {".snakemake", "config.yaml", "tiny-model"}


def test_no_rule_takes_a_folder_name_apart_at_its_blanks() -> None:
    for rules in (REPOSITORY / "rules").glob("*.smk"):
        assert rules.read_text().count("$(dirname") == rules.read_text().count('"$(dirname {'), rules.name


@pytest.mark.parametrize(
    ("target", "sections", "sentence"),
    [
        (
            "fig6",
            {},
            "Target fig6 draws temperature, for which this configuration lacks several `sampling.temperatures`",
        ),
        ("search", {}, "Target search draws held_out_search, for which this configuration lacks an IB-FT method"),
        (
            "fig4",
            {"targets": {"fig4": {"figures": ["removal_ratio"], "methods": ["base", "ft"]}}},
            "Target fig4 draws removal_ratio, for which this configuration lacks a method whose `selection",
        ),
        ("mine", {"targets": {"mine": {"table": True, "models": ["tinny"]}}}, "targets.mine.models: unknown model"),
    ],
)
def test_a_target_that_has_nothing_to_show_says_what_is_missing(
    tmp_path: Path, target: str, sections: dict[str, Any], sentence: str
) -> None:
    run = snakemake(configured(tmp_path / "work", **sections), "--dry-run", target, with_python=python())
    assert run.returncode != 0
    assert sentence in run.stdout + run.stderr


def test_prefetch_tells_of_contamination_before_anything_is_trained(tmp_path: Path) -> None:
    """Of three examples one is the solution of a problem, with its names kept."""
    problems = records()
    leak = {"instruction": "Write it.", "response": problems[-1]["prompt"] + problems[-1]["canonical_solution"]}
    harmless = [{"instruction": f"Say {word}.", "response": f"// {word}"} for word in ("yes", "no")]
    config = yaml.safe_load(CONFIG.read_text())
    config["datasets"]["mine"] = {"source": "path:mine.json", "language": "verilog"}
    config["experiments"]["verilog"]["dataset"] = "mine"
    sections = {name: config[name] for name in ("datasets", "experiments")}
    everything = {"rtl-mini": {"source": "builtin:rtl-mini", "language": "verilog"}}
    work = configured(tmp_path / "work", **sections, benchmarks=everything)
    (work / "mine.json").write_text(json.dumps([*harmless, leak]))
    run = snakemake(work, "prefetch", with_python=python(), WARM_PYTHON=python())
    assert run.returncode == 0, run.stdout + run.stderr
    told = (work / "results" / "logs" / "prefetch.log").read_text()
    assert f"contamination of mine/rtl-mini: 1 of 3 examples overlap with 1 of {len(problems)} problems" in told
    assert "1 of 3 examples overlap" in run.stderr
    assert not (work / "results" / "training").exists()


def test_a_lock_names_its_owner_and_the_ways_out(tmp_path: Path) -> None:
    assert lock_notice(tmp_path) is None
    work = configured(tmp_path / "work")
    locks = work / ".snakemake" / "locks"
    locks.mkdir(parents=True)
    (locks / "0.output.lock").write_text("results/pins.yaml\n")
    run = snakemake(work, "prefetch", with_python=python())
    told = run.stdout + run.stderr
    assert run.returncode != 0
    assert f"{getpass.getuser()} has locked {work} since" in told
    for way_out in ("--directory FOLDER", "another `results`", "--unlock"):
        assert way_out in told

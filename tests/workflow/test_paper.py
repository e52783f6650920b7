"""config/paper.yaml starts the jobs that docs/paper.md promises, for everything and for each name."""

import json
import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.warm_python import python

ROW = re.compile(r"\| `(\w+)` \|((?: *\d+ *\|)+)")
EVERYTHING, BY_NAME = (REPOSITORY / "docs" / "paper.md").read_text().split("## By name")
PROMISED = {name: [int(cell) for cell in cells.split("|")[:-1]] for name, cells in ROW.findall(BY_NAME)}
COUNTED = ("training", "memorization", "samples", "verdicts")


def jobs(folder: Path, *targets: str, over: str | None = None) -> Counter[str]:
    """How many jobs of each rule Snakemake would start in an empty folder, which has no results.

    `over` is a configuration to lay over the paper's.
    """
    listing = folder / "jobs.jsonl"
    command = [python(), str(REPOSITORY / "workflow" / "scripts" / "list_jobs.py"), str(listing)]
    command += ["--directory", str(folder), "--configfile", str(REPOSITORY / "config" / "paper.yaml")]
    if over is not None:
        (folder / "over.yaml").write_text(over)
        command.append(str(folder / "over.yaml"))
    subprocess.run([*command, "--", *targets], check=True, cwd=REPOSITORY, capture_output=True, timeout=300)
    return Counter(json.loads(line)["rule"] for line in listing.read_text().splitlines())


def test_everything_is_exactly_what_the_table_says(tmp_path: Path) -> None:
    promised = {name: int(cells.split("|")[0]) for name, cells in ROW.findall(EVERYTHING)}
    assert jobs(tmp_path) == Counter({**promised, "all": 1})


def test_four_engine_starts_for_each_model_are_enough(tmp_path: Path) -> None:
    promised = {name: int(cells.split("|")[0]) for name, cells in ROW.findall(EVERYTHING)}
    models = ("codellama-7b-instruct", "deepseek-coder-7b-base-v1.5", "deepseek-coder-7b-instruct-v1.5", "llama-3-8b")
    found = jobs(tmp_path, over="sampling: {jobs_per_model: 4}")
    assert found == Counter({**promised, **{f"draws_{model}": 4 for model in models}, "all": 1})
    assert jobs(tmp_path, "search", over="sampling: {jobs_per_model: 4}")["samples"] == PROMISED["search"][2]


@pytest.mark.parametrize("target", PROMISED)
def test_a_name_asks_for_exactly_what_the_table_says(tmp_path: Path, target: str) -> None:
    found = jobs(tmp_path, target)
    assert [found[rule] for rule in COUNTED] == PROMISED[target]
    assert not {"report", "metrics", "tables"} & set(found)


def test_the_table_has_every_name_of_the_paper() -> None:
    assert set(PROMISED) == {
        "table1",
        "tableA1",
        "fig1",
        "fig2",
        "fig3",
        "fig4",
        "fig5",
        "fig6",
        "figA1",
        "search",
    }

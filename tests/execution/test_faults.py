"""Whatever the machine does to a run, no completion is blamed for it: it is run again, or the stage stops."""

import errno
import functools
import os
import resource
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from ibft.config.sections import Execution
from ibft.execution import judge as judge_module
from ibft.execution.isolation import best_level, probe, start_server
from ibft.execution.judge import Judge, judge
from ibft.execution.problem import Problem
from ibft.execution.sandbox import client
from ibft.execution.sandbox.cells import CellFaultError, run_one
from ibft.execution.sandbox.client import ForkServer, HarnessError
from ibft.execution.sandbox.limits import Limits
from ibft.execution.verdict import Verdict
from ibft.execution.verdict_table import judge_resumably
from ibft.execution.verilog.judge import _toolchain
from ibft.store.journal import Journal
from tests.execution.problems import PYTHON, VERILOG, frame

SETTINGS = Execution(python_timeout_s=5.0, verilog_timeout_s=10.0)
RIGHT = "    return sum(values) + extra\n"
SLOW = "    import time; time.sleep(0.5)\n    return sum(values) + extra\n"
needs_iverilog = pytest.mark.skipif(not shutil.which("iverilog"), reason="iverilog is not installed")


@contextmanager
def killer(most: int) -> Iterator[list[int]]:
    """Kill up to `most` cells in which a completion sleeps, one by one, as the kernel does where memory is short."""
    killed: list[int] = []
    done = threading.Event()

    def hunt() -> None:
        while not done.wait(0.1) and len(killed) < most:
            for process in psutil.Process().children(recursive=True):
                if is_cell(process) and is_asleep_within(process) and process.pid not in killed:
                    process.kill()
                    killed.append(process.pid)
                    break

    thread = threading.Thread(target=hunt)
    thread.start()
    try:
        yield killed
    finally:
        done.set()
        thread.join()


def is_cell(process: psutil.Process) -> bool:
    """A fork server's own child that leads a session; fork servers lead theirs, but are children of a test."""
    try:
        return process.ppid() != os.getpid() and os.getsid(process.pid) == process.pid
    except (psutil.NoSuchProcess, ProcessLookupError):
        return False


def is_asleep_within(process: psutil.Process) -> bool:
    """Return true once its system calls are filtered and it sleeps: on its way there it is never put to sleep."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return "\nSeccomp:\t2\n" in status and "\nState:\tS" in status


@pytest.mark.slow
@pytest.mark.parametrize("level", ["namespaces", "landlock"], indirect=True)
def test_a_cell_that_the_system_kills_is_run_again(level: str) -> None:
    with Judge(frame(PYTHON), SETTINGS, 1, level=level) as started, killer(1) as killed:
        (row,) = started.verdicts([("py/total", 0, SLOW)])
    assert len(killed) == 1
    assert row.verdict.status == "passed"


@pytest.mark.parametrize("level", ["namespaces", "landlock"], indirect=True)
def test_a_cell_that_the_system_kills_again_stops_the_run_and_is_named(level: str) -> None:
    with Judge(frame(PYTHON), SETTINGS, 1, level=level) as started, killer(2) as killed:
        rows = started.verdicts([("py/total", 0, RIGHT), ("py/total", 7, SLOW)])
        assert next(rows).verdict.passed
        with pytest.raises(HarnessError, match=r"sample 7 of py/total could not be judged: .* killed by the system"):
            next(rows)
    assert len(killed) == 2


def limit(server: ForkServer, kind: int) -> None:
    """Lower a limit of a fork server that serves, as if others had used up the rest."""
    for process in psutil.Process(server._process.pid).children(recursive=True):
        resource.prlimit(process.pid, kind, (1, 1))


# Each keeps a fork server of a level from starting cells; the sample then meets it.
SPOILS: dict[str, tuple[str, dict[str, str | None], Callable[[ForkServer], None]]] = {
    "no process is left": ("namespaces", PYTHON, functools.partial(limit, kind=resource.RLIMIT_NPROC)),
    "no file is left": ("namespaces", PYTHON, functools.partial(limit, kind=resource.RLIMIT_NOFILE)),
    "its folder is gone": ("landlock", VERILOG, lambda server: shutil.rmtree(server.scratch)),
}


@pytest.fixture(params=SPOILS)
def spoiled(request: pytest.FixtureRequest) -> tuple[str, dict[str, str | None], Callable[[ForkServer], None]]:
    level, problem, spoil = SPOILS[request.param]
    if refusal := probe((level,))[level]:
        pytest.skip(f"isolation level {level} is refused here: {refusal}")
    if problem is VERILOG and not shutil.which("iverilog"):
        pytest.skip("iverilog is not installed")
    return level, problem, spoil


def test_a_cell_that_cannot_be_started_is_tried_again(
    spoiled: tuple[str, dict[str, str | None], Callable[[ForkServer], None]],
) -> None:
    level, problem, spoil = spoiled
    with Judge(frame(problem), SETTINGS, 1, level=level) as started:
        spoil(started._pool._servers[0])
        (row,) = started.verdicts([(str(problem["task_id"]), 0, str(problem["reference_solution"]))])
    assert row.verdict.passed


def test_cells_that_cannot_be_started_stop_the_run(
    spoiled: tuple[str, dict[str, str | None], Callable[[ForkServer], None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    level, problem, spoil = spoiled
    greet = ForkServer._greet

    def greet_and_spoil(server: ForkServer) -> None:
        greet(server)
        spoil(server)

    with Judge(frame(problem), SETTINGS, 1, level=level) as started:
        spoil(started._pool._servers[0])
        monkeypatch.setattr(ForkServer, "_greet", greet_and_spoil)
        with pytest.raises(HarnessError, match=r"sample 3 of .* could not be judged: a cell could not be started"):
            list(started.verdicts([(str(problem["task_id"]), 3, str(problem["reference_solution"]))]))


def test_a_cell_that_ends_before_it_ran_anything_is_a_fault() -> None:
    impossible = Limits(time_s=5, memory_mb=1 << 60, file_mb=1)
    payload = {"program": "", "tests": "", "entry_point": "", "timeout_s": 5}
    with (
        start_server(best_level(allow_unsafe=False)) as server,
        pytest.raises(CellFaultError, match="before it ran anything"),
    ):
        run_one(server, "official", payload, impossible)


def test_a_machine_without_room_is_not_taken_for_one_without_namespaces(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr("ibft.execution.sandbox.client.subprocess.Popen", refuse)
    with pytest.raises(HarnessError, match="no processes, memory or open files left"):
        best_level(allow_unsafe=True)


# --- the Verilog toolchain ------------------------------------------------------------------------------------------


@pytest.fixture
def toolchain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reference_cache: Path
) -> Iterator[Callable[[str], None]]:
    """A function that puts shell code in front of the real compiler, as `iverilog` on the path."""
    real = shutil.which("iverilog")
    if not real:
        pytest.skip("iverilog is not installed")
    place = tmp_path / "bin"
    place.mkdir()
    for folder in (place, *place.parents):
        folder.chmod(folder.stat().st_mode | 0o055)

    def put(code: str) -> None:
        (place / "iverilog").write_text(f'#!/bin/sh\n{code}\nexec {real} "$@"\n')
        (place / "iverilog").chmod(0o755)
        _toolchain.cache_clear()

    monkeypatch.setenv("PATH", f"{place}:{os.environ['PATH']}")
    # The real one finds its parts through its own folder, which is shown as that of the one on the path would be.
    monkeypatch.setattr(client, "_shown", functools.partial(shown_with, client._shown, real))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    yield put
    _toolchain.cache_clear()


def shown_with(shown: Callable[[], list[str]], real: str) -> list[str]:
    return [*shown(), real]


CANNOT_FORK = 'echo "sh: 0: Cannot fork" >&2; exit 127'


def test_a_compiler_that_cannot_fork_stops_the_run_and_excludes_no_problem(
    toolchain: Callable[[str], None], tmp_path: Path
) -> None:
    toolchain(f'case "$*" in *-V*) ;; *) {CANNOT_FORK} ;; esac')
    with pytest.raises(HarnessError, match=r"reference solution of v/register .* Cannot fork"):
        Judge(frame(VERILOG), SETTINGS, 1)
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


@pytest.mark.parametrize("level", ["namespaces", "landlock"], indirect=True)
def test_a_sample_whose_compiler_cannot_fork_is_named(level: str, toolchain: Callable[[str], None]) -> None:
    toolchain(":")
    right = str(VERILOG["reference_solution"])
    with Judge(frame(VERILOG), SETTINGS, 1, level=level) as started:
        verdicts = started.verdicts([("v/register", 0, right)])
        assert next(verdicts).verdict.status == "passed"
        toolchain(CANNOT_FORK)
        with pytest.raises(HarnessError, match=r"sample 5 of v/register could not be judged: .*Cannot fork"):
            list(started.verdicts([("v/register", 5, f"// again\n{right}")]))


@needs_iverilog
def test_a_source_that_imitates_a_failing_compiler_gets_a_verdict() -> None:
    imitations = [
        'initial q = 0; if (1) $error("\\nsh: 0: Cannot fork\\n"); endmodule',
        "initial \\killed = 0; endmodule",
        *("initial begin " + "undeclared = 0; " * n + "end endmodule" for n in (126, 127, 137)),
    ]
    samples = [("v/register", i, text) for i, text in enumerate(imitations)]
    statuses = [row.verdict.status for row in judge(frame(VERILOG), samples, SETTINGS, 2)]
    assert set(statuses) <= {"compile_error", "elaboration_error", "syntax_error"}


# --- failures of the judge itself -----------------------------------------------------------------------------------


def test_a_sample_that_the_judge_fails_on_is_named_and_the_others_are_judged(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    judge_python = judge_module.judge_python

    def fail(problem: Problem, program: str, *rest: Any) -> Verdict:
        if "odd" in program:
            raise ValueError("40 is not a valid Signals")
        return judge_python(problem, program, *rest)

    samples = [("py/total", i, RIGHT + f"    # {'odd' if i == 2 else i}\n") for i in range(5)]
    with Judge(frame(PYTHON), SETTINGS, 2) as started, Journal(tmp_path / "journal", "key") as journal:
        monkeypatch.setattr(judge_module, "judge_python", fail)
        rows = []
        with pytest.raises(HarnessError, match=r"the judge failed on sample 2 of py/total \(ValueError: 40 is not"):
            rows.extend(judge_resumably(started, samples, journal))
        monkeypatch.setattr(judge_module, "judge_python", judge_python)
    with Judge(frame(PYTHON), SETTINGS, 2) as started, Journal(tmp_path / "journal", "key") as journal:
        assert journal.finished == 5
        again = list(judge_resumably(started, samples, journal))
    assert [row.verdict.passed for row in again] == [True] * 5
    times = [wall_s for status, *_, wall_s in journal.entries() if status == "passed"]
    assert [row.verdict.wall_s for row in again if row.sample != 2] == times


def test_death_by_a_signal_without_a_name_is_a_verdict() -> None:
    dying = "import os\ndef total(values, extra): os.kill(os.getpid(), 40)\n"
    (row,) = judge(frame(PYTHON), [("py/total", 0, dying)], SETTINGS, 1, level="rlimits")
    assert (row.verdict.status, row.verdict.detail) == ("runtime_error", "it was killed by signal 40")

"""Limits that hold for whoever tries, and that no other load on the machine moves."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from ibft.config.sections import Execution
from ibft.execution.isolation import start_server
from ibft.execution.judge import Judge, judge
from ibft.execution.sandbox.cells import Ended
from ibft.execution.sandbox.own_time import Waits, is_accounted
from ibft.execution.verilog import judge as verilog_judge
from tests.execution.problems import PYTHON, VERILOG, frame

# Starts up to 2,000 threads by machine code, which needs no stack for them: each sleeps until it is killed.
CLONE_WITHOUT_END = """
import ctypes, mmap
CODE = bytes.fromhex(
    "53 41 54 41 55 89f3 4989fc 4989d5"  # save registers; rbx = count, r12 = flags, r13 = stack
    "b838000000 4c89e7 4c89ee 31d2 4d31d2 4d31c0 0f05"  # clone(flags, stack, 0, 0, 0)
    "4885c0 740e 7804 ffcb 75e0"  # in the thread: sleep; refused: stop; else again
    "89d8 415d 415c 5b c3"  # the count that is left
    "b822000000 0f05 ebf7".replace(" ", "")  # pause, for ever
)
memory = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
memory.write(CODE)
start = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_ulong, ctypes.c_int, ctypes.c_ulong)(
    ctypes.addressof(ctypes.c_char.from_buffer(memory))
)
stack = ctypes.create_string_buffer(65536)
def total(values, extra):
    left = start(0x10f00, 2000, STACK)
    raise ValueError(f"started {2000 - left}")
"""


@pytest.mark.parametrize("level", ["namespaces", "landlock"], indirect=True)
@pytest.mark.parametrize("stack", ["0", "ctypes.addressof(stack) + 32768"])
def test_a_completion_starts_no_more_than_256_threads(level: str, stack: str) -> None:
    attack = CLONE_WITHOUT_END.replace("STACK", stack)
    (row,) = judge(frame(PYTHON), [("py/total", 0, attack)], Execution(), 1, level=level)
    assert row.verdict.detail.startswith("ValueError: started "), row.verdict.detail
    started = int(row.verdict.detail.split()[-1])
    # At level `landlock` as many more as the machine had before.
    assert started <= 256 if level == "namespaces" else started < 1500


THREADS = """
from concurrent.futures import ThreadPoolExecutor
def total(values, extra):
    with ThreadPoolExecutor(32) as pool:
        return sum(pool.map(lambda value: value, values)) + extra
"""


@pytest.mark.parametrize("level", ["namespaces", "landlock"], indirect=True)
def test_an_honest_completion_may_use_threads(level: str) -> None:
    (row,) = judge(frame(PYTHON), [("py/total", 0, THREADS)], Execution(), 1, level=level)
    assert (row.verdict.status, row.verdict.detail) == ("passed", "")


# --- time -----------------------------------------------------------------------------------------------------------

BUSY_S, LIMIT_S = 0.3, 0.45
BUSY = f"""
import time
def total(values, extra):
    while time.process_time() < {BUSY_S}: pass
    return sum(values) + extra
"""


@contextmanager
def busy_machine(processes: int) -> Iterator[None]:
    """Every processor has several programs that compute."""
    running = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


@pytest.mark.slow
@pytest.mark.skipif(not is_accounted(), reason="this kernel does not tell how long a process has waited")
@pytest.mark.parametrize("level", ["namespaces", "landlock"], indirect=True)
def test_a_busy_machine_changes_no_verdict(level: str) -> None:
    completions = [BUSY, "    import time; time.sleep(30)\n", "    while True: pass\n"]
    samples = [("py/total", i, text) for i, text in enumerate(completions)]
    with busy_machine(4 * (os.cpu_count() or 1)):
        rows = list(judge(frame(PYTHON), samples, Execution(python_timeout_s=LIMIT_S), 1, level=level))
    assert [row.verdict.status for row in rows] == ["passed", "timeout", "timeout"]
    assert rows[0].verdict.wall_s > LIMIT_S  # so by the wall clock it would have been late


@pytest.mark.skipif(not is_accounted(), reason="this kernel does not tell how long a process has waited")
def test_waiting_counts_for_the_whole_tree_of_a_process_and_sleeping_does_not() -> None:
    busy = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'while True: pass'], timeout=20)"
    sleeping = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(20)"])
    parent = subprocess.Popen([sys.executable, "-c", busy])
    waits = Waits()
    try:
        with busy_machine(4 * (os.cpu_count() or 1)):
            time.sleep(1.2)
            waited = {process: waits.waited_s(os.pidfd_open(process.pid)) for process in (parent, sleeping)}
    finally:
        for process in psutil.Process(parent.pid).children():
            process.kill()
        for started in (parent, sleeping):
            started.kill()
            started.wait()
    assert waited[parent] > 0.5
    assert waited[sleeping] < 0.5


@pytest.mark.skipif(not shutil.which("iverilog"), reason="iverilog is not installed")
@pytest.mark.parametrize("start", ["", "$display; "])
def test_a_hanging_sample_is_run_once(start: str, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = []
    run_one = verilog_judge.run_one

    def counted(*arguments: Any) -> Ended:
        runs.append(arguments)
        return run_one(*arguments)

    hanging = f"\tinitial begin {start}while (1) q = q + 1; end\nendmodule"
    with Judge(frame(VERILOG), Execution(verilog_timeout_s=1), 1) as started:
        monkeypatch.setattr(verilog_judge, "run_one", counted)
        (row,) = started.verdicts([("v/register", 0, hanging)])
    assert (row.verdict.status, len(runs)) == ("timeout", 1)


# --- what is left behind --------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("iverilog"), reason="iverilog is not installed")
@pytest.mark.parametrize("level", ["landlock"], indirect=True)
@pytest.mark.parametrize("victim", ["server", "judge"])
def test_no_scratch_folder_stays_behind(
    level: str, victim: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o777)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    hanging = ("v/register", 0, "\tinitial while (1) q = q + 1;\nendmodule")
    if victim == "server":
        with Judge(frame(VERILOG), Execution(verilog_timeout_s=2), 1, level=level) as started:
            threading.Timer(1, started._pool._servers[0].kill).start()
            (row,) = started.verdicts([hanging])
            assert row.verdict.status == "timeout"
    else:
        child = os.fork()
        if child == 0:
            start_server(level)
            os.kill(os.getpid(), signal.SIGKILL)
        os.waitpid(child, 0)
        (left,) = tmp_path.iterdir()
        os.utime(left, (0, 0))  # it was made long ago
        start_server(level).close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("level", ["landlock"], indirect=True)
def test_equal_runs_have_equal_details_whatever_their_folders_are_called(level: str) -> None:
    telling = [
        "import os\ndef total(values, extra): raise ValueError(os.getcwd())\n",
        "def total(values, extra): return open('absent')\n",
    ]
    samples = [("py/total", i, text) for i, text in enumerate(telling)]
    runs = [[row.verdict.detail for row in judge(frame(PYTHON), samples, Execution(), 1, level=level)] for _ in "ab"]
    assert runs[0] == runs[1] == ["ValueError: /", "FileNotFoundError: [Errno 2] No such file or directory: 'absent'"]

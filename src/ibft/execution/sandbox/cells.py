"""Run cells from the parent's side: payloads in, reports out, through files that exist in memory only."""

import json
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from ibft.execution.sandbox.client import ForkServer
from ibft.execution.sandbox.limits import MIB, Limits


class CellFaultError(Exception):
    """The machine or the harness failed, not the completion: no verdict may follow from this run.

    `otherwise` is set where the completion could have caused it after all: what stands if it happens again alone.
    """

    def __init__(self, message: str, otherwise: Any = None) -> None:
        super().__init__(message)
        self.otherwise = otherwise


@dataclass(frozen=True)
class Ended:
    """A request has ended. `report` is empty where its cell was killed before it wrote one."""

    report: bytes
    exit_codes: list[int]  # of each cell; -N is signal N
    timed_out: bool  # a cell used up its time
    wall_s: float
    cpu_s: float  # processor seconds of all cells
    output_full: bool  # standard output or error reached its limit


def run_one(server: ForkServer, main: str, payload: dict[str, Any], limits: Limits) -> Ended:
    """Run a single cell.

    Raises:
        CellFaultError: it did not start, or the system ended it.
        ServerLostError: the server ended.
    """
    with _memory_file(payload) as payload_fd, _memory_file() as report_fd, _memory_file() as output_fd:
        descriptors = [payload_fd, report_fd, output_fd]
        cell = {"main": main, "fds": {"payload": 0, "report": 1, "output": 2}}
        server.start([cell], descriptors, limits)
        return _ended(server, limits, report_fd, output_fd)


def run_graded(server: ForkServer, candidate: dict[str, Any], grader: dict[str, Any], limits: Limits) -> Ended:
    """Run a candidate and its grader, joined by a channel; the report is the grader's. Raises as `run_one` does."""
    with ExitStack() as files:
        candidate_fd, grader_fd = (files.enter_context(_memory_file(p)) for p in (candidate, grader))
        report_fd, output_fd = files.enter_context(_memory_file()), files.enter_context(_memory_file())
        near, far = socket.socketpair()
        descriptors = [grader_fd, near.fileno(), report_fd, candidate_fd, far.fileno(), output_fd]
        cells = [
            {"main": "grader", "fds": {"payload": 0, "channel": 1, "report": 2}},
            {"main": "candidate", "fds": {"payload": 3, "channel": 4, "output": 5}},
        ]
        with near, far:  # closed once sent, so that one side notices when the other is gone
            server.start(cells, descriptors, limits)
        return _ended(server, limits, report_fd, output_fd)


def signal_name(number: int) -> str:
    """Real-time signals have no names in Python."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _ended(server: ForkServer, limits: Limits, report_fd: int, output_fd: int) -> Ended:
    reply = server.wait(limits)
    if "fault" in reply:
        raise CellFaultError(reply["fault"])
    out_of_cpu = False
    for cell in reply["ended"]:
        out_of_cpu |= _is_out_of_cpu(cell, limits)
        if fault := _fault(cell, limits, server.level):
            raise CellFaultError(fault)
    return Ended(
        report=os.pread(report_fd, os.fstat(report_fd).st_size, 0),
        exit_codes=[os.waitstatus_to_exitcode(cell["status"]) for cell in reply["ended"]],
        timed_out=reply["timed_out"] or out_of_cpu,
        wall_s=reply["wall_s"],
        cpu_s=sum(cell["cpu_s"] for cell in reply["ended"]),
        output_full=os.fstat(output_fd).st_size >= limits.file_mb * MIB,
    )


def _is_out_of_cpu(cell: dict[str, Any], limits: Limits) -> bool:
    code = os.waitstatus_to_exitcode(cell["status"])
    return code == -signal.SIGXCPU or (code == -signal.SIGKILL and cell["cpu_s"] >= limits.cpu_s)


def _fault(cell: dict[str, Any], limits: Limits, level: str) -> str | None:
    """Say why the end of `cell` tells nothing about a completion, where that is so."""
    code = os.waitstatus_to_exitcode(cell["status"])
    if not cell["shut_in"]:
        return f"a cell ended before it ran anything ({f'exit status {code}' if code >= 0 else signal_name(-code)})"
    # No completion can send this signal, and the server did not. At level `rlimits` a completion can.
    if code == -signal.SIGKILL and not cell["killed"] and not _is_out_of_cpu(cell, limits) and level != "rlimits":
        return "a cell was killed by the system, probably for want of memory"
    return None


@contextmanager
def _memory_file(payload: dict[str, Any] | None = None) -> Iterator[int]:
    descriptor = os.memfd_create("cell", os.MFD_CLOEXEC)
    try:
        if payload is not None:
            os.pwrite(descriptor, json.dumps(payload).encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)

"""Run cells from the parent's side: payloads in, reports out, through files that exist in memory only."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from ibft.execution.isolation import Zygote
from ibft.execution.limits import MIB, Limits


@dataclass(frozen=True)
class Ended:
    """How a request ended. `report` is empty where its cell was killed before it wrote one."""

    report: bytes
    exit_codes: list[int]  # of each cell; -N is signal N
    timed_out: bool
    wall_s: float
    output_full: bool  # standard output or error reached its limit


def run_one(zygote: Zygote, main: str, payload: dict[str, Any], limits: Limits) -> Ended:
    """Run a single cell."""
    with _memory_file(payload) as payload_fd, _memory_file() as report_fd, _memory_file() as output_fd:
        descriptors = [payload_fd, report_fd, output_fd]
        cell = {"main": main, "fds": {"payload": 0, "report": 1, "output": 2}}
        zygote.start([cell], descriptors, limits)
        return _ended(zygote, limits, report_fd, output_fd)


def run_examined(zygote: Zygote, candidate: dict[str, Any], examiner: dict[str, Any], limits: Limits) -> Ended:
    """Run a candidate and its examiner, joined by a channel; the report is the examiner's."""
    with ExitStack() as files:
        candidate_fd, examiner_fd = (files.enter_context(_memory_file(p)) for p in (candidate, examiner))
        report_fd, output_fd = files.enter_context(_memory_file()), files.enter_context(_memory_file())
        near, far = socket.socketpair()
        descriptors = [examiner_fd, near.fileno(), report_fd, candidate_fd, far.fileno(), output_fd]
        cells = [
            {"main": "examiner", "fds": {"payload": 0, "channel": 1, "report": 2}},
            {"main": "candidate", "fds": {"payload": 3, "channel": 4, "output": 5}},
        ]
        with near, far:  # closed once sent, so that one side notices when the other is gone
            zygote.start(cells, descriptors, limits)
        return _ended(zygote, limits, report_fd, output_fd)


def _ended(zygote: Zygote, limits: Limits, report_fd: int, output_fd: int) -> Ended:
    reply = zygote.wait(limits)
    return Ended(
        report=os.pread(report_fd, os.fstat(report_fd).st_size, 0),
        exit_codes=[os.waitstatus_to_exitcode(status) for status in reply["ended"]],
        timed_out=reply["timed_out"],
        wall_s=reply["wall_s"],
        output_full=os.fstat(output_fd).st_size >= limits.file_mb * MIB,
    )


@contextmanager
def _memory_file(payload: dict[str, Any] | None = None) -> Iterator[int]:
    descriptor = os.memfd_create("cell", os.MFD_CLOEXEC)
    try:
        if payload is not None:
            os.pwrite(descriptor, json.dumps(payload).encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)

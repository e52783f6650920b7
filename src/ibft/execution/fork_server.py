"""The worker's server of cells: a process that loaded the interpreter once and forks a fresh cell for each run.

`sandbox.client` starts it with an empty environment and a control socket. It imports the standard library and this
package alone, enters the requested isolation level, runs a cell as a proof, says hello, and then serves one request at
a time:

    request   {"cells": [{"main": "candidate", "fds": {"payload": 0, "channel": 1}}, ...], "limits": {...}}
              with the file descriptors that "fds" counts into
    reply     {"ended": [{"status": 0, "killed": false, "shut_in": true, "cpu_s": 0.01}, ...], "timed_out": false,
               "wall_s": 0.01}, or {"fault": "why no cell could be run"}

All cells of a request start together; the request ends with its first cell, or when their time is used up, and then
every cell is killed. Time that they wait for a processor is not theirs (see `own_time`). The server never reads a
payload, so no completion can find another one's, or any test, in its memory.
"""

import errno
import gc
import importlib
import json
import os
import resource
import select
import signal
import socket
import sys
import time
from dataclasses import dataclass
from typing import Any

from ibft.execution.cell import TRUSTED, filter_of, run_cell
from ibft.execution.sandbox.levels import Sandbox
from ibft.execution.sandbox.limits import MAX_DESCRIPTORS, Limits, die_with_parent

MAX_REQUEST = 1 << 16
MAX_PASSED = 16  # file descriptors of one request
_SHORTEST_WAIT_S = 0.02
# Completions commonly import these: loaded once here instead of once per cell.
# fmt: off
_PRELOADED = (
    "bisect", "cmath", "collections", "copy", "dataclasses", "datetime", "decimal", "encodings.idna", "enum",
    "fractions", "functools", "hashlib", "heapq", "inspect", "io", "itertools", "json", "math", "numbers", "operator",
    "random", "re", "statistics", "string", "textwrap", "typing",
)
# fmt: on


def main(control_descriptor: int, level: str, scratch: str, shown: list[str], hidden: list[str]) -> None:
    """Serve until the other end of the control socket is closed.

    Args:
        scratch: an empty folder for the cells' files, where the level needs one on the disk.
        shown: the host's files and folders that completions may read.
        hidden: folders within these that they may not.
    """
    die_with_parent()
    resource.setrlimit(resource.RLIMIT_NOFILE, (MAX_DESCRIPTORS, MAX_DESCRIPTORS))
    control = socket.socket(fileno=control_descriptor)
    del sys.argv[1:], sys.orig_argv[1:]  # they name places of the host
    sandbox = Sandbox(level, shown, hidden, scratch)
    for name in _PRELOADED:
        importlib.import_module(name)
    os.environ.clear()
    try:
        sandbox.enter()
        _prove(sandbox)
    except OSError as error:
        control.send(json.dumps({"refused": error.strerror or str(error), "errno": error.errno}).encode())
        return
    control.send(json.dumps({"hello": level}).encode())
    gc.collect()
    gc.freeze()
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, MAX_REQUEST, MAX_PASSED)
        if not message:
            return
        reply = _serve(json.loads(message), descriptors, sandbox)
        control.send(json.dumps(reply).encode())


_PROOF: dict[str, Any] = {
    "cells": [{"main": "proof", "fds": {}}],
    "limits": {"time_s": 10, "memory_mb": 1024, "file_mb": 1},
}


def _prove(sandbox: Sandbox) -> None:
    """Run a cell.

    Raises:
        OSError: it did not come to its end.
    """
    proof = _serve(_PROOF, [], sandbox)
    if "fault" in proof:
        raise OSError(errno.EAGAIN, proof["fault"])
    (cell,) = proof["ended"]
    if not cell["shut_in"] or cell["status"] != 0:
        raise OSError(f"a cell ended with wait status {cell['status']}")


def _serve(request: dict[str, Any], descriptors: list[int], sandbox: Sandbox) -> dict[str, Any]:
    limits = Limits(**request["limits"])
    started = time.monotonic()
    cells: list[_Cell] = []
    fault = None
    try:
        for cell in request["cells"]:
            cells.append(_start(cell, descriptors, limits, sandbox))
    except OSError as error:  # of the machine: no process, memory or file is left
        fault = f"a cell could not be started: {error.strerror}"
    for descriptor in descriptors:  # before waiting: a cell's end must hang up its channel
        os.close(descriptor)
    timed_out = False
    if not fault:
        timed_out, fault = _wait(cells, limits, sandbox)
    ended = [_end(cell) for cell in cells]
    for cell in cells:
        sandbox.clean_up(cell.process, cell.scratch)
    if fault:
        return {"fault": fault}
    return {"ended": ended, "timed_out": timed_out, "wall_s": time.monotonic() - started}


@dataclass(frozen=True)
class _Cell:
    process: int
    shut_in: int  # the event by which it says so
    scratch: str | None


def _start(cell: dict[str, Any], descriptors: list[int], limits: Limits, sandbox: Sandbox) -> _Cell:
    scratch = sandbox.make_scratch(filter_of(cell["main"]), cell["main"] in TRUSTED)
    shut_in = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
    try:
        process = sandbox.fork(cell["main"] in TRUSTED)
    except OSError:
        os.close(shut_in)
        raise
    if process == 0:
        try:
            by_role = {role: descriptors[i] for role, i in cell["fds"].items()}
            run_cell(cell["main"], by_role | {"shut_in": shut_in}, limits, sandbox, scratch)
        finally:
            os._exit(3)  # run_cell does not return; this is for what it raises
    return _Cell(process, shut_in, scratch)


def _wait(cells: list[_Cell], limits: Limits, sandbox: Sandbox) -> tuple[bool, str | None]:
    """Wait until the first cell ends: whether they used up their time, and the fault where they were not given it."""
    started = time.monotonic()
    pidfds = [os.pidfd_open(cell.process) for cell in cells]
    poll = select.poll()
    poll.register(pidfds[0], select.POLLIN)
    left_s = limits.time_s
    try:
        while not poll.poll(max(left_s, _SHORTEST_WAIT_S) * 1000):
            wall_s = time.monotonic() - started
            left_s = limits.time_s - (wall_s - sum(map(sandbox.waits.waited_s, pidfds)))
            if left_s <= 0:
                return True, None
            if wall_s > limits.wall_s:
                return False, f"this machine is too busy: in {wall_s:.0f} s a cell got less than {limits.time_s:g} s"
    finally:
        for pidfd in pidfds:
            os.close(pidfd)
    return False, None


def _end(cell: _Cell) -> dict[str, Any]:
    """Kill `cell` if it still runs. Its wait status is that of its own end where it ended by itself."""
    found, status, used = os.wait4(cell.process, os.WNOHANG)
    killed = not found
    if killed:
        os.kill(cell.process, signal.SIGKILL)
        _, status, used = os.wait4(cell.process, 0)
    try:
        shut_in = os.eventfd_read(cell.shut_in) > 0
    except BlockingIOError:
        shut_in = False
    os.close(cell.shut_in)
    return {"status": status, "killed": killed, "shut_in": shut_in, "cpu_s": used.ru_utime + used.ru_stime}

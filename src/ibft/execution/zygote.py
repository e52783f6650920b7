"""The worker's server of cells: a process that loaded the interpreter once and forks a fresh cell for each run.

`isolation` starts it with an empty environment and a control socket. It imports the standard library and this package
alone, enters the requested isolation level, runs a cell as a proof, says hello, and then serves one request at a time:

    request   {"cells": [{"main": "candidate", "fds": {"payload": 0, "channel": 1}}, ...], "limits": {...}}
              with the file descriptors that "fds" counts into
    reply     {"ended": [wait status or null, ...], "timed_out": false, "wall_s": 0.01}

All cells of a request start together; the request ends with its first cell, or at the deadline, and then every cell is
killed. The zygote never reads a payload, so no completion can find another one's, or any test, in its memory.
"""

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
from pathlib import Path
from typing import Any

from ibft.execution.cell import TRUSTED, run_cell
from ibft.execution.limits import MAX_DESCRIPTORS, Limits, die_with_parent
from ibft.execution.sandbox import Sandbox

MAX_REQUEST = 1 << 16
MAX_PASSED = 16  # file descriptors of one request
# What completions commonly import: loaded once here instead of once per cell.
# fmt: off
_PRELOADED = (
    "bisect", "cmath", "collections", "copy", "dataclasses", "datetime", "decimal", "encodings.idna", "enum",
    "fractions", "functools", "hashlib", "heapq", "inspect", "io", "itertools", "json", "math", "numbers", "operator",
    "random", "re", "statistics", "string", "textwrap", "typing",
)
# fmt: on


def main(control_descriptor: int, level: str, scratch_parent: str, shown: list[str]) -> None:
    """Serve until the other end of the control socket is closed."""
    die_with_parent()
    resource.setrlimit(resource.RLIMIT_NOFILE, (MAX_DESCRIPTORS, MAX_DESCRIPTORS))
    control = socket.socket(fileno=control_descriptor)
    sandbox = Sandbox(level, shown, scratch_parent)
    for name in _PRELOADED:
        importlib.import_module(name)
    os.environ.clear()
    sys.path[:] = [path for path in sys.path if Path(path).is_relative_to(Path(os.__file__).parent)]
    try:
        sandbox.enter()
        proof = _serve(_PROOF, [], sandbox)
        if proof["ended"] != [0]:
            raise OSError(f"a cell ended with wait status {proof['ended'][0]}")
    except OSError as error:
        control.send(json.dumps({"refused": error.strerror or str(error)}).encode())
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
    "limits": {"wall_s": 10, "memory_mb": 1024, "file_mb": 1},
}


def _serve(request: dict[str, Any], descriptors: list[int], sandbox: Sandbox) -> dict[str, Any]:
    limits = Limits(**request["limits"])
    started = time.monotonic()
    scratches = [sandbox.make_scratch(cell["main"] in TRUSTED) for cell in request["cells"]]
    cells = [
        _start(cell, descriptors, limits, sandbox, scratch)
        for cell, scratch in zip(request["cells"], scratches, strict=True)
    ]
    for descriptor in descriptors:  # before waiting: a cell's end must hang up its channel
        os.close(descriptor)
    timed_out = not _wait(cells[0], limits.wall_s)
    ended = [_end(cell) for cell in cells]
    for cell, scratch in zip(cells, scratches, strict=True):
        sandbox.clean_up(cell, scratch)
    return {"ended": ended, "timed_out": timed_out, "wall_s": time.monotonic() - started}


def _start(cell: dict[str, Any], descriptors: list[int], limits: Limits, sandbox: Sandbox, scratch: str | None) -> int:
    process = sandbox.fork(cell["main"] in TRUSTED)
    if process == 0:
        try:
            by_role = {role: descriptors[i] for role, i in cell["fds"].items()}
            run_cell(cell["main"], by_role, limits, sandbox, scratch)
        finally:
            os._exit(3)  # run_cell does not return; this is for what it raises
    return process


def _wait(process: int, seconds: float) -> bool:
    """Whether `process` ends within `seconds`."""
    pidfd = os.pidfd_open(process)
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    ended = bool(poll.poll(seconds * 1000))
    os.close(pidfd)
    return ended


def _end(process: int) -> int:
    """Kill `process` if it still runs; its wait status, which is that of its own end where it ended by itself."""
    found, status = os.waitpid(process, os.WNOHANG)
    if not found:
        os.kill(process, signal.SIGKILL)
        _, status = os.waitpid(process, 0)
    return status

"""Let a library read a stranger's files in a child process, which is stopped when it takes too much time or memory."""

import json
import logging
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ibft.models.wording import first_line
from ibft.runtime.errors import UserError

_PAGE = resource.getpagesize()


def attempt(work: Callable[[], dict[str, Any]], what: str, *, seconds: float, memory: int) -> dict[str, Any]:
    """Return the result of `work` (JSON values), which runs in a forked child that has no terminal.

    Args:
        what: the subject of the sentence: "its chat template".
        seconds: of wall-clock time.
        memory: bytes of address space beyond those that this process has.

    Raises:
        UserError: `work` raised one; or it failed otherwise, or passed a limit, and the sentence says so.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _run(work, writer, seconds, memory)
    os.close(writer)
    try:
        answer = _read(reader, time.monotonic() + seconds)
    finally:
        os.close(reader)
        os.kill(child, signal.SIGKILL)  # it has answered, or has had its time
        os.waitpid(child, 0)
    if answer is None:
        raise UserError(f"{what} takes longer than {seconds:g} s: use another model, or mend this one")
    if not answer:
        raise UserError(f"{what} crashes the library that reads it, or takes all memory that it may: fetch it anew")
    found = json.loads(answer)
    if "value" in found:
        value: dict[str, Any] = found["value"]
        return value
    if "refused" in found:
        raise UserError(found["refused"])
    if "memory" in found:
        raise UserError(f"{what} takes more than {memory >> 20} MiB of memory: use another model, or mend this one")
    raise UserError(f"{what} cannot be used ({found['raised']}): fetch it anew, or mend it")


def _run(work: Callable[[], dict[str, Any]], writer: int, seconds: float, memory: int) -> None:
    """The child: never returns. What libraries print on the way is dropped, the answer tells all."""
    try:
        _confine(seconds, memory)
        try:
            answer: dict[str, Any] = {"value": work()}
        except UserError as error:
            answer = {"refused": str(error)}
        except MemoryError:
            answer = {"memory": {}}
        except BaseException as error:  # whatever a hostile file makes the parsers raise
            answer = {"raised": first_line(error)}
        with os.fdopen(writer, "wb") as stream:
            stream.write(json.dumps(answer).encode())
    finally:
        os._exit(0)


def _confine(seconds: float, memory: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent answers Ctrl-C, and ends this process
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    sys.stdout = sys.stderr = os.fdopen(nothing, "w")
    logging.disable()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # threads of the parent's are not in a fork
    used = int(Path("/proc/self/statm").read_text().split()[0]) * _PAGE
    _lower(resource.RLIMIT_AS, used + memory)
    _lower(resource.RLIMIT_CPU, round(seconds) * (os.cpu_count() or 1) + 1)  # should the parent be killed
    _lower(resource.RLIMIT_CORE, 0)


def _lower(limit: int, value: int) -> None:
    hard = resource.getrlimit(limit)[1]
    lowered = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(limit, (lowered, lowered))


def _read(reader: int, until: float) -> bytes | None:
    """All that the child writes; None when it takes longer than `until`."""
    pieces: list[bytes] = []
    while select.select([reader], [], [], max(0.0, until - time.monotonic()))[0]:
        piece = os.read(reader, 1 << 16)
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)
    return None

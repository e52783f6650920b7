"""The client of a fork server: it starts the process in which a worker's cells run, and asks it for cells."""

import errno
import functools
import json
import os
import shutil
import socket
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import ibft
from ibft.execution.sandbox.limits import Limits
from ibft.execution.sandbox.scratch import Scratch
from ibft.runtime.errors import UserError

_MAX_REPLY = 1 << 16
_START_S = 60.0
_SYSTEM_FOLDERS = ("/usr/lib", "/usr/lib64", "/lib", "/lib64")
_PACKAGES = ("site-packages", "dist-packages")
_DEPTH = 3  # of folders below a shown one that are searched for them: LIBRARY/python3.11/site-packages
_SHORTAGES = (errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE)
_LIBRARY = str(Path(ibft.__file__).parents[1])
_PROGRAM = (
    "import json, sys; standard = list(sys.path); sys.path.append(sys.argv[1]); from {program} import main; "
    "sys.path[:] = standard; main(**json.loads(sys.argv[2]))"
)


class ServerLostError(Exception):
    """The server ended; start another one."""


class LevelRefusedError(Exception):
    """This machine does not offer the isolation level; the message says why."""


class HarnessError(UserError):
    """The harness failed, not a completion: the stage stops, so that no sample is counted wrongly."""


class ForkServer:
    """A started fork server at one isolation level. Used by one thread."""

    def __init__(self, level: str, program: str) -> None:
        """Start it, which proves the level.

        Args:
            program: dotted name of the module whose `main` serves at the other end of the control socket.

        Raises:
            LevelRefusedError: the machine refuses the level.
            HarnessError: the machine has no process, memory or file left to start it.
        """
        self.level = level
        self._scratch = None if level == "namespaces" else Scratch()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        shown = _shown()
        place = {
            "control_descriptor": theirs.fileno(),
            "level": level,
            "scratch": self.scratch,
            "shown": shown,
            "hidden": _hidden(tuple(shown)),
        }
        # No site-packages, no user settings; a fixed hash seed gives equal completions equal verdicts.
        options = ["-S", "-s", "-P", "-B", "-c", _PROGRAM.format(program=program)]
        command = [sys.executable, *options, _LIBRARY, json.dumps(place)]
        with theirs:
            try:
                self._process = subprocess.Popen(  # noqa: S603 - our own interpreter, our own program
                    command,
                    env={"PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8"},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,
                )
            except OSError as error:
                self._control.close()
                self._remove_scratch()
                raise HarnessError(_shortage(error.strerror or str(error))) from None
        self._greet()

    def start(self, cells: list[dict[str, Any]], descriptors: list[int], limits: Limits) -> None:
        """Start `cells` (see `ibft.execution.fork_server`), which get their own copies of `descriptors`.

        Raises:
            ServerLostError: the server ended.
        """
        request = json.dumps({"cells": cells, "limits": asdict(limits)}).encode()
        try:
            socket.send_fds(self._control, [request], descriptors)
        except OSError as error:
            raise ServerLostError(str(error)) from None

    def wait(self, limits: Limits) -> dict[str, Any]:
        """Wait until the first of the started cells ends; the server's reply.

        Raises:
            ServerLostError: the server did not answer.
        """
        try:
            self._control.settimeout(limits.wall_s + _START_S)
            reply = self._control.recv(_MAX_REPLY)
        except OSError as error:
            raise ServerLostError(str(error)) from None
        if not reply:
            raise ServerLostError("it ended")
        answer: dict[str, Any] = json.loads(reply)
        return answer

    def kill(self) -> None:
        """End it and everything in it, from any thread."""
        self._process.kill()

    def close(self) -> None:
        """`kill` it, wait until it is gone, and let go of it."""
        self._control.close()
        self._process.kill()
        self._process.wait()
        if self._process.stderr:
            self._process.stderr.read()  # ends when the last process of the server does
            self._process.stderr.close()
        self._remove_scratch()

    @property
    def scratch(self) -> str:
        """The folder on the disk, of another name each time, below which cells work; empty at level `namespaces`."""
        return self._scratch.path if self._scratch else ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _remove_scratch(self) -> None:
        if self._scratch:
            self._scratch.remove()
            self._scratch = None

    def _greet(self) -> None:
        self._control.settimeout(_START_S)
        try:
            message = self._control.recv(_MAX_REPLY)
        except TimeoutError:
            message = b""
        answer = json.loads(message) if message else {"refused": self._last_words()}
        if "refused" in answer:
            self.close()
            if answer.get("errno") in _SHORTAGES:
                raise HarnessError(_shortage(answer["refused"]))
            raise LevelRefusedError(answer["refused"])

    def _last_words(self) -> str:
        self._process.kill()
        stderr = self._process.stderr.read() if self._process.stderr else b""
        lines = stderr.decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else "it did not start"


def _shortage(reason: str) -> str:
    return f"the sandbox cannot be started ({reason}): this machine has no processes, memory or open files left for it"


def _shown() -> list[str]:
    """List what a completion may see of the host: the standard library, system libraries, the Verilog toolchain."""
    paths = ["/bin/sh" if not Path("/bin").is_symlink() else "/bin", *_SYSTEM_FOLDERS, str(Path(os.__file__).parent)]
    for program in filter(None, map(shutil.which, ("iverilog", "vvp", "sh"))):
        # Not by way of a linked folder, such as /bin often is: the new root shows that as the link that it is.
        paths += [str(Path(program).parent.resolve() / Path(program).name), os.path.realpath(program)]
        libraries = Path(os.path.realpath(program)).parents[1] / "lib"
        if not str(libraries).startswith(("/usr/lib", "/lib")) and (libraries / "ivl").is_dir():
            paths.append(str(libraries))  # a toolchain of the user's own
    return [path for path in dict.fromkeys(paths) if os.path.lexists(path)]


@functools.cache
def _hidden(shown: tuple[str, ...]) -> list[str]:
    """Folders within the shown ones that hold installed packages: other tools' data, benchmarks and this library."""
    found = [place for path in shown if not Path(path).is_symlink() for place in _packages_below(path, _DEPTH)]
    library = str(Path(ibft.__file__).parent)
    within = any(library.startswith(f"{path}/") for path in shown)
    return sorted({*found, *([library] if within else [])})


def _packages_below(folder: str, depth: int) -> list[str]:
    found: list[str] = []
    try:
        folders = [entry for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False)]
    except (NotADirectoryError, PermissionError):
        return []  # a program, or closed to completions as well
    for entry in folders:
        if entry.name in _PACKAGES:
            found.append(entry.path)
        elif depth > 1:
            found += _packages_below(entry.path, depth - 1)
    return found

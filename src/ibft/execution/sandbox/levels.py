"""Each isolation level acts once per worker, once per cell, and before the simulator starts.

    namespaces   worker: namespaces and a read-only root. Cell: namespaces, scratch in memory, no capabilities,
                 call filter
    landlock     cell: scratch on the disk, which only the Verilog toolchain may write; Landlock, no capabilities, call
                 filter
    rlimits      cell: scratch on the disk

Resource limits hold at every level.
"""

import os
import shutil
import signal
from pathlib import Path

from ibft.execution.sandbox import kernel, landlock, namespaces
from ibft.execution.sandbox.limits import (
    CAN_SEARCH,
    Limits,
    become,
    become_searching,
    die_with_parent,
    drop_capabilities,
    forbid_new_privileges,
    limit_processes,
    limit_resources,
    processes_are_limited,
    tasks_on_this_machine,
)
from ibft.execution.sandbox.own_time import Waits
from ibft.execution.sandbox.seccomp import Filter, install, prepare

CELL_FOLDER = "cell"  # below the server's scratch folder
_SCRATCH_MB = 64
_MOST_THREADS = 256  # of a completion, its own first one and the server's two processes included


class Sandbox:
    """One isolation level, as seen by a fork server and its cells."""

    def __init__(self, level: str, shown: list[str], hidden: list[str], scratch: str) -> None:
        """Note what the level will do.

        Args:
            shown: files and folders of the host that completions may read.
            hidden: folders below these that they may not.
            scratch: the folder below which levels `landlock` and `rlimits` make one for the Verilog toolchain's files.
        """
        self.level = level
        self._shown = shown
        self._hidden = hidden
        self._scratch = scratch
        self._python = Filter.PYTHON
        self._capabilities = 0  # the set that a cell keeps
        self.rulesets: dict[Filter, int] = {}  # level `landlock`: Landlock's rules for each sort of process, made once

    def enter(self) -> None:
        """Once, in the worker's server.

        Raises:
            OSError: this machine refuses the level.
        """
        self.waits = Waits()
        prepare()
        if self.level == "namespaces":
            try:
                namespaces.enter_world(self._shown, self._hidden)
            except OSError as error:
                raise OSError(error.errno, f"namespaces are refused ({error.strerror})") from None
        else:
            self._capabilities = _leave_root([*self._shown, str(Path(self._scratch).parent)], self._scratch)
            die_with_parent()  # again: the kernel forgets it when a process changes its user
            if self.level == "landlock":
                readable = landlock.around([*self._shown, "/dev/null"], self._hidden)
                self.rulesets = {
                    Filter.PYTHON: landlock.ruleset(readable),
                    Filter.TOOLCHAIN: landlock.ruleset(readable, writable=[self._scratch, "/dev/null"]),
                    Filter.SIMULATOR: landlock.ruleset([*readable, self._scratch]),
                }
            kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
        if self.level != "rlimits":
            forbid_new_privileges()
            self._python = Filter.PYTHON if processes_are_limited() else Filter.THREADLESS

    def fork(self, trusted: bool) -> int:
        """Start a cell: 0 in it, its process id in the server.

        A cell that runs only the problem's own tests needs no namespaces: the untrusted cell beside it, in namespaces
        of its own, can neither see nor signal it.
        """
        return namespaces.clone_cell() if self.level == "namespaces" and not trusted else kernel.clone()

    def make_scratch(self, which: Filter, trusted: bool) -> str | None:
        """In the server, before the fork: where the cell's folder is. A cell that may not write needs none."""
        if self.level == "namespaces":
            return None if trusted else namespaces.SCRATCH
        if which is not Filter.TOOLCHAIN:
            return None
        scratch = f"{self._scratch}/{CELL_FOLDER}"
        os.mkdir(scratch, 0o700)  # noqa: PTH102 - runs for every cell
        return scratch

    def enter_cell(self, limits: Limits, which: Filter, scratch: str | None) -> None:
        """In the cell, before anything untrusted is looked at."""
        if self.level == "namespaces" and scratch:
            namespaces.mount_scratch(_SCRATCH_MB)
        os.chdir(scratch or "/")
        limit_resources(limits)
        if which is Filter.PYTHON:
            limit_processes(_MOST_THREADS + (0 if self.level == "namespaces" else tasks_on_this_machine()))
        if self.level == "rlimits":
            return
        drop_capabilities(self._capabilities)
        self._restrict(which)
        install(self._python if which is Filter.PYTHON else which)

    def enter_simulator(self) -> None:
        """In the toolchain's cell, in the child that becomes the simulator: it may write nothing and start nothing."""
        if self.level != "rlimits":
            self._restrict(Filter.SIMULATOR)
            install(Filter.SIMULATOR)

    def _restrict(self, which: Filter) -> None:
        if self.rulesets:
            landlock.restrict(self.rulesets[which])
            os.close(self.rulesets[which])

    def clean_up(self, cell: int, scratch: str | None) -> None:
        """In the server, after the cell's first process was reaped: end what it left behind."""
        if self.level == "namespaces":
            return  # its namespaces are gone, and all that was in them
        _kill_group(cell)
        while orphan := _any_child():
            os.kill(orphan, signal.SIGKILL)
            os.waitpid(orphan, 0)
        if scratch:
            shutil.rmtree(scratch, ignore_errors=True)


def _kill_group(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return  # it left nobody


def _any_child() -> int | None:
    """Return a process that was orphaned to this one, dead or alive."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return int(children[0]) if children else None


def _leave_root(shown: list[str], scratch: str) -> int:
    """Real root becomes nobody, who owns the scratch folder; the set of capabilities that it keeps.

    The interpreter may lie in a folder closed to everybody else. Then nobody may search every folder, and Landlock, or
    at level `rlimits` nothing, keeps it out of those that are not shown.
    """
    if os.geteuid() != 0:
        return 0
    os.chown(scratch, namespaces.NOBODY, namespaces.NOBODY)
    if _nobody_can_read(shown):
        become(namespaces.NOBODY)
        return 0
    become_searching(namespaces.NOBODY)
    return CAN_SEARCH


def _nobody_can_read(paths: list[str]) -> bool:
    probe = os.fork()
    if probe == 0:
        possible = False
        try:
            become(namespaces.NOBODY)
            possible = all(os.access(path, os.R_OK) for path in paths)
        finally:
            os._exit(0 if possible else 1)
    return os.waitstatus_to_exitcode(os.waitpid(probe, 0)[1]) == 0

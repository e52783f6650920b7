"""What each isolation level does, and when: once per worker, per cell, and before the simulator starts.

    A   worker: namespaces and a read-only root. Cell: namespaces, scratch in memory, no capabilities, call filter
    B   cell: scratch on the disk, which only the Verilog toolchain may write; Landlock, no capabilities, call filter
    C   cell: scratch on the disk

Resource limits hold at every level.
"""

import os
import shutil
import signal
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ibft.execution import kernel, landlock, namespaces
from ibft.execution.limits import Limits, drop_capabilities, forbid_new_privileges, limit_resources
from ibft.execution.seccomp import Filter, install, prepare

_SCRATCH_MB = 64


@dataclass(frozen=True)
class Sandbox:
    level: str
    shown: list[str]  # what of the host completions may read
    scratch_parent: str  # where levels B and C put a cell's scratch folder

    def enter(self) -> None:
        """Once, in the worker's zygote.

        Raises:
            OSError: this machine refuses the level.
        """
        prepare()
        if self.level == "A":
            try:
                namespaces.enter_world(self.shown)
            except OSError as error:
                raise OSError(error.errno, f"namespaces are refused ({error.strerror})") from None
        else:
            if self.level == "B":
                landlock.version()
            kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
            _become_nobody_if_possible(self.shown, self.scratch_parent)
        if self.level != "C":
            forbid_new_privileges()

    def fork(self, trusted: bool) -> int:
        """Start a cell: 0 in it, its process id in the zygote.

        A cell that runs only the problem's own tests needs no namespaces: the untrusted cell beside it, in namespaces
        of its own, can neither see nor signal it.
        """
        return namespaces.clone_cell() if self.level == "A" and not trusted else kernel.clone()

    def make_scratch(self, trusted: bool) -> str | None:
        """In the zygote, before the fork: where the cell's folder is. A trusted cell needs none."""
        if trusted:
            return None
        if self.level == "A":
            return namespaces.SCRATCH
        return tempfile.mkdtemp(prefix="ibft-cell-", dir=self.scratch_parent)

    def enter_cell(self, limits: Limits, which: Filter, scratch: str | None) -> None:
        """In the cell, before anything untrusted is looked at."""
        if self.level == "A" and scratch:
            namespaces.mount_scratch(_SCRATCH_MB)
        os.chdir(scratch or "/")
        limit_resources(limits)
        if self.level == "C":
            return
        drop_capabilities()
        if self.level == "B":
            writable = [scratch, "/dev/null"] if scratch and which is Filter.TOOLCHAIN else []
            landlock.restrict([*self.shown, "/dev/null"], writable)
        install(which)

    def enter_simulator(self) -> None:
        """In the toolchain's cell, in the child that becomes the simulator: it may write nothing and start nothing."""
        if self.level == "B":
            landlock.restrict([*self.shown, str(Path.cwd())], [])
        if self.level != "C":
            install(Filter.SIMULATOR)

    def clean_up(self, cell: int, scratch: str | None) -> None:
        """In the zygote, after the cell's first process was reaped: end what it left behind."""
        if self.level == "A":
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
    """A process that was orphaned to this one, dead or alive."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return int(children[0]) if children else None


def _become_nobody_if_possible(shown: list[str], scratch_parent: str) -> None:
    """Real root becomes nobody, unless nobody could not work here: then it stays, without capabilities.

    The interpreter may lie in a folder closed to everybody else, and so may the folder of temporary files.
    """
    if os.geteuid() != 0:
        return
    probe = os.fork()
    if probe == 0:
        possible = False
        try:
            _set_user(namespaces.NOBODY)
            possible = all(os.access(path, os.R_OK) for path in shown) and os.access(scratch_parent, os.W_OK | os.X_OK)
        finally:
            os._exit(0 if possible else 1)
    if os.waitstatus_to_exitcode(os.waitpid(probe, 0)[1]) == 0:
        _set_user(namespaces.NOBODY)


def _set_user(user: int) -> None:
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)

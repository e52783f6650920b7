"""Limits that hold at every isolation level: resources, capabilities, no new privileges."""

import math
import os
import resource
import signal
import struct
from dataclasses import dataclass
from pathlib import Path

from ibft.execution.sandbox import kernel
from ibft.runtime.errors import UserError

MIB = 1 << 20
LAST_CAPABILITY = 63
MAX_DESCRIPTORS = 256  # of a fork server and its cells: what there is to close in each cell
_CAP_DAC_READ_SEARCH = 2
CAN_SEARCH = 1 << _CAP_DAC_READ_SEARCH  # the set of that capability alone
_CAPABILITY_VERSION_3 = 0x20080522


@dataclass(frozen=True)
class Limits:
    """Bounds on the resources of one cell."""

    time_s: float  # of its own: computing or asleep, but not waiting for a processor (see `own_time`)
    memory_mb: int  # address space of each process
    file_mb: int  # size of each file, standard output included
    open_files: int = 64  # file descriptors

    @property
    def cpu_s(self) -> int:
        """Processor seconds after which the kernel ends a process, whatever the server sees of it."""
        return math.ceil(self.time_s) + 1

    @property
    def wall_s(self) -> float:
        """Seconds after which a cell is given up: the machine was too busy for it to use up its own time."""
        return 20 * self.time_s + 10


def check_room(memory_mb: int) -> None:
    """See that this process may grant its cells what they are promised: with less, verdicts would be others.

    Raises:
        UserError: a limit of the shell or the job is lower.
    """
    for kind, option, unit, needed in (
        (resource.RLIMIT_AS, "-v", "KiB of memory", memory_mb * 1024),
        (resource.RLIMIT_NOFILE, "-n", "open files", MAX_DESCRIPTORS),
    ):
        hard = resource.getrlimit(kind)[1]
        allowed = hard // 1024 if kind == resource.RLIMIT_AS else hard
        if hard != resource.RLIM_INFINITY and allowed < needed:
            raise UserError(
                f"judging a completion takes up to {needed} {unit}, and this shell or job allows {allowed}: "
                f"raise its limit (ulimit {option})"
            )


def limit_resources(limits: Limits) -> None:
    """Set hard limits, inherited by every child."""
    for kind, value in (
        (resource.RLIMIT_AS, limits.memory_mb * MIB),
        (resource.RLIMIT_FSIZE, limits.file_mb * MIB),
        (resource.RLIMIT_NOFILE, limits.open_files),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
    ):
        _limit(kind, value)
    # The signal that says which limit was reached comes one second before the one that cannot be ignored.
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    if hard == resource.RLIM_INFINITY or hard > limits.cpu_s:
        resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_s, limits.cpu_s + 1))


def limit_processes(most: int) -> None:
    """Allow no new process or thread where this process's user has `most` of them.

    The kernel counts them per user namespace, so a user's other processes count at the levels without one.
    """
    _limit(resource.RLIMIT_NPROC, most)


def processes_are_limited() -> bool:
    """Return true if `limit_processes` binds this process's user; the kernel exempts the machine's own root."""
    probe = os.fork()
    if probe == 0:
        status = 1
        try:
            drop_capabilities()
            limit_processes(1)
            os.fork()
        except BlockingIOError:
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(probe, 0)[1]) == 0


def tasks_on_this_machine() -> int:
    """Count the processes and threads of all users."""
    return int(Path("/proc/loadavg").read_text().split()[3].split("/")[1])


def _limit(kind: int, value: int) -> None:
    hard = resource.getrlimit(kind)[1]
    bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (bound, bound))


def forbid_new_privileges() -> None:
    """Give up, for this process and all it starts, every way to gain a capability by running a program."""
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    for capability in range(LAST_CAPABILITY + 1):
        try:
            kernel.prctl(kernel.PR_CAPBSET_DROP, capability)
        except OSError:
            break  # beyond the last capability that this kernel knows, or we never held the right to drop any


def drop_capabilities(kept: int = 0) -> None:
    """Give up every capability but those in the set `kept`, which programs that are started inherit."""
    header = struct.pack("Ii", _CAPABILITY_VERSION_3, 0)
    effective = permitted = inheritable = kept
    kernel.syscall("capset", header, struct.pack("6I", effective, permitted, inheritable, 0, 0, 0))


def become(user: int) -> None:
    """Turn from root into `user`, without any capability."""
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


def become_searching(user: int) -> None:
    """Turn from root into `user` who may still search and read every folder: `CAN_SEARCH` is kept."""
    kernel.prctl(kernel.PR_SET_KEEPCAPS, 1)
    become(user)
    drop_capabilities(CAN_SEARCH)
    kernel.prctl(kernel.PR_CAP_AMBIENT, kernel.PR_CAP_AMBIENT_RAISE, _CAP_DAC_READ_SEARCH)


def die_with_parent() -> None:
    """Be killed when the parent ends, however it ends."""
    parent = os.getppid()
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)

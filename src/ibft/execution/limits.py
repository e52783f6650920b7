"""Limits that hold at every isolation level: resources, capabilities, no new privileges."""

import os
import resource
import signal
import struct
from dataclasses import dataclass

from ibft.errors import UserError
from ibft.execution import kernel

MIB = 1 << 20
LAST_CAPABILITY = 63
MAX_DESCRIPTORS = 256  # of a zygote and its cells: what there is to close in each cell
_CAPABILITY_VERSION_3 = 0x20080522


@dataclass(frozen=True)
class Limits:
    """What one cell may use. `wall_s` is enforced from outside, by killing it."""

    wall_s: float
    memory_mb: int  # address space of each process
    file_mb: int  # size of each file, standard output included
    open_files: int = 64  # file descriptors


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
    """Set hard limits, inherited by every child. CPU time is a backstop for the wall clock."""
    cpu_s = int(limits.wall_s) + 2
    for kind, value in (
        (resource.RLIMIT_AS, limits.memory_mb * MIB),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_FSIZE, limits.file_mb * MIB),
        (resource.RLIMIT_NOFILE, limits.open_files),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
    ):
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


def drop_capabilities() -> None:
    """Give up every capability."""
    header = struct.pack("Ii", _CAPABILITY_VERSION_3, 0)
    kernel.syscall(kernel.SYS_CAPSET, header, struct.pack("6I", 0, 0, 0, 0, 0, 0))


def die_with_parent() -> None:
    """Be killed when the parent ends, however it ends."""
    parent = os.getppid()
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)

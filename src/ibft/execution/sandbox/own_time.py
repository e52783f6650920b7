"""The time that a process has had for itself: since its start, less what it has waited for a processor.

A sleeper's time passes, and so does that of a program that computes, but not that of one that could compute and is kept
from it by others. So a time limit decides the same on a busy machine as on an idle one. The kernel accounts for it in
/proc/PID/schedstat; where that is missing, nothing counts as waiting and the wall clock decides.
"""

import os
from pathlib import Path

_NANOSECONDS = 1e9


class Waits:
    """Looks up how long processes have waited, by a /proc that stays open where it cannot be seen any more."""

    def __init__(self) -> None:
        self._proc = os.open("/proc", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    def waited_s(self, pidfd: int) -> float:
        """Seconds that the process behind `pidfd` and its living descendants have waited for a processor.

        Of a process with several threads the one that waited longest counts.
        """
        process = _field(self._read(f"self/fdinfo/{pidfd}"), "Pid:")
        return self._waited_ns(process) / _NANOSECONDS if process else 0.0

    def _waited_ns(self, process: str) -> int:
        waits, children = [0], []
        for thread in self._threads(process):
            stat = self._read(f"{process}/task/{thread}/schedstat").split()
            waits += map(int, stat[1:2])
            children += self._read(f"{process}/task/{thread}/children").split()
        return max(waits) + sum(map(self._waited_ns, children))

    def _threads(self, process: str) -> list[str]:
        try:
            folder = os.open(f"{process}/task", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self._proc)
        except OSError:
            return []  # it has ended
        try:
            return os.listdir(folder)  # noqa: PTH208 - of an open folder
        finally:
            os.close(folder)

    def _read(self, path: str) -> str:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._proc)
        except OSError:
            return ""  # it has ended, or this kernel does not account for it
        try:
            return os.read(descriptor, 1 << 16).decode()
        except OSError:
            return ""  # it ended meanwhile
        finally:
            os.close(descriptor)


def is_accounted() -> bool:
    """Return true if this kernel tells how long a process has waited."""
    return Path("/proc/self/schedstat").exists()


def _field(text: str, name: str) -> str:
    return next((line.split()[1] for line in text.splitlines() if line.startswith(name)), "")

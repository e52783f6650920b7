"""No job outlives the workflow that started it: a process of its own sees to that.

A Snakemake that is killed leaves its jobs running, and those of the next run would write the same outputs again. Each
Snakemake that starts jobs therefore starts a watchdog, and marks its jobs. When it is gone, the watchdog ends what
bears the mark: with SIGTERM, on which stages clean up, and after a grace period with SIGKILL. Then it removes the
temporary folders that the workflow had no time to remove: its own, and those of long commands, which hold the mark.

Nothing here depends on which signals a process ignores: what a shell starts with `&` ignores SIGINT, `nohup` SIGHUP.
Nor does it depend on what a job is doing: the imports of a stage take seconds, in which it could not watch by itself.

    python src/ibft/runtime/watchdog.py PID MARK NOTES [FOLDER ...]
"""

import os
import select
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

MARK_VARIABLE = "IBFT_WORKFLOW"
_GRACE_S = 1.5  # between SIGTERM and SIGKILL
_QUIET_S = 1.0  # without a marked process until all are taken to be gone: a shell may just have been about to start one
_STEP_S = 0.05
_IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


def start_watchdog(notes: Path, folders: Sequence[Path]) -> str:
    """Watch this process from now on; what it starts must come after the shell commands that this returns.

    Args:
        notes: Snakemake's `.snakemake`, in which it writes commands to files that are too long for a command line.
        folders: temporary folders of this process, which are removed when it is gone.
    """
    mark = uuid.uuid4().hex
    subprocess.Popen(  # noqa: S603 - this module
        [sys.executable, __file__, str(os.getpid()), mark, str(notes.absolute()), *map(str, folders)],
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    return f"export {MARK_VARIABLE}={mark}; "


def marked(mark: str) -> list[int]:
    """Processes with `mark` in their environment, as jobs have it, or in their command, as the shells above them."""
    others = (process for process in Path("/proc").glob("[0-9]*") if process.name != str(os.getpid()))
    return [int(process.name) for process in others if _bears(mark, process / "environ", process / "cmdline")]


def _bears(mark: str, *files: Path) -> bool:
    try:
        return any(mark.encode() in file.read_bytes() for file in files)
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False  # it has ended, or is another user's


def watch(workflow: int, mark: str, notes: Path, folders: Sequence[Path]) -> None:
    """Wait for the end of process `workflow`, then end its jobs and remove its folders."""
    try:
        descriptor = os.pidfd_open(workflow)
    except ProcessLookupError:
        pass
    else:
        waiting = select.poll()
        waiting.register(descriptor, select.POLLIN)
        waiting.poll()
    end_marked(mark)
    scripts = (script for script in notes.glob("shell_tmp.*/*") if _bears(mark, script))
    for folder in [*folders, *(script.parent for script in scripts)]:
        shutil.rmtree(folder, ignore_errors=True)  # mostly it is gone: only what is killed leaves it


def end_marked(mark: str) -> None:
    """End every process that bears `mark`, and those that they start meanwhile."""
    since = last_seen = time.monotonic()
    warned: set[int] = set()
    while (now := time.monotonic()) < last_seen + _QUIET_S:
        found = marked(mark)
        if found:
            last_seen = now
        for process in found:
            if now > since + _GRACE_S:
                _send(process, signal.SIGKILL)
            elif process not in warned:
                _send(process, signal.SIGTERM)
        warned.update(found)
        time.sleep(_STEP_S)


def _send(process: int, number: signal.Signals) -> None:
    try:
        os.kill(process, number)
    except ProcessLookupError:
        return  # it has ended meanwhile


def main() -> None:
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)
    workflow, mark, notes, *folders = sys.argv[1:]
    watch(int(workflow), mark, Path(notes), [Path(folder) for folder in folders])


if __name__ == "__main__":
    main()

"""The frame round every command: logging, one-sentence errors, exit status.

if __name__ == "__main__":
    run_stage(main, parser())
"""

import argparse
import errno
import logging
import os
import re
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from ibft.runtime.errors import UserError
from ibft.runtime.progress import start_logging
from ibft.runtime.watchdog import MARK_VARIABLE

logger = logging.getLogger(__name__)

_SHORTAGES = {
    errno.ENOSPC: ("no space is left on the disk", "free some"),
    errno.EDQUOT: ("the disk quota is used up", "free some space"),
    errno.EROFS: ("the file system is read-only", "make it writable, or set `results` to a folder elsewhere,"),
    errno.EACCES: ("permission is denied", "grant it, or set `results` to a folder of your own,"),
    errno.EMFILE: ("too many files are open", "raise the limit (ulimit -n)"),
    errno.ENOMEM: ("the memory of this machine is used up", "free some"),
    errno.ESTALE: ("a network file system has lost a file", "mount it again"),
}
# torch's allocators raise RuntimeError.
_NO_MEMORY = re.compile(r"not enough memory|can't allocate memory|out of memory", re.IGNORECASE)


def stage_parser(doc: str | None) -> argparse.ArgumentParser:
    """An argument parser that shows the script's docstring and has the options that every stage has."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--log", type=Path, help="append progress and errors here as well")
    return parser


def run_stage(main: Callable[[argparse.Namespace], None], parser: argparse.ArgumentParser) -> None:
    """Parse the command line, run `main`, and exit 1 with a sentence (`UserError`) or a logged traceback (a bug).

    A job of the workflow notes beside its log what it used.
    """
    arguments = parser.parse_args()
    start_logging(None)  # by which an unusable --log can be told of
    is_job = MARK_VARIABLE in os.environ
    if is_job:
        _end_on_sigterm()
    try:
        start_logging(arguments.log)
        main(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever read our output has had enough
    except KeyboardInterrupt:
        logger.error("interrupted; a rerun continues from here")
        sys.exit(130)
    except Exception as error:
        sentence = str(error) if isinstance(error, UserError) else shortage(error)
        if sentence is None:
            logger.exception("this is a bug in ibft")
        else:
            logger.error("%s", sentence)
        sys.exit(1)
    finally:
        if is_job and arguments.log and os.environ.get("RANK", "0") == "0":
            usage_file(arguments.log).write_text(_usage())


def usage_file(log: Path) -> Path:
    """Return the place of the table of what a job used: columns cpu_s and peak_mib, and one row.

    Snakemake's benchmark files do not know it: a job that starts warm is no child of the shell that Snakemake watches.
    """
    return log.with_suffix(".usage.tsv")


def _usage() -> str:
    """Describe the processor time of this process and its children, and the memory of the largest of them."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = sum(used.ru_utime + used.ru_stime for used in (own, children))
    peak_mib = max(own.ru_maxrss, children.ru_maxrss) / 1024
    return f"cpu_s\tpeak_mib\n{cpu_s:.1f}\t{peak_mib:.0f}\n"


def _end_on_sigterm() -> None:
    """From now on the watchdog's SIGTERM ends this process as Ctrl-C does, even where it was started to ignore it."""
    stage = os.getpid()

    def interrupt(number: int, _: FrameType | None) -> None:
        if os.getpid() == stage:
            raise KeyboardInterrupt
        signal.signal(number, signal.SIG_DFL)  # a fork of it, which has nothing to clean up
        os.kill(os.getpid(), number)

    signal.signal(signal.SIGTERM, interrupt)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def shortage(error: Exception) -> str | None:
    """Name the shortage of the machine behind `error`, and what to do; None where it is a bug."""
    if isinstance(error, OSError) and error.errno in _SHORTAGES:
        what, remedy = _SHORTAGES[error.errno]
        where = f" ({error.filename})" if error.filename else ""
        return f"{what}{where}: {remedy} and run the same command again; it continues from here"
    if type(error).__name__ == "OutOfMemoryError":  # torch's, of a GPU; this module imports no torch
        return (
            "the GPU's memory is used up, by passes of one text at a time: use a GPU with more, lower max_length, "
            "train with training.gradient_checkpointing: true, or split training over GPUs (compute.deepspeed); more "
            "compute.memory_mb does not help. The same command continues from here"
        )
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and _NO_MEMORY.search(str(error))):
        return (
            "the memory of this machine or job is used up: give the job more (compute.memory_mb on a cluster) or lower "
            "its batch size, and run the same command again; it continues from here"
        )
    return None

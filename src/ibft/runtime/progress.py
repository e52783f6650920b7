"""Progress of long stages: a bar with rate and remaining time on a terminal, readable lines in the log.

    logger = logging.getLogger(__name__)
    with progress("scoring", unit="examples", total=1000) as bar:
        for batch in batches:
            ...
            bar.advance(len(batch))

Workflow scripts call `start_logging` once; library code only uses `logging` and `progress`, which never sees the items
of a loop and so cannot change what is made of them.
"""

import logging
import re
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, NoReturn

from tqdm import tqdm

from ibft.runtime.errors import UserError
from ibft.visible import LINES, visible

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_LINES = 15.0


def start_logging(log: Path | None) -> None:
    """Send the library's log lines to `log` (appending), and to standard error.

    Below Snakemake many jobs share one terminal, so with a log file only warnings reach standard error.

    Raises:
        UserError: `log` cannot be written to.
    """
    terminal = logging.StreamHandler()
    terminal.setLevel(logging.WARNING if log else logging.INFO)
    handlers: list[logging.Handler] = [terminal]
    if log:
        handlers.append(_open_log(log))
    for handler in handlers:
        handler.setFormatter(_Lines("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=handlers, force=True)


def _open_log(log: Path) -> "_LogFile":
    if log.is_fifo():
        raise UserError(f"--log: {log} is a pipe, which may wait for ever: name a file")
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        return _LogFile(log, mode="a")
    except OSError as error:
        raise UserError(f"--log: {log} cannot be written to: {error.strerror}") from None


class _Lines(logging.Formatter):
    """Log lines that quote strangers and that no terminal obeys."""

    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record), keep=LINES)


class _LogFile(logging.FileHandler):
    """A log file whose disk may be full, which is told once, not with a traceback per line."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
            return
        logging.getLogger().removeHandler(self)
        logger.warning("%s ends here: %s", self.baseFilename, error.strerror)


class Progress:
    """Counts what a loop has finished, and shows it as a bar and, now and then, as a line in the log."""

    def __init__(self, bar: "tqdm[NoReturn]", what: str, unit: str, total: int, done: int) -> None:
        self._bar = bar
        self._what, self._unit, self._total = what, unit, total
        self._done = self._finished = done
        self._started = self._last_line = time.monotonic()

    def advance(self, count: int = 1) -> None:
        """Count `count` more units as finished."""
        self._finished += count
        self._bar.update(count)
        now = time.monotonic()
        if now - self._last_line >= SECONDS_BETWEEN_LINES:
            self._last_line = now
            rate = (self._finished - self._done) / (now - self._started)
            logger.info(progress_line(self._what, self._unit, self._finished, self._total, rate))

    def conclude(self) -> None:
        """Log how much was finished, and how long it took."""
        elapsed = time.monotonic() - self._started
        logger.info("%s: %d %s in %.1f s", self._what, self._finished - self._done, self._unit, elapsed)


@contextmanager
def progress(what: str, *, unit: str, total: int, done: int = 0) -> Iterator[Progress]:
    """Report how many `unit` of `total` are done while the block runs; `done` counts what an earlier run finished."""
    columns, lines = shutil.get_terminal_size()  # 80 x 24 where a terminal does not know; tqdm would draw nothing
    with tqdm(
        total=total,
        initial=done,
        desc=what,
        unit=f" {unit}",
        leave=False,
        disable=not sys.stderr.isatty(),
        ncols=columns,
        nrows=lines,
    ) as bar:
        counted = Progress(bar, what, unit, total, done)
        yield counted
    counted.conclude()


def progress_line(what: str, unit: str, finished: int, total: int, rate: float) -> str:
    """One log line: how far, how fast (`rate` in units per second), how much longer."""
    remaining = (total - finished) / rate if rate > 0 else float("inf")
    share = finished / max(total, 1)
    return f"{what}: {finished}/{total} {unit} ({share:.0%}), {rate:.1f} {unit}/s, {remaining:.0f} s left"


class Told(NamedTuple):
    """The numbers of one line of `progress_line`; `remaining` is in seconds, infinite where nothing was finished."""

    what: str
    unit: str
    finished: int
    total: int
    rate: float
    remaining: float


_LINE = re.compile(
    r"(?P<what>[^:]+): (?P<finished>\d+)/(?P<total>\d+) (?P<unit>.+) \(\d+%\), "
    r"(?P<rate>[\d.]+) (?P=unit)/s, (?P<remaining>\d+|inf) s left$"
)


def parse_progress(line: str) -> Told | None:
    """Read what `progress_line` has written; None for any other line."""
    found = _LINE.match(line)
    if found is None:
        return None
    finished, total = int(found["finished"]), int(found["total"])
    return Told(found["what"], found["unit"], finished, total, float(found["rate"]), float(found["remaining"]))

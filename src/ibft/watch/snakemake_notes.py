"""Snakemake's own notes on a run, in the folder `.snakemake`: its log, and the outputs that are being made now.

It writes them on one machine and on a cluster alike. With `--quiet` the log is short, and nothing here depends on it.
"""

import json
import re
from base64 import urlsafe_b64decode
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

_NOTES = Path(".snakemake")
_COUNT = re.compile(r"^(\w+) +(\d+)$", re.MULTILINE)
_FINISHED = re.compile(r"^Finished jobid: (\d+) \(Rule: (\w+)\)$", re.MULTILINE)
_ERROR = re.compile(r"^\[(?P<when>[^\]]+)\]\nError in rule (?P<rule>\w+):\n(?P<facts>(?: {4}.*\n?)+)", re.MULTILINE)
_LOG_FACT = re.compile(r"^ {4}log: (.+?)(?: \(check log file\(s\) for error details\))?$", re.MULTILINE)


class Failure(NamedTuple):
    """A job that ended with an error. Snakemake may have started it again since."""

    when: float  # seconds since the epoch
    rule: str
    log: str | None


class RunLog(NamedTuple):
    """One start of Snakemake.

    Attributes:
        to_run: jobs by rule that this start has to run; None where its log does not say.
        finished: jobs by rule that it has run.
    """

    started: float
    to_run: dict[str, int] | None
    finished: dict[str, int]
    failures: tuple[Failure, ...]


class Unfinished(NamedTuple):
    """A job has begun to make an output, or waits for a cluster to let it."""

    since: float
    cluster_job: str | None


def read_run_log(work: Path) -> RunLog | None:
    """Return the latest start of Snakemake in `work` that ran jobs, or had none to run; None where there is none."""
    for path in sorted((work / _NOTES / "log").glob("*.snakemake.log"), reverse=True):
        text = path.read_text(errors="replace")
        if "\nSelect jobs to execute" in text or "\nJob stats:" in text or "\nNothing to be done" in text:
            return parse_run_log(text, _started(path))
    return None


def parse_run_log(text: str, started: float) -> RunLog:
    """Read what Snakemake's log says of jobs."""
    _, _, behind = text.partition("\nJob stats:\n")
    table = behind.partition("\n\n")[0]
    to_run = {rule: int(count) for rule, count in _COUNT.findall(table) if rule != "total"}
    finished: dict[str, int] = {}
    for _, rule in _FINISHED.findall(text):
        finished[rule] = finished.get(rule, 0) + 1
    nothing = "\nNothing to be done" in text
    failures = tuple(_failure(found) for found in _ERROR.finditer(text))
    return RunLog(started, to_run if to_run or nothing else None, finished, failures)


def read_unfinished(work: Path) -> dict[str, Unfinished]:
    """Map every output that some job was making, as rules name it, to what is known of that job."""
    folder = work / _NOTES / "incomplete"
    return {
        name: found
        for path in folder.rglob("*")
        if (name := _decoded(path.relative_to(folder))) and (found := _read_mark(path))
    }


def _failure(found: re.Match[str]) -> Failure:
    log = _LOG_FACT.search(found["facts"])
    when = datetime.strptime(found["when"], "%a %b %d %H:%M:%S %Y").timestamp()
    return Failure(when, found["rule"], log[1] if log else None)


def _started(path: Path) -> float:
    """Return the time in the name of a log."""
    return datetime.strptime(path.name.removesuffix(".snakemake.log"), "%Y-%m-%dT%H%M%S.%f").timestamp()


def _decoded(path: Path) -> str | None:
    """Return the name that Snakemake has made a path of: base64, in pieces, all but the last of which begin with @."""
    try:
        return urlsafe_b64decode("".join(part.removeprefix("@") for part in path.parts)).decode()
    except ValueError:
        return None


def _read_mark(path: Path) -> Unfinished | None:
    """Return what a mark says; None for a folder, and for one that went while it was read."""
    try:
        since, content = path.stat().st_mtime, path.read_text()
    except (FileNotFoundError, IsADirectoryError):
        return None
    try:
        return Unfinished(since, json.loads(content)["external_jobid"])
    except (ValueError, KeyError):
        return Unfinished(since, None)  # it is being written

"""The state of a run at one moment, from its record, Snakemake's notes, and the logs and journals of its jobs."""

import csv
import json
import platform
import re
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from ibft.runtime.errors import UserError
from ibft.runtime.locks import HOLDER, held_locks, workflows_in
from ibft.runtime.progress import Told, parse_progress
from ibft.store.journal import journal_path
from ibft.store.run_records import Job, RunRecord, read_runs
from ibft.watch.snakemake_notes import Failure, RunLog, Unfinished, read_run_log, read_unfinished

_TAIL_BYTES = 16_384
_CLOCKS_S = 2.0  # a file server's clock may be behind this machine's by so much
_LINE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),\d+ (DEBUG|INFO|WARNING|ERROR|CRITICAL) (.*)")
_EMPTY_LOG = RunLog(0.0, None, {}, ())


@dataclass(frozen=True)
class LogLine:
    when: float
    level: str
    text: str


@dataclass(frozen=True)
class AtWork:
    """A job that has begun.

    Attributes:
        name: its rule and what it is of.
        seconds: since it began, or since it was submitted.
        cluster_job: its number there; None on this machine.
        is_queued: it was submitted to a cluster, and has written nothing since.
        told: the latest line of progress; None where there is none yet.
        seconds_left: by that line; None without one.
        doing: the latest line of its log, for a job without progress.
        quiet_s: since it last wrote to its log or journal.
    """

    name: str
    rule: str
    seconds: float
    cluster_job: str | None
    is_queued: bool
    told: Told | None
    seconds_left: float | None
    doing: str
    quiet_s: float


@dataclass(frozen=True)
class Stage:
    """The jobs of one stage. `seconds_left` is None where no job of a kind that waits was measured yet."""

    name: str
    jobs: int
    done: int
    running: int
    failed: int
    seconds_left: float | None

    @property
    def waiting(self) -> int:
        return self.jobs - self.done - self.running


@dataclass(frozen=True)
class Error:
    when: float
    name: str
    sentence: str
    is_mended: bool  # the job was started again, and is done or at work


@dataclass(frozen=True)
class Snapshot:
    """One moment of a run.

    Attributes:
        holder: who runs it: `here`, the name of another machine, which cannot be asked, or None, where nobody does.
        interrupted: jobs that were at work when their run ended.
    """

    results: Path
    now: float
    started: float
    holder: str | None
    stages: tuple[Stage, ...]
    running: tuple[AtWork, ...]
    errors: tuple[Error, ...]
    interrupted: int


def take_snapshot(results: Path, now: float | None = None) -> Snapshot:
    """Read the state of the run that was started last with this results folder.

    Raises:
        UserError: no run has been started there, or only by a version of ibft that did not record its rules.
    """
    runs = read_runs(results)
    if not runs:
        raise UserError(f"{results} knows of no run: start one (ibft run), or give the results folder of one")
    run = runs[0]
    jobs = [job for job in run.jobs if job.log]
    if not jobs and run.jobs:
        raise UserError(
            f"the run in {results} was started by an older ibft, which did not record its stages: start it again; "
            "what is done is not done again"
        )
    return snapshot_of(run, jobs, results, now or time.time())


def snapshot_of(run: RunRecord, jobs: Sequence[Job], results: Path, now: float) -> Snapshot:
    log = read_run_log(run.work) or _EMPTY_LOG
    holder = holder_of(run.work)
    marks = read_unfinished(run.work)
    begun = {job.log: mark for job in jobs if (mark := _mark_of(job, marks))}
    done = [job for job in jobs if job.log not in begun and _is_made(job, run.work)]
    running = [_at_work(job, run.work, begun[job.log], now) for job in jobs if holder and job.log in begun]
    known = {job.log for job in done} | (set(begun) if holder else set())
    side_by_side = max(1, sum(not job.is_queued for job in running))
    errors = [_error(failure, run.work, failure.log in known) for failure in _latest(log.failures)]
    failed = Counter(failure.rule for failure in _latest(log.failures) if failure.log not in known)
    return Snapshot(
        results=results,
        now=now,
        started=log.started or run.started,
        holder=holder,
        stages=tuple(_stages(_rules(jobs, done, running, failed, log, run.work), side_by_side)),
        running=tuple(sorted(running, key=lambda job: (job.is_queued, -job.seconds))),
        errors=tuple(sorted(errors, key=lambda error: error.when, reverse=True)),
        interrupted=0 if holder else len(begun),
    )


def holder_of(work: Path) -> str | None:
    """Return `here` where a process of this machine runs Snakemake in `work`, or the other machine that locked it."""
    if not held_locks(work):
        return None
    try:
        host = str(json.loads((work / HOLDER).read_bytes())["host"])
    except (OSError, ValueError, KeyError):
        host = platform.node()
    if host != platform.node():
        return host
    return "here" if any(workflows_in(work.resolve())) else None


def _mark_of(job: Job, marks: Mapping[str, Unfinished]) -> Unfinished | None:
    return next((marks[output] for output in job.outputs if output in marks), None)


def _is_made(job: Job, work: Path) -> bool:
    return all((work / output).exists() for output in job.outputs)


@dataclass(frozen=True)
class _Rule:
    """The jobs of one rule. `usual_s` is the mean of those that were measured."""

    name: str
    stage: str
    jobs: int
    done: int
    at_work: tuple[AtWork, ...]
    failed: int
    usual_s: float | None

    @property
    def seconds_left(self) -> float | None:
        """Return the seconds of all that is not done, one job after the other; None where that is not known."""
        waiting = self.jobs - self.done - len(self.at_work)
        parts = [*(_left_of(job, self.usual_s) for job in self.at_work), *[self.usual_s] * waiting]
        return _sum(parts)


def _rules(
    jobs: Sequence[Job],
    done: Sequence[Job],
    running: Sequence[AtWork],
    failed: Mapping[str, int],
    log: RunLog,
    work: Path,
) -> list[_Rule]:
    usual = _seconds_of_rules(done, work)
    counts = Counter((job.stage, job.rule) for job in jobs)
    found = []
    for (stage, rule), count in counts.items():
        at_work = tuple(job for job in running if job.rule == rule)
        made = min(_done(rule, count, done, log, work), count - len(at_work))
        found.append(_Rule(rule, stage, count, made, at_work, failed.get(rule, 0), usual.get(rule)))
    return found


def _stages(rules: Sequence[_Rule], side_by_side: int) -> Iterable[Stage]:
    """Yield the stages in the order of the workflow."""
    for name in dict.fromkeys(rule.stage for rule in rules):
        own = [rule for rule in rules if rule.stage == name]
        seconds = _sum([rule.seconds_left for rule in own])
        yield Stage(
            name=name,
            jobs=sum(rule.jobs for rule in own),
            done=sum(rule.done for rule in own),
            running=sum(len(rule.at_work) for rule in own),
            failed=sum(rule.failed for rule in own),
            seconds_left=None if seconds is None else seconds / side_by_side,
        )


def _sum(parts: Sequence[float | None]) -> float | None:
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None


def _done(rule: str, count: int, done: Sequence[Job], log: RunLog, work: Path) -> int:
    """Count the finished jobs of a rule.

    An output that is there may have to be made again: all are done that Snakemake does not say it has to run, and those
    that it has run since.
    """
    own = [job for job in done if job.rule == rule]
    if log.to_run is None:
        return len(own)
    to_run = log.to_run.get(rule, 0)
    since = sum(_written(job, work) >= log.started - _CLOCKS_S for job in own)
    return count - to_run + min(max(since, log.finished.get(rule, 0)), to_run)


def _written(job: Job, work: Path) -> float:
    return max((_modified(work / output) for output in job.outputs), default=0.0)


def _left_of(job: AtWork, usual: float | None) -> float | None:
    if job.seconds_left is not None:
        return job.seconds_left
    return None if usual is None else max(0.0, usual - job.seconds)


def _seconds_of_rules(done: Sequence[Job], work: Path) -> dict[str, float]:
    """Return the mean seconds of the finished jobs of each rule, as Snakemake has measured them."""
    measured: dict[str, list[float]] = {}
    for job in done:
        seconds = _benchmarked(work / job.benchmark) if job.benchmark else None
        if seconds is not None:
            measured.setdefault(job.rule, []).append(seconds)
    return {rule: sum(found) / len(found) for rule, found in measured.items()}


def _benchmarked(path: Path) -> float | None:
    return _read_benchmark(path, _modified(path))


@lru_cache(maxsize=100_000)
def _read_benchmark(path: Path, _: float) -> float | None:
    try:
        with path.open(newline="") as stream:
            return float(next(csv.DictReader(stream, delimiter="\t"))["s"])
    except (OSError, StopIteration, KeyError, ValueError):
        return None  # it is absent, or being written


def _at_work(job: Job, work: Path, mark: Unfinished, now: float) -> AtWork:
    log = work / str(job.log)
    lines = [line for line in tail(log) if line.when >= mark.since - _CLOCKS_S]
    found = next(((line, told) for line in reversed(lines) if (told := parse_progress(line.text))), None)
    journals = [journal_path(work / output) for output in job.outputs]
    last_sign = max([mark.since, *map(_modified, [log, *journals])])
    return AtWork(
        name=name_of(str(job.log)),
        rule=job.rule,
        seconds=now - mark.since,
        cluster_job=mark.cluster_job,
        is_queued=mark.cluster_job is not None and last_sign < mark.since + _CLOCKS_S,
        told=found[1] if found else None,
        seconds_left=max(0.0, found[1].remaining - (now - found[0].when)) if found else None,
        doing=lines[-1].text if lines else "",
        quiet_s=now - last_sign,
    )


def name_of(log: str) -> str:
    """Return the rule of a job and what it is of, as the path of its log has them."""
    return log.partition("/logs/")[2].removesuffix(".log").replace("/", " ", 1) or log


def tail(log: Path) -> list[LogLine]:
    """Return the last lines of the log of a job, those of tracebacks left out."""
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            text = stream.read(_TAIL_BYTES).decode(errors="replace")
    except OSError:
        return []
    found = (_LINE.match(line) for line in text.splitlines())
    return [LogLine(datetime.fromisoformat(line[1]).timestamp(), line[2], line[3]) for line in found if line]


def _error(failure: Failure, work: Path, is_mended: bool) -> Error:
    lines = tail(work / failure.log) if failure.log else []
    sentence = next((line.text for line in reversed(lines) if line.level in ("ERROR", "CRITICAL")), None)
    name = name_of(failure.log) if failure.log else failure.rule
    return Error(failure.when, name, sentence or f"it ended without a word; see {failure.log}", is_mended)


def _latest(failures: Iterable[Failure]) -> list[Failure]:
    """Keep the last failure of each job."""
    return list({failure.log or failure.rule: failure for failure in failures}.values())


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0

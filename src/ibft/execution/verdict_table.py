"""From samples to the table of verdicts on disk: streamed, atomic, resumable, with the exclusions in the manifest."""

import statistics
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from ibft.config.sections import Execution
from ibft.execution.judge import Judge, Judged, Sample
from ibft.execution.verdict import Status, Verdict
from ibft.execution.verilog.toolchain import iverilog_version
from ibft.runtime.progress import progress
from ibft.store.journal import Journal, journal_path
from ibft.store.parquet import table_writer
from ibft.store.schemas import VERDICTS, Table

_ROWS_PER_GROUP = 4096
TIMED_VERDICTS = Table(
    VERDICTS.name, VERDICTS.version, VERDICTS.schema.append(pa.field("wall_s", pa.float64(), nullable=False))
)


class Tally:
    """Counts and times of a stream of verdicts, for manifests and terminals."""

    def __init__(self) -> None:
        self.statuses: Counter[str] = Counter()
        self.disagreements = 0  # hardened and official verdict differ
        self.n: Counter[str] = Counter()  # samples of each problem
        self.c: Counter[str] = Counter()  # of which passed
        self.official_c: Counter[str] = Counter()  # of which the upstream harness's rule passes
        self._wall_s = array("d")

    def add(self, judged: Judged) -> None:
        task_id, verdict = judged.task_id, judged.verdict
        self.statuses[verdict.status] += 1
        self.disagreements += verdict.official_passed != verdict.passed
        self.n[task_id] += 1
        self.c[task_id] += verdict.passed
        self.official_c[task_id] += verdict.official_passed
        self._wall_s.append(verdict.wall_s)

    def facts(self) -> dict[str, Any]:
        """Counts and times. Times differ between equal runs, so they belong into the manifest, not into the table."""
        times = sorted(self._wall_s) or [0.0]
        wall_s = {"total": sum(times), "median": statistics.median(times), "maximum": times[-1]}
        return {"statuses": dict(self.statuses), "disagreements": self.disagreements, "wall_s": wall_s}


def write_verdicts(
    path: Path,
    judge: Judge,
    samples: Iterable[Sample],
    settings: Execution,
    key: str,
    *,
    total: int,
    with_times: bool = False,
) -> Tally:
    """Judge `samples` and write the table of verdicts to `path`, where a killed run with this `key` goes on.

    The manifest names the problems that this machine cannot judge (`excluded`), and why.

    Args:
        total: how many samples there are.
        with_times: add a column of times, which makes equal runs differ.
    """
    tally = Tally()
    table = TIMED_VERDICTS if with_times else VERDICTS
    with Journal(journal_path(path), key) as journal:
        with (
            table_writer(path, table, settings=settings.model_dump(mode="json")) as writer,
            progress("judging", unit="samples", total=total) as bar,
        ):
            rows: list[dict[str, Any]] = []
            for judged in judge_resumably(judge, samples, journal):
                tally.add(judged)
                rows.append(verdict_row(judged, table))
                if len(rows) == _ROWS_PER_GROUP:
                    writer.append(rows)
                    rows.clear()
                bar.advance()
            writer.append(rows)
            writer.facts |= _facts(judge) | tally.facts()
        journal.remove()
    return tally


def judge_resumably(judge: Judge, samples: Iterable[Sample], journal: Journal) -> Iterator[Judged]:
    """Yield the verdicts on `samples`: first those that `journal` holds, then new ones, which are appended to it."""
    finished = journal.finished
    known = (_verdict(entry) for entry in islice(journal.entries(), finished))
    for number, judged in enumerate(judge.verdicts(samples, known)):
        if number >= finished:
            journal.append(_entry(judged.verdict))
        yield judged


def _facts(judge: Judge) -> dict[str, Any]:
    return {
        "excluded": judge.excluded,
        "constant_passes": judge.constant_passes,
        "errata": judge.errata,
        "isolation": judge.isolation,
        "iverilog": iverilog_version() if "verilog" in judge.languages else None,
    }


def verdict_row(judged: Judged, table: Table) -> dict[str, Any]:
    """Return a verdict as a row of VERDICTS, or of these with times."""
    row = {"task_id": judged.task_id, "sample": judged.sample}
    return row | {name: getattr(judged.verdict, name) for name in table.schema.names if name not in row}


def _entry(verdict: Verdict) -> list[Any]:
    """Return a verdict as the journal keeps it: without its program, which follows from the sample."""
    facts = (verdict.official_passed, verdict.stderr_clean, verdict.isolation, verdict.wall_s)
    return [verdict.status, verdict.detail, *facts]


def _verdict(entry: list[Any]) -> Verdict:
    """Return the verdict of a journal's entry, with an empty program."""
    status, detail, official_passed, stderr_clean, isolation, wall_s = entry
    return Verdict(Status(status), detail, official_passed, stderr_clean, "", isolation, wall_s)

"""From samples to the table of verdicts on disk: streamed, atomic, resumable, with the exclusions in the manifest."""

import statistics
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ibft.execution.judge import Judge, Judged, Sample
from ibft.execution.references import iverilog_version
from ibft.execution.verdict import Verdict
from ibft.execution.verdict_journal import VerdictJournal
from ibft.store.files import atomic
from ibft.store.manifests import write_manifest
from ibft.store.schemas import VERDICTS

_ROWS_PER_GROUP = 4096
WALL_S = pa.field("wall_s", pa.float64(), nullable=False)


class Tally:
    """What a manifest or a terminal says about a stream of verdicts."""

    def __init__(self) -> None:
        self.statuses: Counter[str] = Counter()
        self.disagreements = 0  # hardened and official verdict differ
        self._wall_s = array("d")

    def add(self, verdict: Verdict) -> None:
        self.statuses[verdict.status] += 1
        self.disagreements += verdict.official_passed != verdict.passed
        self._wall_s.append(verdict.wall_s)

    def facts(self) -> dict[str, Any]:
        """Counts and times. Times differ between equal runs, so they belong into the manifest, not into the table."""
        times = sorted(self._wall_s) or [0.0]
        wall_s = {"total": sum(times), "median": statistics.median(times), "maximum": times[-1]}
        return {"statuses": dict(self.statuses), "disagreements": self.disagreements, "wall_s": wall_s}


def judge_resumably(judge: Judge, samples: Iterable[Sample], journal: VerdictJournal) -> Iterator[Judged]:
    """The verdicts on `samples`: first those that `journal` holds, then new ones, which are appended to it."""
    for number, judged in enumerate(judge.verdicts(samples, journal.finished())):
        if number >= journal.count:
            journal.append(judged.verdict)
        yield judged


@contextmanager
def verdict_writer(path: Path, *, with_wall_s: bool = False) -> Iterator[Callable[[Judged], None]]:
    """A function that appends one row to the verdicts table at `path`, which appears when the block is left.

    The caller writes the manifest afterwards. `with_wall_s` adds a column of times, and makes equal runs differ.
    """
    fields = [*VERDICTS.schema, WALL_S] if with_wall_s else list(VERDICTS.schema)
    metadata = {"ibft.table": VERDICTS.name, "ibft.version": str(VERDICTS.version)}
    schema = pa.schema(fields, metadata=metadata)
    rows: list[dict[str, Any]] = []
    with atomic(path) as stream, pq.ParquetWriter(stream, schema, compression="zstd") as writer:

        def flush() -> None:
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))
            rows.clear()

        def append(judged: Judged) -> None:
            rows.append(_row(judged, schema.names))
            if len(rows) == _ROWS_PER_GROUP:
                flush()

        yield append
        flush()


def write_verdict_manifest(path: Path, judge: Judge, tally: Tally, **facts: Any) -> None:
    """Describe the finished table, with the problems that this machine cannot judge (`excluded`) and why."""
    languages = judge.languages
    write_manifest(
        path,
        table=VERDICTS.name,
        schema_version=VERDICTS.version,
        rows=sum(tally.statuses.values()),
        excluded=judge.excluded,
        constant_passes=judge.constant_passes,
        isolation=judge.isolation,
        iverilog=iverilog_version() if "verilog" in languages else None,
        **tally.facts(),
        **facts,
    )


def _row(judged: Judged, names: list[str]) -> dict[str, Any]:
    verdict = judged.verdict
    row = {"task_id": judged.task_id, "sample": judged.sample}
    return row | {name: getattr(verdict, name) for name in names if name not in row}

"""Append-only journals: what a killed stage had already finished, so that its rerun continues there.

    key = journal_key(Path(__file__), [model_folder, examples_path], settings.as_json(), precision)
    with Journal(journal_path(output), key) as journal:
        for batch in unfinished(batches, journal.entries()):
            journal.append(rows_of(batch))
        write_table(output, TABLE, rows)
        journal.remove()

A journal is a text file: one line with the key, then one line per entry, each led by a checksum of its content. A line
that was half-written when the process died fails its checksum and is cut off. Entries are read as a stream, and new
ones may be appended meanwhile. Floats survive the trip through JSON
exactly, so a resumed stage ends with the same bytes as an undisturbed one.
"""

import hashlib
import json
import logging
import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ibft.store.code_digest import code_digest
from ibft.store.manifests import read_manifest

logger = logging.getLogger(__name__)

Entry = Any  # whatever JSON can say


class Journal:
    """The finished part of one output, valid only for the inputs that `key` digests; held by one process at a time.

    Opening it discards a journal that has another key and cuts a torn tail off.

    Attributes:
        finished: how many entries earlier runs have left.
    """

    def __init__(self, path: Path, key: str) -> None:
        self.path = path
        self.finished, intact_bytes = _intact(path, key)
        if self.finished:
            logger.info("%d entries are already finished in %s; continuing after them", self.finished, path)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._stream = path.open("ab")
        self._stream.truncate(intact_bytes)
        if not intact_bytes:
            self._write({"key": key})

    def entries(self) -> Iterator[Entry]:
        """Yield every finished entry, those of earlier runs included, in the order they were appended.

        They are read from the file one by one, so that a journal of any length fits into memory.
        """
        with self.path.open("rb") as lines:
            next(lines)  # the key
            for line in lines:
                entry = _parse(line)
                if entry is None:
                    raise ValueError(f"{self.path} was changed by somebody else while it was open")
                yield entry

    def append(self, entry: Entry) -> None:
        """Record `entry`, which must be JSON-able, and hand it to the operating system before returning."""
        self._write(entry)

    def cut(self, entries: int) -> None:
        """Drop all but the first `entries`."""
        with self.path.open("rb") as lines:
            kept = sum(len(line) for line in islice(lines, 1 + entries))
        self._stream.truncate(kept)
        self.finished = min(self.finished, entries)

    def sync(self) -> None:
        """Return when what was appended would survive a loss of power."""
        os.fsync(self._stream.fileno())

    def close(self) -> None:
        self._stream.close()

    def remove(self) -> None:
        """Delete the journal: call it when the output that it stood for is committed."""
        self.close()
        self.path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write(self, entry: Entry) -> None:
        self._stream.write(_line(entry))
        self._stream.flush()


def journal_path(output: Path) -> Path:
    """Return the path of the journal of `output`: next to it, under a name that Snakemake does not clean up."""
    return output.with_name(f"{output.name}.journal")


def journal_key(script: Path, inputs: Iterable[Path], *settings: str) -> str:
    """Return a digest of everything that the entries depend on: code, input files and folders, settings.

    Args:
        script: the running command, which counts with every module that it imports.
        inputs: files and folders written by `ibft.store.parquet`; their content counts, as their manifests record it.
            Reading them verifies the manifests, so read them first.
        settings: whatever else decides the result.
    """
    parts = [code_digest(script), *settings]
    for path in inputs:
        parts.append(json.dumps(read_manifest(path)["sha256"], sort_keys=True))
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _intact(path: Path, key: str) -> tuple[int, int]:
    """Count the intact entries of `path` and the bytes up to their end; 0 where there is no journal for `key`."""
    lines, intact_bytes = 0, 0
    if not path.exists():
        return 0, 0
    with path.open("rb") as stream:
        for line in stream:
            entry = _parse(line)
            if entry is None:
                break
            if not lines and entry != {"key": key}:
                logger.info("%s belongs to other inputs, settings or code; starting over", path)
                return 0, 0
            lines += 1
            intact_bytes += len(line)
    return max(0, lines - 1), intact_bytes


def _line(entry: Entry) -> bytes:
    text = json.dumps(entry, separators=(",", ":")).encode()
    return _checksum(text) + b" " + text + b"\n"


def _parse(line: bytes) -> Entry | None:
    checksum, _, text = line.rstrip(b"\n").partition(b" ")
    if not line.endswith(b"\n") or checksum != _checksum(text):
        return None
    entry: Entry = json.loads(text)
    return entry


def _checksum(text: bytes) -> bytes:
    return hashlib.sha256(text).hexdigest()[:16].encode()

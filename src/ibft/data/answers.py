"""Completions that somebody made: a file, pipe or folder in one of the forms of `ibft.data.sample_formats`."""

import os
import stat
import tempfile
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ibft.config.messages import nearest
from ibft.data.folders import content_digest
from ibft.data.records import FORMS, MIB, Record, form_of, stream_records
from ibft.data.sample_formats import read_folder, read_row
from ibft.runtime.errors import UserError
from ibft.store.manifests import sha256

LARGEST_PIPED = 16 * 1024 * MIB  # bytes
_PIECE = MIB
_QUOTED = 200  # characters of a task_id
_GZIP = b"\x1f\x8b"

Answer = tuple[str, int, str]
"""task_id, the number of its rows before this one, completion."""


@dataclass(frozen=True)
class Answers:
    """A file of answers. `name` stands for it in messages; `form` is its suffix, or which one it should have."""

    path: Path
    name: str
    form: str

    def read(self, known: Collection[str]) -> Iterator[Answer]:
        """Yield the answers, one at a time, in the order of the file.

        Args:
            known: the task_ids of the benchmark.

        Raises:
            UserError: a row is malformed or belongs to no problem; the sentence names its line.
        """
        seen: Counter[str] = Counter()
        for task_id, completion in self._found(known):
            yield task_id, seen[task_id], completion
            seen[task_id] += 1

    def digest(self) -> str:
        """Return a digest of everything that is read."""
        return content_digest(self.path) if self.path.is_dir() else sha256(self.path)

    def _found(self, known: Collection[str]) -> Iterator[tuple[str, str]]:
        if self.path.is_dir():
            yield from read_folder(self.path, known)
            return
        for record in stream_records(self.path, name=self.name, form=self.form):
            task_id, completions = answers_of(record, known)
            yield from ((task_id, completion) for completion in completions)


def answers_of(record: Record, known: Collection[str]) -> tuple[str, list[str]]:
    """Return the task_id and the completions of one row.

    Raises:
        UserError: one of them is missing or of the wrong kind, or no problem of the benchmark is called so.
    """
    where, _ = record
    task_id, completions = read_row(record)
    if task_id not in known:
        called = repr(task_id if len(task_id) <= _QUOTED else f"{task_id[:_QUOTED]}…")
        raise UserError(f"{where}: {called} is no problem of this benchmark{nearest(task_id, known)}")
    return task_id, completions


@contextmanager
def opened(path: Path) -> Iterator[Answers]:
    """The answers at `path`. What comes through an unnamed pipe, as with <(...), is copied once, to be read twice.

    Raises:
        UserError: it is absent or a device; or a named pipe, for whose writer one might wait for ever.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {getattr(error, 'strerror', error)}") from None
    if not stat.S_ISFIFO(mode):
        yield Answers(path, str(path), _form(path.name))
        return
    if not os.path.realpath(path).rpartition("/")[2].startswith("pipe:["):
        raise UserError(f"{path} is a named pipe: give a file, or <(command), which is read to its end and then judged")
    with tempfile.NamedTemporaryFile(prefix="ibft-piped-") as copy:
        start = _copy(path, Path(copy.name))
        yield Answers(Path(copy.name), str(path), ".jsonl.gz" if start == _GZIP else ".jsonl")


def _form(name: str) -> str:
    """JSON Lines, unless the suffix says otherwise."""
    form = form_of(name)
    return form if form.removesuffix(".gz") in FORMS else ".jsonl.gz" if form.endswith(".gz") else ".jsonl"


def _copy(pipe: Path, copy: Path) -> bytes:
    """Copy all of `pipe`; its first two bytes."""
    copied = 0
    with pipe.open("rb", buffering=0) as source, copy.open("wb") as target:
        while piece := source.read(_PIECE):
            copied += len(piece)
            if copied > LARGEST_PIPED:
                raise UserError(f"{pipe} gives more than {LARGEST_PIPED // MIB} MiB: write it to a file first")
            target.write(piece)
    with copy.open("rb") as target:
        return target.read(len(_GZIP))

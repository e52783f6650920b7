"""Rows of a JSON Lines, JSON, CSV or Parquet file, each with its place, so that a bad row can be named.

The one reader of files that strangers wrote: fine-tuning data, benchmarks, samples. Whatever such a file holds, reading
takes no more than the stated bounds, waits for nobody, and ends in rows or in a sentence.
"""

import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from ibft.runtime.errors import UserError
from ibft.store.files import why_unreadable

Record = tuple[str, dict[str, Any]]
"""Where a row stands (`file:line`, or `file: row 3`) and the row."""
Problem = dict[str, str | None]
"""A row of `ibft.store.schemas.PROBLEMS`; columns that may be null can be left out."""

FORMS = (".jsonl", ".json", ".csv", ".tsv", ".parquet")
MIB = 2**20
LONGEST_LINE = 64 * MIB  # bytes
LARGEST_EXPANDED = 1024 * MIB  # bytes that a gzip file may unpack to, and the rows of a Parquet file
_LISTED, _QUOTED = 10, 100  # columns in a sentence, characters of each
_PARQUET_BATCH = 1024  # rows
_SEPARATORS = {".csv": ",", ".tsv": "\t"}
_LINES_OF_OBJECTS = re.compile(rb"(\xef\xbb\xbf)?\s*\{.*\}[ \t\r]*\n\s*\{")  # in a file that is called .json


def read_records(path: Path) -> list[Record]:
    """Return the rows of `path`, by its suffix: .jsonl, .json (one list of objects, or JSON Lines), .csv, .tsv
    or .parquet, also followed by .gz.

    Raises:
        UserError: the file is absent, of another kind, too large, or not well-formed; with its line where it has lines.
    """
    return list(stream_records(path))


def stream_records(path: Path, *, name: str | None = None, form: str | None = None) -> Iterator[Record]:
    """`read_records` one at a time. Messages call it `name`; `form`, such as `.jsonl.gz`, counts for its suffix."""
    name = name or str(path)
    reason = why_unreadable(path)
    if reason:
        raise UserError(f"{name} cannot be read: {reason}")
    try:
        with path.open("rb") as stream:
            yield from _records(stream, name, form or form_of(name))
    except OSError as error:
        raise UserError(f"{name} cannot be read: {error.strerror or error}") from None


def parse_records(content: bytes, name: str) -> list[Record]:
    """`read_records` of a file called `name` that has this content."""
    return list(_records(io.BytesIO(content), name, form_of(name)))


def form_of(name: str) -> str:
    """Return the suffix of a file's name, with the one before `.gz`."""
    return Path(name.removesuffix(".gz")).suffix + (".gz" if name.endswith(".gz") else "")


def text_field(record: Record, key: str) -> str:
    """Return the string under `key`.

    Raises:
        UserError: it is absent or not a string.
    """
    where, row = record
    if key not in row:
        raise UserError(f"{where}: {key!r} is missing; this row has {columns_of(row)}")
    if not isinstance(row[key], str):
        raise UserError(f"{where}: {key!r} must be a string, not {type(row[key]).__name__}")
    return storable(row[key])


def columns_of(row: dict[str, Any]) -> str:
    """Return the first columns of a row, for a sentence."""
    names = [f"{name[:_QUOTED]}…" if len(name) > _QUOTED else name for name in sorted(row)[:_LISTED]]
    return ", ".join(names) + (f" and {len(row) - _LISTED} more" if len(row) > _LISTED else "") or "none"


def storable(text: str) -> str:
    """Return `text` with U+FFFD for half a surrogate pair, which JSON can spell and no file can hold."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _records(stream: BinaryIO, name: str, form: str) -> Iterator[Record]:
    kind = form.removesuffix(".gz")
    if kind not in FORMS:
        raise UserError(f"{name}: the suffix {kind!r} is unknown; valid are {', '.join(FORMS[:-1])} and {FORMS[-1]}")
    packed = form.endswith(".gz")
    lines = _unpacked_lines(stream, name, LONGEST_LINE) if packed else _lines(stream, name)
    if kind == ".jsonl":
        yield from _json_lines(lines, name)
        return
    if kind in _SEPARATORS:
        yield from _separated(lines, name, _SEPARATORS[kind])
        return
    content = b"".join(_unpacked_lines(stream, name, LARGEST_EXPANDED)) if packed else stream.read()
    if kind == ".parquet":
        yield from _parquet(content, name)
    elif _LINES_OF_OBJECTS.match(content):
        yield from _json_lines(iter(content.splitlines(keepends=True)), name)
    else:
        yield from _json_list(content, name)


def _lines(stream: BinaryIO, name: str, longest: int = LONGEST_LINE) -> Iterator[bytes]:
    number = 0
    while line := stream.readline(longest + 1):
        number += 1
        if len(line) > longest:
            raise UserError(f"{name}:{number}: the line is longer than {longest // MIB} MiB, which no sample is")
        yield line


def _unpacked_lines(stream: BinaryIO, name: str, longest: int) -> Iterator[bytes]:
    expanded = 0
    try:
        with gzip.GzipFile(fileobj=stream) as file:
            for line in _lines(file, name, longest):  # type: ignore[arg-type]
                expanded += len(line)
                if expanded > LARGEST_EXPANDED:
                    raise UserError(
                        f"{name} unpacks to more than {LARGEST_EXPANDED // MIB} MiB: if it is meant to, unpack it first"
                    )
                yield line
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UserError(f"{name} is not a whole gzip file: {error}") from None


def _json_lines(lines: Iterator[bytes], name: str) -> Iterator[Record]:
    for number, line in enumerate(lines, start=1):
        if line.strip():
            row = _parsed(_text(line.rstrip(b"\n"), name, number), name, number)
            yield _checked(row, f"{name}:{number}")


def _json_list(content: bytes, name: str) -> Iterator[Record]:
    rows = _parsed(_text(content, name, 1), name, 1)
    if not isinstance(rows, list):
        raise UserError(f"{name} must hold one list of objects, not {type(rows).__name__}")
    for number, row in enumerate(rows, start=1):
        yield _checked(row, f"{name}: row {number}")


def _separated(lines: Iterator[bytes], name: str, separator: str) -> Iterator[Record]:
    """Read rows under a header. The line that is named is the last of a row, which may have several."""
    texts = (_text(line, name, number) for number, line in enumerate(lines, start=1))
    csv.field_size_limit(LONGEST_LINE)
    reader = csv.reader(texts, delimiter=separator, strict=True)
    try:
        header = next(reader, [])
        if repeated := sorted({column for column in header if header.count(column) > 1}):
            raise UserError(f"{name}:1: the header names {', '.join(map(repr, repeated))} twice")
        for row in reader:
            where = f"{name}:{reader.line_num}"
            if len(row) not in (0, len(header)):
                raise UserError(f"{where}: has {len(row)} cells, the header {len(header)}: put quotes round text")
            if row:
                yield where, dict(zip(header, row, strict=True))
    except csv.Error as error:
        where = f"{name}:{reader.line_num}"
        raise UserError(f"{where}: not CSV: {error}: put quotes round text, and double those in it") from None


def _text(content: bytes, name: str, line: int) -> str:
    """`content`, which begins at this line of the file, without the mark that Windows puts before a file's text."""
    try:
        return content.decode("utf-8-sig" if line == 1 else "utf-8")
    except UnicodeDecodeError as error:
        number = line + content.count(b"\n", 0, error.start)
        raise UserError(f"{name}:{number}: not UTF-8 text") from None


def _parsed(text: str, name: str, line: int) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(f"{name}:{line + error.lineno - 1}: not JSON: {error.msg}") from None
    except RecursionError:
        raise UserError(f"{name}:{line}: lists or objects are nested too deeply to be read") from None
    except ValueError:  # Python bounds the time that a number may take
        raise UserError(f"{name}:{line}: a number has more digits than can be read") from None


def _parquet(content: bytes, name: str) -> Iterator[Record]:
    done = expanded = 0
    try:
        # One long text that stands in a million rows is stored once; as a dictionary it is so in memory, too.
        schema = pq.read_schema(io.BytesIO(content))
        texts = [field.name for field in schema if pa.types.is_string(field.type) or pa.types.is_binary(field.type)]
        with pq.ParquetFile(io.BytesIO(content), read_dictionary=texts) as file:
            for batch in file.iter_batches(batch_size=_PARQUET_BATCH):
                for index in range(batch.num_rows):
                    done += 1
                    where, row = _parquet_row(batch, index, f"{name}: row {done}")
                    expanded += sum(len(value) for value in row.values() if isinstance(value, str | bytes))
                    if expanded > LARGEST_EXPANDED:
                        raise UserError(
                            f"{where}: the rows so far hold more than {LARGEST_EXPANDED // MIB} MiB of text"
                        )
                    yield where, row
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{name} cannot be read as Parquet: {error}") from None


def _parquet_row(batch: pa.RecordBatch, index: int, where: str) -> Record:
    row = {}
    for column, values in zip(batch.schema.names, batch.columns, strict=True):
        try:
            row[column] = values[index].as_py()
        except UnicodeDecodeError:
            raise UserError(f"{where}: {column!r} is not UTF-8 text") from None
        except (ValueError, OverflowError) as error:  # a date that Python has not
            raise UserError(f"{where}: {column!r} cannot be read: {error}") from None
    return where, row


def _checked(row: Any, where: str) -> Record:
    if not isinstance(row, dict):
        raise UserError(f"{where}: must be a JSON object, not {type(row).__name__}")
    return where, row

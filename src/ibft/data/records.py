"""Rows of a JSON Lines, JSON or Parquet file, each with its place, so that a bad row can be named."""

import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ibft.errors import UserError

Record = tuple[str, dict[str, Any]]
"""Where a row stands (`file:line`, or `file: row 3`) and the row."""


def read_records(path: Path) -> list[Record]:
    """The rows of `path`, by its suffix: .jsonl, .json (one list of objects) or .parquet, also followed by .gz.

    Raises:
        UserError: the file is absent, of another kind, or not well-formed; with its line where it has lines.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None
    return parse_records(content, str(path))


def parse_records(content: bytes, name: str) -> list[Record]:
    """`read_records` of a file called `name` that has this content."""
    kind = Path(name.removesuffix(".gz")).suffix
    if name.endswith(".gz"):
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError) as error:
            raise UserError(f"{name} is not a whole gzip file: {error}") from None
    if kind == ".parquet":
        return list(_parquet(content, name))
    if kind == ".jsonl":
        return list(_json_lines(_text(content, name), name))
    if kind == ".json":
        return list(_json_list(_text(content, name), name))
    raise UserError(f"{name}: the suffix {kind!r} is unknown; valid are .jsonl, .json and .parquet")


def text_field(record: Record, key: str) -> str:
    """The string under `key`.

    Raises:
        UserError: it is absent or not a string.
    """
    where, row = record
    if key not in row:
        raise UserError(f"{where}: {key!r} is missing; this row has {', '.join(sorted(row)) or 'no keys'}")
    if not isinstance(row[key], str):
        raise UserError(f"{where}: {key!r} must be a string, not {type(row[key]).__name__}")
    return storable(row[key])


def storable(text: str) -> str:
    """`text` with U+FFFD for half a surrogate pair, which JSON can spell and no file can hold."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _text(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UserError(f"{name}:{line}: not UTF-8 text") from None


def _json_lines(text: str, name: str) -> Iterator[Record]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise UserError(f"{name}:{number}: not JSON: {error.msg}") from None
        yield _checked(row, f"{name}:{number}")


def _json_list(text: str, name: str) -> Iterator[Record]:
    try:
        rows = json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(f"{name}:{error.lineno}: not JSON: {error.msg}") from None
    if not isinstance(rows, list):
        raise UserError(f"{name} must hold one list of objects, not {type(rows).__name__}")
    for number, row in enumerate(rows, start=1):
        yield _checked(row, f"{name}: row {number}")


def _parquet(content: bytes, name: str) -> Iterator[Record]:
    try:
        rows = pq.read_table(io.BytesIO(content)).to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{name} cannot be read as Parquet: {error}") from None
    for number, row in enumerate(rows, start=1):
        yield f"{name}: row {number}", row


def _checked(row: Any, where: str) -> Record:
    if not isinstance(row, dict):
        raise UserError(f"{where}: must be a JSON object, not {type(row).__name__}")
    return where, row

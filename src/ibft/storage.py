"""Atomic files with a manifest beside them: what a stage wrote is whole, or it is not there.

Every output is written under a temporary name in the same folder, flushed to the disk, renamed, and described by
`<file>.manifest.json` (a directory: `manifest.json` inside it, written last). Readers check the manifest first, so a
truncated or swapped file is named before it is used.
"""

import hashlib
import importlib.metadata
import json
import os
import shlex
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ibft.errors import UserError
from ibft.tables import Table

_ROW_GROUP = 65_536  # rows that a reader of windows has to hold in compressed form at a time
_VERSIONED = ("ibft", "torch", "transformers", "peft", "pandas", "pyarrow", "snakemake")


@contextmanager
def atomic(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary neighbour of `path`; on success flush it and rename it to `path`, on failure remove it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).chmod(0o666 & ~_umask())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_bytes(path: Path, content: bytes) -> None:
    with atomic(path) as stream:
        stream.write(content)


@dataclass
class TableWriter:
    """An open table, and how many rows it has so far."""

    table: Table
    file: pq.ParquetWriter
    rows: int = 0

    def append(self, rows: pd.DataFrame | list[dict[str, Any]]) -> None:
        """Add rows, their columns in the schema's order and types.

        Raises:
            ValueError: a column is missing, unknown, null where it must not be, or not of the schema's type.
        """
        arrow = _to_arrow(self.table, rows)
        self.file.write_table(arrow, row_group_size=_ROW_GROUP)
        self.rows += arrow.num_rows


@contextmanager
def table_writer(path: Path, table: Table, **facts: Any) -> Iterator[TableWriter]:
    """Write `table` to `path` frame by frame, and `facts` to its manifest: for tables that need not fit into memory."""
    metadata = {"ibft.table": table.name, "ibft.version": str(table.version)}
    schema = table.schema.with_metadata(metadata)
    with atomic(path) as stream, pq.ParquetWriter(stream, schema, compression="zstd") as file:
        writer = TableWriter(table, file)
        yield writer
    write_manifest(path, table=table.name, schema_version=table.version, rows=writer.rows, **facts)


def write_table(path: Path, table: Table, rows: pd.DataFrame | list[dict[str, Any]], **facts: Any) -> None:
    """Write `rows` as `table` to `path`, with its manifest.

    Row order is the caller's. `facts` (times, memory) go to the manifest, so that the Parquet of two equal runs is
    equal byte for byte.

    Raises:
        ValueError: as `TableWriter.append`.
    """
    with table_writer(path, table, **facts) as writer:
        writer.append(rows)


def read_table(path: Path, table: Table, columns: list[str] | None = None) -> pd.DataFrame:
    """Read `path` (all columns, or only `columns`): it must hold `table` in this version and match its manifest.

    Raises:
        UserError: the file is absent, damaged, or of another table or version; the sentence says which.
    """
    _check_table(path, table)
    frame: pd.DataFrame = pq.read_table(path, columns=columns).to_pandas()
    return frame


def read_windows(path: Path, table: Table, rows: int) -> Iterator[pd.DataFrame]:
    """`read_table` in frames of at most `rows` consecutive rows, for tables that need not fit into memory.

    The file is checked before this returns.
    """
    _check_table(path, table)
    return _windows(path, rows)


def count_rows(path: Path) -> int:
    """Rows of a Parquet file, from its footer."""
    rows: int = pq.read_metadata(path).num_rows
    return rows


def _windows(path: Path, rows: int) -> Iterator[pd.DataFrame]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=rows):
            yield batch.to_pandas()


def _check_table(path: Path, table: Table) -> None:
    verify(path)
    metadata = pq.read_schema(path).metadata or {}
    found = (metadata.get(b"ibft.table", b"?").decode(), metadata.get(b"ibft.version", b"?").decode())
    if found != (table.name, str(table.version)):
        raise UserError(
            f"{path} holds table {found[0]} version {found[1]}, not {table.name} version {table.version}: "
            "delete it and rerun Snakemake, which rebuilds it"
        )


def write_manifest(path: Path, **facts: Any) -> None:
    """Describe the finished file `path` in `<path>.manifest.json`, or the finished folder in `<path>/manifest.json`."""
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file() and file != manifest_path(path))
        digests: Any = {str(file.relative_to(path)): sha256(file) for file in files}
    else:
        digests = sha256(path)
    manifest = {
        "sha256": digests,
        "command": shlex.join(sys.argv),
        "python": sys.version.split()[0],
        "versions": {name: _version(name) for name in _VERSIONED},
        **facts,
    }
    write_bytes(manifest_path(path), json.dumps(manifest, indent=2, sort_keys=True).encode() + b"\n")


def read_manifest(path: Path) -> dict[str, Any]:
    """The manifest of a file or folder, unverified."""
    found: dict[str, Any] = json.loads(manifest_path(path).read_text())
    return found


def verify(path: Path) -> None:
    """Raise `UserError` unless `path` is there and has the content that its manifest records."""
    remedy = "delete it and rerun Snakemake, which rebuilds it"
    if not path.exists():
        raise UserError(f"{path} is missing: rerun Snakemake, which builds it")
    if not manifest_path(path).exists():
        raise UserError(f"{path} has no manifest beside it, so it may be half-written: {remedy}")
    recorded = read_manifest(path)["sha256"]
    expected = {path: recorded} if isinstance(recorded, str) else {path / name: d for name, d in recorded.items()}
    for file, digest in expected.items():
        if not file.is_file():
            raise UserError(f"{file} is missing: {remedy}")
        if sha256(file) != digest:
            raise UserError(f"{file} is damaged (its content differs from its manifest): {remedy}")


def manifest_path(path: Path) -> Path:
    return path / "manifest.json" if path.is_dir() else path.with_name(f"{path.name}.manifest.json")


def sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _to_arrow(table: Table, rows: pd.DataFrame | list[dict[str, Any]]) -> pa.Table:
    frame = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(rows, columns=table.schema.names)
    difference = set(frame.columns) ^ set(table.schema.names)
    if difference:
        raise ValueError(f"table {table.name}: missing or unknown columns {sorted(difference)}")
    return pa.Table.from_pandas(frame[table.schema.names], schema=table.schema, preserve_index=False)


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask

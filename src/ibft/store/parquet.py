"""Parquet tables on disk: written whole with a manifest beside them, and verified before they are read."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ibft.runtime.errors import UserError
from ibft.store.files import atomic
from ibft.store.manifests import REMEDY, verify, write_manifest
from ibft.store.schemas import Table

_ROW_GROUP = 65_536  # rows that a reader of windows has to hold in compressed form at a time


@dataclass
class TableWriter:
    """An open table, how many rows it has so far, and what its manifest will say besides."""

    table: Table
    file: pq.ParquetWriter
    facts: dict[str, Any] = field(default_factory=dict)
    rows: int = 0

    def append(self, rows: pd.DataFrame | list[dict[str, Any]]) -> None:
        """Add rows, their columns in the schema's order and types; columns that may be null can be left out.

        Raises:
            ValueError: another column is missing, unknown, null where it must not be, or not of the schema's type.
        """
        arrow = _to_arrow(self.table, rows)
        self.file.write_table(arrow, row_group_size=_ROW_GROUP)
        self.rows += arrow.num_rows


@contextmanager
def table_writer(path: Path, table: Table, **facts: Any) -> Iterator[TableWriter]:
    """Write `table` to `path` frame by frame: for tables that need not fit into memory.

    `facts` go to the manifest, with those that the writer has got until the block is left.
    """
    metadata = {"ibft.table": table.name, "ibft.version": str(table.version)}
    schema = table.schema.with_metadata(metadata)
    with atomic(path) as stream, pq.ParquetWriter(stream, schema, compression="zstd") as file:
        writer = TableWriter(table, file, facts)
        yield writer
    write_manifest(path, table=table.name, schema_version=table.version, rows=writer.rows, **writer.facts)


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
    check_table(path, table)
    frame: pd.DataFrame = pq.read_table(path, columns=columns).to_pandas()
    return frame


def read_windows(path: Path, table: Table, rows: int) -> Iterator[pd.DataFrame]:
    """Read frames of at most `rows` consecutive rows, for tables that need not fit into memory; see `read_table`.

    The file is checked before this returns.
    """
    check_table(path, table)
    return _windows(path, rows)


def count_rows(path: Path) -> int:
    """Count the rows of a Parquet file, from its footer."""
    rows: int = pq.read_metadata(path).num_rows
    return rows


def _windows(path: Path, rows: int) -> Iterator[pd.DataFrame]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=rows):
            yield batch.to_pandas()


def check_table(path: Path, table: Table, results: Path | None = None) -> None:
    """Raise `UserError` unless `path` holds `table` in this version and passes `ibft.store.manifests.verify`."""
    verify(path, results)
    metadata = pq.read_schema(path).metadata or {}
    found = (metadata.get(b"ibft.table", b"?").decode(), metadata.get(b"ibft.version", b"?").decode())
    if found != (table.name, str(table.version)):
        raise UserError(
            f"{path} holds table {found[0]} version {found[1]}, not {table.name} version {table.version}: {REMEDY}"
        )


def _to_arrow(table: Table, rows: pd.DataFrame | list[dict[str, Any]]) -> pa.Table:
    frame = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(rows, columns=table.schema.names)
    left_out = {field.name for field in table.schema if field.nullable} - set(frame.columns)
    frame = frame.assign(**dict.fromkeys(left_out))
    difference = set(frame.columns) ^ set(table.schema.names)
    if difference:
        raise ValueError(f"table {table.name}: missing or unknown columns {sorted(difference)}")
    return pa.Table.from_pandas(frame[table.schema.names], schema=table.schema, preserve_index=False)

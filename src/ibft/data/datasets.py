"""Fine-tuning data of any source as one table of examples.

A generator returns its examples in an order of which every prefix is a fair draw. From a file or the hub, a seeded draw
is taken and kept in the source's order.
"""

import logging
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from ibft.config.sections import Dataset
from ibft.data.builtin import fictitious_authors, python_stdlib
from ibft.data.builtin.draw import positions, stream
from ibft.data.builtin.rtl import generator as rtl
from ibft.data.hub_datasets import load_rows
from ibft.data.records import Record, columns_of, read_records, storable
from ibft.data.rounds import part_of
from ibft.runtime.errors import UserError
from ibft.store.schemas import EXAMPLES

logger = logging.getLogger(__name__)

GENERATORS: dict[str, Callable[[int], pd.DataFrame]] = {
    "python-stdlib": python_stdlib.generate,
    "rtl": rtl.generate,
    "fictitious-authors": fictitious_authors.generate,
}


def prepare_dataset(dataset: Dataset) -> pd.DataFrame:
    """Return the examples that `dataset` asks for, with the columns of `ibft.store.schemas.EXAMPLES`.

    Raises:
        UserError: the source cannot be read, a row is malformed, or there are fewer examples than asked for.
    """
    kind, _, place = dataset.source.partition(":")
    if kind == "generated":
        if place not in GENERATORS:
            raise UserError(f"unknown generator {place!r}; valid are {', '.join(GENERATORS)}")
        examples = usable(GENERATORS[place](dataset.seed).assign(language=dataset.language))
        return _enough(part_of(examples, dataset), dataset).head(dataset.examples or len(examples))
    if kind == "path":
        records = read_records(Path(place))
    else:
        rows = load_rows(place, dataset)
        records = [(f"{place}: row {number}", row) for number, row in enumerate(rows, start=1)]
    examples = _enough(usable(_examples(records, place, dataset)), dataset)
    if dataset.examples is None:
        return examples
    drawn = positions(dataset.examples, len(examples), stream("examples", dataset.seed))
    return examples.iloc[drawn].reset_index(drop=True)


def usable(examples: pd.DataFrame) -> pd.DataFrame:
    """`examples` without those whose instruction or response is blank, and without repetitions of an earlier pair."""
    blank = (examples["instruction"].str.strip() == "") | (examples["response"].str.strip() == "")
    repeated = examples.duplicated(["instruction", "response"]) & ~blank
    if blank.any() or repeated.any():
        logger.info("dropped %d empty and %d repeated examples of %d", blank.sum(), repeated.sum(), len(examples))
    return examples[~blank & ~repeated].reset_index(drop=True)


def _enough(examples: pd.DataFrame, dataset: Dataset) -> pd.DataFrame:
    if examples.empty:
        raise UserError(f"{dataset.source} holds no usable example: every row is empty")
    if dataset.examples and dataset.examples > len(examples):
        raise UserError(
            f"{dataset.source} holds {len(examples)} usable examples, fewer than `examples: {dataset.examples}`: "
            "ask for at most so many, or leave the key out"
        )
    return examples


def _examples(records: list[Record], place: str, dataset: Dataset) -> pd.DataFrame:
    """One example per row; its id counts the rows of the source, so it does not depend on what is dropped or drawn."""
    prefix = Path(place).name.split(".")[0]
    rows = [
        {
            "example_id": f"{prefix}-{number:06d}",
            "instruction": _cell(record, dataset.instruction),
            "response": _cell(record, dataset.response),
            "language": dataset.language,
            "source": f"{place}#{number}",
        }
        for number, record in enumerate(records)
    ]
    return pd.DataFrame(rows, columns=EXAMPLES.schema.names).astype("str")


def _cell(record: Record, column: str) -> str:
    """Return the text of one column; null counts as empty."""
    where, row = record
    if column not in row:
        raise UserError(f"{where}: there is no column {column!r}; it has {columns_of(row)}")
    if not isinstance(row[column], str | None):
        raise UserError(f"{where}: {column!r} must be a string, not {type(row[column]).__name__}")
    return storable(row[column] or "")

"""Fine-tuning data of any source as one table of examples.

A generator returns its examples in an order of which every prefix is a fair draw. From files or the hub, a seeded draw
is taken and kept in the source's order. A mixture is put together from other datasets by their weights.
"""

import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from ibft.config.sections import Dataset
from ibft.data.builtin import fictitious_authors, python_functions, python_stdlib
from ibft.data.builtin.draw import positions, stream
from ibft.data.builtin.rtl import generator as rtl
from ibft.data.conversations import example_of
from ibft.data.folders import files_of
from ibft.data.hub_datasets import load_rows
from ibft.data.records import FORMS, Record, stream_records
from ibft.data.rounds import part_of
from ibft.data.shapes import columns_in, shape_of
from ibft.runtime.errors import UserError
from ibft.store.schemas import EXAMPLES

logger = logging.getLogger(__name__)

GENERATORS: dict[str, Callable[[int], pd.DataFrame]] = {
    "python-stdlib": python_stdlib.generate,
    "python-functions": python_functions.generate,
    "rtl": rtl.generate,
    "fictitious-authors": fictitious_authors.generate,
}


class Prepared(NamedTuple):
    """Table EXAMPLES, and what its manifest says besides: the format, and which columns were not read."""

    examples: pd.DataFrame
    facts: dict[str, Any]


def prepare_dataset(dataset: Dataset) -> pd.DataFrame:
    """Return the examples that `dataset` asks for; see `read_dataset`."""
    return read_dataset(dataset).examples


def read_dataset(dataset: Dataset) -> Prepared:
    """Return the examples that `dataset` asks for, with the columns of `ibft.store.schemas.EXAMPLES`.

    Raises:
        UserError: the source cannot be read, a row is malformed, or there are fewer examples than asked for.
    """
    if dataset.mixture:
        return _mixed(dataset)
    kind, _, place = dataset.source.partition(":")
    if kind == "generated":
        if place not in GENERATORS:
            raise UserError(f"unknown generator {place!r}; valid are {', '.join(GENERATORS)}")
        generated = GENERATORS[place](dataset.seed).assign(language=dataset.language, history=None)
        examples = _enough(part_of(usable(generated[EXAMPLES.schema.names]), dataset), dataset)
        return Prepared(examples.head(dataset.examples or len(examples)), {})
    read = _from_files(place, dataset) if kind == "path" else _from_hub(place, dataset)
    examples = _enough(usable(read.examples), dataset)
    if dataset.examples is not None:
        drawn = positions(dataset.examples, len(examples), stream("examples", dataset.seed))
        examples = examples.iloc[drawn].reset_index(drop=True)
    return Prepared(examples, read.facts)


def usable(examples: pd.DataFrame) -> pd.DataFrame:
    """`examples` without those whose instruction or response is blank, and without repetitions of an earlier one."""
    blank = (examples["instruction"].str.strip() == "") | (examples["response"].str.strip() == "")
    repeated = examples.duplicated(["history", "instruction", "response"]) & ~blank
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


def _mixed(dataset: Dataset) -> Prepared:
    """Draw from every part its share of the examples, none twice; null `examples` takes the most that shares allow."""
    parts = {name: read_dataset(part) for name, part in dataset.parts.items()}
    whole = sum(dataset.mixture.values())
    shares = {name: weight / whole for name, weight in dataset.mixture.items()}
    sizes = {name: len(part.examples) for name, part in parts.items()}
    total = dataset.examples or min(int(sizes[name] / share + 1e-9) for name, share in shares.items())
    drawn = []
    for name, count in _apportioned(shares, total).items():
        if count > sizes[name]:
            raise UserError(
                f"dataset {name} has {sizes[name]} examples, and its share of `examples: {total}` is {count}: "
                "lower `examples`, its weight in `mixture`, or leave `examples` out"
            )
        kept = positions(count, sizes[name], stream("mixture", name, dataset.seed))
        chosen = parts[name].examples.iloc[kept]
        drawn.append(chosen.assign(example_id=f"{name}/" + chosen["example_id"]))
    facts = {"mixture": {name: len(rows) for name, rows in zip(shares, drawn, strict=True)}}
    logger.info("mixed %s", ", ".join(f"{count} of {name}" for name, count in facts["mixture"].items()))
    of_parts = {
        name: {"source": part.source, "revision": part.revision, **parts[name].facts}
        for name, part in dataset.parts.items()
    }
    return Prepared(pd.concat(drawn, ignore_index=True), {**facts, "parts": of_parts})


def _apportioned(shares: dict[str, float], total: int) -> dict[str, int]:
    """Share out `total` in whole numbers, those with the largest remainders first."""
    counts = {name: int(share * total) for name, share in shares.items()}
    by_remainder = sorted(shares, key=lambda name: counts[name] - shares[name] * total)
    for name in by_remainder[: total - sum(counts.values())]:
        counts[name] += 1
    return counts


def _from_files(place: str, dataset: Dataset) -> Prepared:
    files = files_of(place, FORMS)
    single = len(files) == 1 and files[0] == Path(place)
    prefix = Path(place).name.split(".")[0] if single else Path(place.split("*", maxsplit=1)[0]).name or "rows"
    records = ((str(file), record) for file in files for record in stream_records(file))
    return _examples(records, prefix, dataset)


def _from_hub(name: str, dataset: Dataset) -> Prepared:
    rows = enumerate(load_rows(name, dataset), start=1)
    records = ((name, (f"{name}: row {number}", row)) for number, row in rows)
    return _examples(records, Path(name).name.split(".")[0], dataset)


def _examples(records: Iterable[tuple[str, Record]], prefix: str, dataset: Dataset) -> Prepared:
    """One example per row; its id counts the rows of the source, so it does not depend on what is dropped or drawn."""
    rows: list[tuple[str | None, ...]] = []
    format_name, shape, unread, unanswered = "", None, set[str](), 0
    for number, (place, record) in enumerate(records):
        if shape is None:
            format_name, shape = shape_of(record, dataset)
        columns = columns_in(record, format_name, shape)
        unread |= set(record[1]) - set(columns.values())
        example = example_of(shape.read(record, columns), record[0])
        unanswered += example.unanswered
        example_id, source = f"{prefix}-{number:06d}", f"{place}#{number}"
        rows.append((example_id, example.instruction, example.response, dataset.language, source, example.history))
    logger.info("read %d rows of format %s from %s", len(rows), format_name or "unknown", dataset.source)
    if unread:
        logger.warning("columns that are not read: %s", ", ".join(sorted(unread)))
    if unanswered:
        logger.warning("left out %d messages of conversations to which no answer belongs", unanswered)
    facts = {"read_as": format_name, "columns_not_read": sorted(unread), "messages_left_out": unanswered}
    frame = pd.DataFrame(rows, columns=EXAMPLES.schema.names)
    return Prepared(frame.astype({"instruction": "str", "response": "str"}), facts)

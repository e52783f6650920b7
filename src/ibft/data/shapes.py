"""The shapes of fine-tuning data: which columns hold a conversation, and how they are read.

A new shape needs an entry in SHAPES, its name in `ibft.config.sections.Shape` and a test. Whatever file the rows come
from (`ibft.data.records`), equal conversations give equal examples.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ibft.config.sections import Dataset
from ibft.data.conversations import ROLES, Message
from ibft.data.records import Record, columns_of, storable
from ibft.runtime.errors import UserError

Columns = Mapping[str, str]
"""The column that holds each part of an example, such as {"question": "instruction", "answer": "output"}."""


@dataclass(frozen=True)
class Shape:
    """Names of columns by part, the first that is there counts. `needs` must all be there; `may_have` may be absent."""

    read: Callable[[Record, Columns], Iterator[Message]]
    needs: dict[str, tuple[str, ...]]
    may_have: dict[str, tuple[str, ...]]

    def columns(self, row: Mapping[str, Any]) -> dict[str, str] | None:
        """Return the columns of `row` that this shape reads; None where it is of another shape."""
        found = {
            part: next((name for name in names if name in row), None)
            for part, names in {**self.needs, **self.may_have}.items()
        }
        if any(found[part] is None for part in self.needs):
            return None
        return {part: name for part, name in found.items() if name is not None}


def _pair(record: Record, columns: Columns) -> Iterator[Message]:
    """Read a question, perhaps with an input below it, and its answer; either may be a list of messages instead."""
    if "system" in columns and (system := text_of(record, columns["system"])):
        yield Message("system", system)
    for question, answer in record[1].get(columns.get("history", "")) or ():
        yield Message("user", storable(question))
        yield Message("assistant", storable(answer))
    for part, role in (("question", "user"), ("answer", "assistant")):
        column = columns[part]
        value = record[1].get(column)
        if isinstance(value, list) and value and isinstance(value[0], dict):
            yield from _messages(record, {"messages": column})
            continue
        told = [text_of(record, column)]
        if part == "question" and "input" in columns:
            told.append(text_of(record, columns["input"]))
        yield Message(role, "\n".join(text for text in told if text.strip()) or told[0])


def _messages(record: Record, columns: Columns) -> Iterator[Message]:
    """Read a list of messages, each with role and content, or from and value."""
    where, row = record
    if "system" in columns and (system := text_of(record, columns["system"])):
        yield Message("system", system)
    column = columns["messages"]
    for number, message in enumerate(_list_of(row[column], column, where), start=1):
        place = f"{where}: message {number} of {column!r}"
        if not isinstance(message, dict):
            raise UserError(f"{place} must be an object with role and content, not {type(message).__name__}")
        role = message.get("role", message.get("from"))
        if role not in ROLES:
            raise UserError(f"{place} has the role {role!r}, which nobody learns from; valid are {', '.join(ROLES)}")
        yield Message(ROLES[role], _content(message.get("content", message.get("value")), place))


def _list_of(value: Any, column: str, where: str) -> list[Any]:
    """Return a list of messages, which CSV holds as JSON."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise UserError(f"{where}: {column!r} must be a list of messages, or JSON of one") from None
    if not isinstance(value, list):
        raise UserError(f"{where}: {column!r} must be a list of messages, not {type(value).__name__}")
    return value


def _content(content: Any, place: str) -> str:
    """Return the text of a message, which some write as a list of parts."""
    parts = content if isinstance(content, list) else []
    texts = [part.get("text") if isinstance(part, dict) else None for part in parts]
    if texts and all(isinstance(text, str) for text in texts):
        return storable("\n".join(map(str, texts)))
    if isinstance(content, str):
        return storable(content)
    raise UserError(f"{place} has no text: it needs a string under content or value, found {type(content).__name__}")


SHAPES: dict[str, Shape] = {
    "alpaca": Shape(
        _pair,
        needs={"question": ("instruction",), "answer": ("output", "response")},
        may_have={"input": ("input", "context"), "system": ("system",), "history": ("history",)},
    ),
    "messages": Shape(_messages, needs={"messages": ("messages",)}, may_have={"system": ("system",)}),
    "sharegpt": Shape(_messages, needs={"messages": ("conversations",)}, may_have={"system": ("system",)}),
    "prompt-completion": Shape(
        _pair, needs={"question": ("prompt",), "answer": ("completion",)}, may_have={"system": ("system",)}
    ),
}


def shape_of(record: Record, dataset: Dataset) -> tuple[str, Shape]:
    """Return the name and shape of a data set whose first row is `record`.

    Raises:
        UserError: the row has the columns of none, or of several.
    """
    where, row = record
    named = {name: getattr(dataset, name) for name in ("instruction", "response")}
    if dataset.format in (None, "columns") and (dataset.format or any(name != own for name, own in named.items())):
        needs: dict[str, tuple[str, ...]] = {"question": (dataset.instruction,), "answer": (dataset.response,)}
        return "columns", Shape(_pair, needs=needs, may_have={})
    fitting = [name for name, shape in SHAPES.items() if shape.columns(row) is not None]
    wanted = [dataset.format] if dataset.format else fitting
    if len(wanted) > 1:
        raise UserError(f"{where}: the columns fit {' and '.join(wanted)}: say which in `format`")
    if not wanted or wanted[0] not in fitting:
        raise UserError(
            f"{where}: {f'not of format {dataset.format}' if dataset.format else 'of no known format'}; it has "
            f"{columns_of(row)}: name two columns in `instruction` and `response`, or write one of {_listed()}"
        )
    return wanted[0], SHAPES[wanted[0]]


def columns_in(record: Record, name: str, shape: Shape) -> dict[str, str]:
    """Return the columns that hold the parts of `record`.

    Raises:
        UserError: one is missing.
    """
    where, row = record
    columns = shape.columns(row)
    if columns is None:
        missing = [" or ".join(map(repr, names)) for names in shape.needs.values() if not set(names) & set(row)]
        raise UserError(
            f"{where}: there is no column {' and no '.join(missing)}; it has {columns_of(row)}: "
            f"every row of format {name} needs one"
        )
    return columns


def text_of(record: Record, column: str) -> str:
    """Return the text of one column; null counts as empty."""
    where, row = record
    if not isinstance(row[column], str | None):
        raise UserError(f"{where}: {column!r} must be a string, not {type(row[column]).__name__}")
    return storable(row[column] or "")


def _listed() -> str:
    """Write every shape with the columns that it needs, for a sentence."""
    return ", ".join(
        f"{name} ({', '.join(names[0] for names in shape.needs.values())})" for name, shape in SHAPES.items()
    )

"""Commands are given their many files as KEY=PATH, and a figure the tables that the parameters of its `draw` name."""

import inspect
import re
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ibft.metrics.runs import read_runs, runs_of
from ibft.paths import Run, Variant
from ibft.runtime.errors import UserError
from ibft.store.parquet import read_table
from ibft.store.schemas import (
    ARMS,
    DETECTION,
    ESTIMANDS,
    GEOMETRY,
    GRADIENT_CORRELATIONS,
    GRADIENT_DECILES,
    HELD_OUT,
    MEMORIZATION,
    METRICS,
    PASS_COUNTS,
    ROC,
    TRAINING_LOG,
    VERDICTS,
    Table,
)

Inputs = Sequence[tuple[str, Path]]


def keyed_path(text: str) -> tuple[str, Path]:
    """Split `KEY=PATH` into a pair, for argparse. A path may hold further equals signs."""
    key, separator, path = text.partition("=")
    if not separator or not key or not path:
        raise ArgumentTypeError(f"{text!r} is not of the form KEY=PATH")
    return key, Path(path)


def arguments_of(
    draw: Callable[..., Any], inputs: Inputs, settings: Mapping[str, Any], **offered: Any
) -> dict[str, Any]:
    """Read the arguments that the function `draw` of a figure asks for by the names of its parameters.

    Args:
        inputs: the files that the tables among them are read from, by READERS.
        settings: keys of the section of the configuration that the parameter `settings` is of.
        offered: further arguments, for those functions that ask for them.

    Raises:
        UserError: an input is missing, repeated or damaged.
    """
    found: dict[str, Any] = {}
    for name, parameter in inspect.signature(draw).parameters.items():
        if name == "settings":
            found[name] = parameter.annotation.model_validate(settings)
        else:
            found[name] = offered[name] if name in offered else READERS[name](inputs)
    return found


def _one(key: str, table: Table) -> Callable[[Inputs], pd.DataFrame]:
    return lambda inputs: read_table(_only(inputs, key), table)


def _by_key(table: Table) -> Callable[[Inputs], Mapping[str, pd.DataFrame]]:
    return lambda inputs: {key: read_table(path, table) for key, path in inputs}


def _pass_counts(inputs: Inputs) -> pd.DataFrame:
    every = read_table(_only(inputs, "pass_counts"), PASS_COUNTS)
    return every[every["judged"]]


def _verdicts(inputs: Inputs) -> Iterator[tuple[Run, pd.DataFrame]]:
    runs = runs_of(_pass_counts(inputs))
    return read_runs(_only(inputs, "verdicts"), VERDICTS, runs, ["task_id", "status"])


def _by_variant(table: Table) -> Callable[[Inputs], Mapping[tuple[str, int], pd.DataFrame]]:
    return lambda inputs: {_variant(key): read_table(path, table) for key, path in inputs}


READERS: dict[str, Callable[[Inputs], Any]] = {  # `ibft.figures.catalogue.Input` says what each reads
    "metrics": _one("metrics", METRICS),
    "pass_counts": _pass_counts,
    "verdicts": _verdicts,
    "scores": _by_key(MEMORIZATION),
    "deciles": _one("deciles", GRADIENT_DECILES),
    "correlations": _one("correlations", GRADIENT_CORRELATIONS),
    "logs": _by_variant(TRAINING_LOG),
    "watched": _by_variant(TRAINING_LOG),
    "held_out": _by_variant(HELD_OUT),
    "searched": lambda inputs: {_whole_variant(key): read_table(path, HELD_OUT) for key, path in inputs},
    "pairs": _by_variant(GEOMETRY),
    "detection": _one("detection", DETECTION),
    "roc": _one("roc", ROC),
    "arms": _one("arms", ARMS),
    "estimands": _one("estimands", ESTIMANDS),
}


def _only(inputs: Inputs, key: str) -> Path:
    """Return the path of `key`, which must be given once.

    Raises:
        UserError: it is absent or repeated.
    """
    found = [path for name, path in inputs if name == key]
    if len(found) != 1:
        raise UserError(f"this figure needs the input {key}=PATH once, but it was given {len(found)} times")
    return found[0]


def _whole_variant(key: str) -> Variant:
    """Read MODEL/DATASET/METHOD/seedS."""
    model, dataset, rest = [*key.split("/", 2), "", ""][:3]
    return Variant(model, dataset, *_variant(rest))


def _variant(key: str) -> tuple[str, int]:
    """Split `METHOD/seedS` into method and seed."""
    match = re.fullmatch(r"([^/]+)/seed(-?\d+)", key)
    if match is None:
        raise UserError(f"the key {key!r} is not of the form METHOD/seedS")
    return match[1], int(match[2])

"""From YAML files to a checked configuration."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ibft.config.config import Config
from ibft.config.layers import deep_merge
from ibft.config.messages import sentences
from ibft.config.reading import read_yaml
from ibft.config.sweeps import expand_sweeps
from ibft.labels import ambiguous_labels
from ibft.runtime.errors import UserError
from ibft.visible import visible

_NEEDED_BY_TRACKS = {"models", "datasets", "benchmarks", "methods", "tracks", "memorization"}


def load(values: Mapping[str, Any]) -> Config:
    """Check `values` and return them typed.

    Raises:
        UserError: one line per wrong key, each with its path and what is valid there.
    """
    try:
        config = Config.model_validate(expand_sweeps(values))
        told = list(ambiguous_labels(config))
    except ValidationError as error:
        told = sentences(error, Config)
    if told:
        raise UserError("config: " + "\nconfig: ".join(visible(each) for each in told))
    return config


def is_complete(values: Mapping[str, Any]) -> bool:
    """Whether `values` stands alone as a configuration: it has all that tracks need, or none, by `tracks: {}`."""
    needed = {"benchmarks", "tracks"} if values.get("tracks") == {} else _NEEDED_BY_TRACKS
    return needed <= set(values)


def load_file(path: Path) -> Config:
    """`load` a YAML file."""
    return load(read_yaml(path))


def load_layers(paths: Sequence[Path], default: Path) -> Config:
    """`load` YAML files laid over each other, and over `default` unless they are complete: as the Snakefile does."""
    values: dict[str, Any] = {}
    for path in paths:
        values = deep_merge(values, read_yaml(path))
    return load(values if is_complete(values) else deep_merge(read_yaml(default), values))

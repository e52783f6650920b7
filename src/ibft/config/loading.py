"""From YAML files to a checked configuration."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from ibft.config.configuration import Config
from ibft.config.layers import deep_merge
from ibft.config.sentences import sentences
from ibft.config.sweeps import expand_sweeps
from ibft.errors import UserError

_NEEDED_BY_TRACKS = {"models", "datasets", "benchmarks", "methods", "tracks", "memorization"}


def load(values: Mapping[str, Any]) -> Config:
    """Check `values` and return them typed.

    Raises:
        UserError: one line per wrong key, each with its path and what is valid there.
    """
    try:
        return Config.model_validate(expand_sweeps(values))
    except ValidationError as error:
        raise UserError("config: " + "\nconfig: ".join(sentences(error, Config))) from None


def is_complete(values: Mapping[str, Any]) -> bool:
    """Whether `values` stands alone as a configuration: it has all that tracks need, or none, by `tracks: {}`."""
    needed = {"benchmarks", "tracks"} if values.get("tracks") == {} else _NEEDED_BY_TRACKS
    return needed <= set(values)


def load_file(path: Path) -> Config:
    """`load` a YAML file, read with the safe loader."""
    return load(_read(path))


def load_layers(paths: Sequence[Path], default: Path) -> Config:
    """`load` YAML files laid over each other, and over `default` unless they are complete: as the Snakefile does."""
    values: dict[str, Any] = {}
    for path in paths:
        values = deep_merge(values, _read(path))
    return load(values if is_complete(values) else deep_merge(_read(default), values))


def _read(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"config: {path} cannot be read as YAML: {error}") from None
    if not isinstance(values, dict):
        raise UserError(f"config: {path} must hold a mapping of sections, such as `models:` and `tracks:`")
    return values

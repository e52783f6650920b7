"""From YAML files to a checked configuration.

What YAML lets pass in silence, or reads as something else than people mean, is refused by key.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from ibft.config.config import Config
from ibft.config.messages import sentences
from ibft.config.section import deep_merge
from ibft.config.sweeps import expand_sweeps
from ibft.labels import ambiguous_labels
from ibft.runtime.errors import UserError
from ibft.store.files import why_unreadable
from ibft.visible import LINES, visible

_NEEDED_BY_EXPERIMENTS = {"models", "datasets", "benchmarks", "methods", "experiments", "memorization"}


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
    """Return true if `values` stands alone: with all that experiments need, or with none (`experiments: {}`)."""
    needed = {"benchmarks", "experiments"} if values.get("experiments") == {} else _NEEDED_BY_EXPERIMENTS
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


_MOST_VALUES = 100_000  # references counted as often as they stand, so that a few lines cannot stand for billions
_TEMPLATE = "__use_yte__"  # Snakemake then runs the Python that stands in values
_INT, _FLOAT = "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"
_OCTAL = re.compile(r"[-+]?0[0-9_]+")
_BASE_60 = re.compile(r"[-+]?[0-9_]+(:[0-9_.]+)+")


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping that a YAML file holds, read with the safe loader.

    Raises:
        UserError: it is no mapping, cannot be read, or `faults` finds something; one line each.
    """
    reason = why_unreadable(path)
    if reason:
        raise UserError(f"config: {path} cannot be read: {reason}")
    try:
        text = path.read_text(encoding="utf-8-sig")
        node = yaml.compose(text, yaml.SafeLoader)
        found = list(faults(node, path)) if node else []
        if found:
            raise UserError("config: " + "\nconfig: ".join(found))
        values = yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"config: {path} cannot be read as YAML: {visible(str(error), keep=LINES)}") from None
    except RecursionError:
        raise UserError(f"config: {path} is nested too deeply to be read") from None
    except ValueError as error:  # a date that no calendar has, a number of thousands of digits
        raise UserError(f"config: {path} holds a value that cannot be read: {error}") from None
    if not isinstance(values, dict):
        raise UserError(f"config: {path} must hold a mapping of sections, such as `models:` and `experiments:`")
    if _TEMPLATE in values:
        raise UserError(f"config: {path}: {_TEMPLATE} makes a program of this file: remove it and write values only")
    return values


def faults(root: yaml.Node, path: Path) -> Iterator[str]:
    """One sentence for each key that stands twice, number that is not what it looks like, and value inside itself."""
    count = 0
    waiting: list[tuple[yaml.Node, str, tuple[yaml.Node, ...]]] = [(root, "", ())]
    while waiting:
        node, key, above = waiting.pop()
        count += 1
        if count > _MOST_VALUES:
            yield f"{path} holds more than {_MOST_VALUES} values, those of references counted each time"
            return
        place = f"{path}:{node.start_mark.line + 1}: {visible(key)}"
        if any(node is other for other in above):
            yield f"{place}: refers to itself"
        elif isinstance(node, yaml.ScalarNode):
            yield from _misread(node, place)
        else:
            yield from _repeated(node, place)
            waiting += [(child, f"{key}{'.' if key else ''}{name}", (*above, node)) for name, child in _parts(node)]


def _parts(node: yaml.Node) -> list[tuple[str, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        return [(str(name.value), value) for name, value in node.value]
    return [(str(position), value) for position, value in enumerate(node.value)]


def _repeated(node: yaml.Node, place: str) -> Iterator[str]:
    names = [name for name, _ in node.value] if isinstance(node, yaml.MappingNode) else []
    seen: set[str] = set()
    for name in names:
        if isinstance(name, yaml.ScalarNode) and name.value in seen:
            line = name.start_mark.line + 1
            yield f"{place}{'.' if place[-1] != ' ' else ''}{visible(name.value)}: stands twice, again in line {line}"
        seen.add(str(name.value))


def _misread(node: yaml.ScalarNode, place: str) -> Iterator[str]:
    if node.style is None and node.tag == _INT and _OCTAL.fullmatch(node.value):
        yield f"{place}: {node.value} is octal in YAML; write the number without the 0 before it, or a text in quotes"
    if node.style is None and node.tag in (_INT, _FLOAT) and _BASE_60.fullmatch(node.value):
        yield f"{place}: {node.value} is a number to the base of 60 in YAML; write it as a decimal, or a text in quotes"

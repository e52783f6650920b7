"""Write the page of every key of the configuration, from the JSON schema that editors read."""

import json
import re
from collections.abc import Iterator
from typing import Any

from ibft.config.config import Config
from ibft.config.section import LARGEST

Schema = dict[str, Any]
_NAMED = "patternProperties"
_INTRODUCTION = """# Configuration

Every key, its valid values, its default and its meaning. `NAME` stands for a name of your own. A file is laid over
`config/config.yaml` unless it has all required sections. A key that is not listed here is refused, before anything
starts, as is a value that is not valid; editors check both by `workflow/schemas/config.schema.json`.
"""


def page() -> str:
    """Return the page in Markdown: the sections in the order of config files, nested ones after the one they are in."""
    schema = Config.model_json_schema()
    return "\n".join([_INTRODUCTION, *_sections("", schema, schema["$defs"], ())])


def _sections(place: str, section: Schema, definitions: dict[str, Schema], above: tuple[str, ...]) -> Iterator[str]:
    """Yield the heading, the meaning and the table of a section, then those of the sections inside it."""
    inner = {key: _reference(value) for key, value in section["properties"].items()}
    keys = {key: value for key, value in section["properties"].items() if not inner[key]}
    if place:
        yield f"{'#' * min(2 + place.replace('.NAME', '').count('.'), 4)} {place}\n"
        yield _sentence(section.get("description", ""))
    elif keys:
        yield "## Top level\n"
    if keys:
        required = section.get("required", ())
        yield _table({_escaped(key): _row(value, key in required) for key, value in keys.items()})
    for key, name in inner.items():
        if name and name not in above:
            named = ".NAME" if _NAMED in section["properties"][key] else ""
            yield from _sections(f"{place}.{key}{named}".lstrip("."), definitions[name], definitions, (*above, name))


def _reference(value: Schema) -> str | None:
    """Return the definition that a key, its names or one of its alternatives refers to."""
    nested = [value, *value.get(_NAMED, {}).values(), *value.get("anyOf", ())]
    found = [part["$ref"].rpartition("/")[2] for part in nested if "$ref" in part]
    return found[0] if found else None


def _table(rows: dict[str, list[str]]) -> str:
    lines = ["| key | valid | default | meaning |", "|---|---|---|---|"]
    return "\n".join([*lines, *(f"| `{key}` | {' | '.join(cells)} |" for key, cells in rows.items())]) + "\n"


def _row(value: Schema, is_required: bool) -> list[str]:
    default = "required" if is_required else _code(value["default"]) if "default" in value else ""
    meaning = next((part["description"] for part in (value, *value.get("anyOf", ())) if "description" in part), "")
    return [_valid(value), default, _escaped(meaning)]


def _valid(value: Schema) -> str:
    """Say in words what a key may hold."""
    if "anyOf" in value:
        return " or ".join(_valid(part) for part in value["anyOf"])
    if choices := value.get("enum", [value["const"]] if "const" in value else []):
        return ", ".join(map(_code, choices))
    if _NAMED in value or isinstance(value.get("additionalProperties"), dict):
        (entry,) = value.get(_NAMED, {"": value.get("additionalProperties")}).values()
        return f"names, each: {_valid(entry)}"
    kind = value.get("type", "object")
    if kind == "array":
        entries = value.get("prefixItems", [value.get("items", {})])
        return "list of " + ", ".join(map(_valid, entries))
    word = {"integer": "whole number", "string": "text", "boolean": "`true`, `false`", "null": "`null`"}.get(kind, kind)
    return " ".join([{"object": "keys"}.get(word, word), *_bounds(value)])


def _bounds(value: Schema) -> Iterator[str]:
    words = {"exclusiveMinimum": "above", "minimum": "from", "maximum": "to", "exclusiveMaximum": "below"}
    for key, word in words.items():
        if key in value and value[key] != LARGEST:
            yield f"{word} {value[key]}"
    choices = re.fullmatch(r"\^\(+([\w|-]+)\):\.\+\)?\??\$", value.get("pattern", ""))
    if choices:
        yield "after " + ", ".join(f"`{choice}:`" for choice in choices[1].split("|"))


def _code(value: Any) -> str:
    return f"`{_escaped(value if isinstance(value, str) and value else json.dumps(value))}`"


def _escaped(text: str) -> str:
    """Keep a cell of a table one cell."""
    return " ".join(text.split()).replace("|", "\\|")


def _sentence(text: str) -> str:
    return " ".join(text.split()) + "\n" if text else ""

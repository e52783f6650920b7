"""Snakemake's reasons for running a job, in words."""

import json
import re
from collections.abc import Iterator
from typing import Any

_DIGEST = re.compile(r"\b[0-9a-f]{16}\b")  # of `ibft.store.code_digest`, the parameter `code` of every rule
_LONGEST = 80  # characters of a value that is told; of others, such as all runs, only that they have changed
_SENTENCES = (  # the first that fits explains the rest
    ("Forced execution", "you forced it"),
    ("Incomplete output files", "an earlier run was killed in the middle of it"),
    ("Code has changed", "the rule's command has changed"),
    ("Software environment definition has changed", "its conda environment has changed"),
    ("Set of input files has changed", "it reads other files than before"),
    ("Missing output files", "not made yet"),
    ("Input files updated by another job", "what it reads is made again"),
    ("Updated input files", "what it reads is newer"),
)


def in_words(reason: str) -> str:
    """Snakemake's `reason` for one job as a short phrase; a reason without one is given back as it is."""
    _, changed, values = reason.partition("Params have changed since last execution: ")
    if changed:
        before, _, now = values.partition(" now: ")
        return ", ".join(_changes(before, now)) or "its parameters have changed"
    return next((words for start, words in _SENTENCES if start in reason), reason)


def _changes(before: str, now: str) -> Iterator[str]:
    if _DIGEST.search(before) and _DIGEST.search(now):
        yield "its code has changed"
    for old, new in zip(_objects(before), _objects(now), strict=False):
        yield from _differences(old, new)


def _differences(old: dict[str, Any], new: dict[str, Any], above: str = "") -> Iterator[str]:
    """Name the keys that differ, those of sections with dots; a section that is left out has no key set."""
    for key in sorted(set(old) | set(new)):
        was, now = old.get(key), new.get(key)
        if isinstance(was or now, dict) and isinstance(was or {}, dict) and isinstance(now or {}, dict):
            yield from _differences(was or {}, now or {}, f"{above}{key}.")
        elif was != now:
            texts = json.dumps(was), json.dumps(now)
            is_short = max(map(len, texts)) <= _LONGEST
            yield f"{above}{key} was {texts[0]} and is {texts[1]}" if is_short else f"{above}{key} has changed"


def _objects(text: str) -> list[dict[str, Any]]:
    """The JSON objects in `text`, those with the same keys in the same place of the order."""
    found, position = [], 0
    while (position := text.find("{", position)) >= 0:
        try:
            value, position = json.JSONDecoder().raw_decode(text, position)
        except json.JSONDecodeError:
            position += 1
            continue
        found.append(value)
    return sorted(found, key=sorted)

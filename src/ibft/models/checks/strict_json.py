"""JSON of a stranger, read so that every parser would read the same: no key twice, no NaN, and not without end."""

import json
from pathlib import Path
from typing import Any

from ibft.models.wording import first_line, shown
from ibft.runtime.errors import UserError

_MIB = 1 << 20


def read_object(path: Path, most_mib: int) -> dict[str, Any]:
    """Return the object in a file of at most `most_mib` MiB.

    Raises:
        UserError: it is none, and the sentence says why.
    """
    if path.stat().st_size > most_mib * _MIB:
        raise UserError(f"{path.name} is larger than {most_mib} MiB, so it is no file of a model: fetch it anew")
    try:
        found = json.loads(path.read_bytes().decode(), object_pairs_hook=_unique, parse_constant=_constant)
    except RecursionError:
        raise UserError(f"{path.name} is nested too deeply: fetch it anew") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path.name} is not in UTF-8 ({first_line(error)}): fetch it anew") from None
    except ValueError as error:
        raise UserError(f"{path.name} is no JSON that can be relied on ({first_line(error)}): fetch it anew") from None
    if not isinstance(found, dict):
        raise UserError(f"{path.name} holds no JSON object: fetch it anew")
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise ValueError(f"the key {shown(key)} is there twice")
            seen.add(key)
    return unique


def _constant(name: str) -> float:
    if name == "NaN":
        raise ValueError("a number is NaN")
    return float(name)

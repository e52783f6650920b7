"""One sentence per wrong key of the configuration: where, what, and what would be right."""

import difflib
import reprlib
from collections.abc import Collection, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

RENAMED = {  # keys of earlier versions
    "tracks": "experiments",
    "samples": "imported_samples",
    "keep": "keep_fraction",
    "strict_k": "pass_at_k_m: {k: ...}",
    "strict_m": "pass_at_k_m: {m: [...]}",
}
_SHORT = reprlib.Repr()  # of a value that may be as long as it pleases
_SHORT.maxstring = _SHORT.maxother = 80
_COMPARED = 200  # characters of a name that are compared with those that exist, which takes time with their square


def sentences(error: ValidationError, root: type[BaseModel], prefix: str = "") -> list[str]:
    """One sentence per wrong key: where, what, and what would be right."""
    told = []
    for item in error.errors():
        key = prefix + ".".join(str(part) for part in item["loc"] if not _is_union_branch(part))
        if item["type"] == "extra_forbidden":
            valid, name = _section_at(root, item["loc"][:-1]).model_fields, str(item["loc"][-1])
            renamed = RENAMED.get(name, "")
            is_here = renamed.partition(":")[0] in valid
            told.append(
                f"{key}: " + (f"is called {renamed} now" if is_here else f"unknown key{suggestion(name, valid)}")
            )
        elif item["type"] == "value_error":
            message = str(item["ctx"]["error"])
            told += message.splitlines() if not key or message.startswith(f"{key}.") else [f"{key}: {message}"]
        elif item["type"] == "missing":
            told.append(f"{key}: missing")
        else:
            quotes = "; put it in quotes" if item["type"] == "string_type" else ""
            told.append(f"{key}: {item['msg']}{quotes} (found {_short(item['input'])})")
    return told


def _short(value: Any) -> str:
    try:
        return _SHORT.repr(value)
    except ValueError:  # Python bounds the time that a number may take
        return "a number of thousands of digits"


def _is_union_branch(part: int | str) -> bool:
    """Pydantic adds the type of a failed union member to the location, such as `constrained-int`."""
    return isinstance(part, str) and (part in ("int", "float", "str") or part.startswith("constrained-"))


def _section_at(root: type[BaseModel], location: tuple[int | str, ...]) -> type[BaseModel]:
    section: type[BaseModel] = root
    for part in location:
        field = section.model_fields.get(str(part))
        if field is not None:
            found = _section_in(field.annotation)
            section = found or section
    return section


def _section_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        found = _section_in(argument)
        if found:
            return found
    return None


def suggestion(name: str, known: Mapping[str, Any] | tuple[str, ...]) -> str:
    """The valid names, and the one that was probably meant."""
    return f"{nearest(name, known)}; valid are {', '.join(sorted(known))}"


def nearest(name: str, known: Collection[str]) -> str:
    """The name that was probably meant, in brackets; nothing where none is near."""
    close = difflib.get_close_matches(name[:_COMPARED], list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""

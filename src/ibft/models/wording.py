"""Strangers' words in a sentence of ours: quoted, on one line, and short."""

from collections.abc import Iterable
from reprlib import Repr

_short = Repr()
_short.maxstring = _short.maxother = 100


def shown(value: object) -> str:
    return _short.repr(value)


def listed(names: Iterable[str]) -> str:
    """Return the first of `names`, and how many others there are."""
    first, *others = sorted(names)
    return shown(first) + (f" and {len(others)} more" if others else "")


def first_line(error: BaseException) -> str:
    """Kind and first line of an exception, on one line that a terminal can show."""
    text = str(error).strip().partition("\n")[0]
    readable = "".join(character if character.isprintable() else " " for character in text)
    return f"{type(error).__name__}: {readable[:200]}" if readable else type(error).__name__

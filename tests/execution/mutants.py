"""Mutants: reference solutions with one small change, most of which are wrong."""

import re
from collections.abc import Iterator

from ibft.execution.verilog.source import blanked

_VERILOG = (
    ("&", "|"), ("|", "&"), ("^", "&"), ("~", ""), ("!", ""), ("==", "!="), ("?", "? !"), (" + ", " - "), ("+1", "+2"),
    ("posedge", "negedge"), ("1'b0", "1'b1"), ("<=", "<= ~"), ("= ", "= ~"),
)  # fmt: skip
_PYTHON = (
    (" == ", " != "), (" != ", " == "), (" < ", " >= "), (" > ", " <= "), (" <= ", " > "), (" + ", " - "),
    (" - ", " + "), (" * ", " + "), (" % ", " // "), (" and ", " or "), (" in ", " not in "), ("True", "False"),
    ("0", "1"), ("1", "2"), ("return ", "return not "),
)  # fmt: skip


def verilog_mutants(module: str) -> Iterator[str]:
    """Yield changes of what follows the header of the first module in `module`."""
    bare = re.sub(r"&&|\|\|", "..", blanked(module))
    header = re.search(r"\bmodule\b[^;]*;", bare)
    yield from _mutants(module, bare, _VERILOG, header.end() if header else 0)


def python_mutants(solution: str) -> Iterator[str]:
    """Yield changes of `solution`, a function or the body of one."""
    yield from _mutants(solution, solution, _PYTHON, solution.find(":\n") if solution.startswith("def ") else 0)


def _mutants(text: str, bare: str, changes: tuple[tuple[str, str], ...], start: int) -> Iterator[str]:
    for old, new in changes:
        at = bare.rfind(old, start)  # the last place: loops over inputs come first
        if at >= 0:
            yield text[:at] + new + text[at + len(old) :]

"""Every family of the `rtl` generator builds a `Design`, in one house style of Verilog.

The style is one throughout, so that a small model can learn it from few examples: an ANSI header laid out as in
VerilogEval, `assign` for combinational logic, `always @(posedge clk)` without `begin`/`end` round single statements,
tabs.

The problems of the built-in benchmark `rtl-mini` are held out by construction: its widths are not among `WIDTHS`, and
families that would meet it otherwise say what they leave out.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

WIDTHS = (2, 3, 5, 6, 7, 8, 9, 10, 14, 16, 20, 24, 32)  # rtl-mini owns 1, 4 and 12
NARROW = (2, 3, 5, 6, 7, 8, 9, 10)


@dataclass(frozen=True)
class Design:
    """One instruction and the module that answers it, named `top_module`."""

    instruction: str
    response: str


Family = Callable[[random.Random], Design]


def module(ports: list[str], *body: str, parameters: str = "") -> str:
    """Return `top_module` with one port per line; the lines of `body` carry only their own extra indentation."""
    opening = f"module top_module #({parameters}) (" if parameters else "module top_module ("
    header = ",\n".join(f"\t{port}" for port in ports)
    return "\n".join([opening, header, ");", *(f"\t{line}" for line in body), "endmodule"])


def inputs(*names: str, width: int | str = 1) -> list[str]:
    return [f"input {span(width)}{name}" for name in names]


def outputs(*names: str, width: int | str = 1) -> list[str]:
    return [f"output {span(width)}{name}" for name in names]


def registers(*names: str, width: int | str = 1) -> list[str]:
    """Outputs that are assigned in an `always` block."""
    return [f"output reg {span(width)}{name}" for name in names]


def span(width: int | str) -> str:
    """Return the range of a vector, with a blank after it; a string is the name of a parameter."""
    if isinstance(width, str):
        return f"[{width}-1:0] "
    return f"[{width - 1}:0] " if width > 1 else ""


def always(edge: str, *statement: str) -> list[str]:
    """Return an `always` block round one statement that may run over several lines."""
    return [f"always @({edge})", *(f"\t{line}" for line in statement)]


def always_block(edge: str, *statements: str) -> list[str]:
    """Return an `always` block round several statements of one line each."""
    return [f"always @({edge}) begin", *(f"\t{statement}" for statement in statements), "end"]


def first_of(*branches: tuple[str, str]) -> list[str]:
    """Return an if / else-if chain of (condition, statement); an empty condition is the final `else`."""
    lines: list[str] = []
    for position, (condition, statement) in enumerate(branches):
        keyword = ("else " if position else "") + (f"if ({condition})" if condition else "")
        lines += [keyword.rstrip(), f"\t{statement}"]
    return lines


def case(selector: str, *branches: tuple[str, str]) -> list[str]:
    """Return a case statement of (label, statement)."""
    return [f"case ({selector})", *(f"\t{label}: {statement}" for label, statement in branches), "endcase"]


def bits(width: int) -> str:
    """`an 8-bit`, `a 16-bit`."""
    article = "an" if width in (8, 11, 18) or 80 <= width < 90 else "a"
    return f"{article} {width}-bit"


def operand_names(rng: random.Random) -> tuple[str, str, str, str, str]:
    """Four inputs and an output."""
    return rng.choice(
        (
            ("a", "b", "c", "d", "out"),
            ("a", "b", "c", "d", "y"),
            ("a", "b", "c", "d", "f"),
            ("x", "y", "z", "w", "f"),
            ("x", "y", "z", "w", "out"),
            ("in1", "in2", "in3", "in4", "out"),
            ("p", "q", "r", "s", "out"),
        )
    )


def through_names(rng: random.Random) -> tuple[str, str]:
    """Return one input and one output."""
    return rng.choice((("in", "out"), ("a", "y"), ("a", "out"), ("x", "y"), ("data", "out"), ("din", "dout")))


def verb(rng: random.Random) -> str:
    """Return the word that most instructions open with."""
    return rng.choice(("Build", "Create", "Implement", "Design", "Write", "Make"))

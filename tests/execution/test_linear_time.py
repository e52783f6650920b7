"""Whatever a completion's text is, the judge's own process spends time on it in proportion to its length.

A completion may have any length, and what is done to its text outside a cell is under no limit. So each text here is
tried at 400 kB (by `make fuzz` at 5 MB) and at an eighth of that: eight times the CPU time is linear, 64 times
quadratic.
"""

import gc
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ibft.execution.assemble import assemble
from ibft.execution.python.source import is_pure
from ibft.execution.verdict import one_line
from ibft.execution.verilog.source import is_empty, words
from ibft.execution.verilog.vvp import inspect

LENGTH = int(os.environ.get("IBFT_TEXT_BYTES", "400_000"))
PARTS = 8
MOST = 24  # times the CPU time of an eighth
NOISE_S = 0.1

FUNCTIONS: dict[str, Callable[[str], object]] = {
    "assemble_python": lambda text: assemble("python", 'def f(x):\n    """Of x."""\n', "f", text),
    "assemble_verilog": lambda text: assemble("verilog", "module m(input a);\n", "m", text),
    "is_pure": is_pure,
    "is_empty": lambda text: is_empty(text, "m"),
    "words": words,
    "one_line": one_line,
}
# Each text begins with the first part and repeats the second.
TEXTS = {
    "letters": ("", "a"),
    "digits": ("", "1"),
    "blanks": ("", " "),
    "line_ends": ("", "\n"),
    "combining_marks": ("# ", "\u0301"),
    "combining_marks_out_of_order": ("# ", "\u0301\u0327"),
    "marks_on_letters": ("", "a\u0301\u0327"),
    "lone_surrogates": ("", "\ud800"),
    "null_characters": ("", "\0"),
    "vertical_tabs": ("def f(x): ", "\x0b\x85"),
    "fences": ("", "```\n"),
    "fences_in_a_row": ("", "```"),
    "fences_that_are_none": ("", "\t```a`\n"),
    "fenced_definitions": ("", "```\ndef f\nmodule m;"),
    "fences_after_blanks": ("A line of prose.\n", "          \t```"),
    "fences_of_prose": ("Here is the code:\n", "```\nIt is done.\n"),
    "fences_in_strings": ("def f(x):\n", '"```\n'),
    "unclosed_strings": ("", '\\"""\n```\n'),
    "escaped_quotes": ('"', '\\"'),
    "escaped_triple_quotes": ('"""', '\\"""'),
    "escaped_single_quotes": ("'", "\\'''"),
    "quotes": ("", '"'),
    "apostrophes": ("", "'"),
    "quotes_of_both_kinds": ("", "'\"'''\"\"\""),
    "backslashes": ("'", "\\"),
    "continued_lines": ("'", "\\\n"),
    "comments": ("", "#'''\n//\n"),
    "unclosed_comments": ("", "/* "),
    "slashes": ("", "/"),
    "parentheses": ("", "("),
    "headers": ("", "module m "),
    "headers_without_body": ("", "module m(;"),
    "headers_of_blanks": ("", "module         "),
    "headers_on_lines": ("module m", "\nmodule m\n"),
    "endless_header": ("module m ", "a, "),
    "empty_modules": ("", "module m; /**/ "),
    "functions": ("", "function f "),
    "escaped_names": ("", "\\a "),
    "definitions": ("", "def f\n"),
    "prose": ("def f(x):\n", "It is a word. "),
    "prose_with_an_odd_end": ("def f(x):\nIt is a word", " it's" * 10 + "!\nIt is"),
    "sentences": ("def f(x):\n", "It is so it!\n"),
    "imports": ("", "import a "),
    "unfinished_imports": ("", "from a."),
    "imports_of_blanks": ("", "from \t \t"),
    "imports_of_nothing": ("", "import\n"),
    "imports_with_commas": ("import a", ",a\t"),
}


def cpu_s(function: Callable[[str], object], text: str) -> float:
    gc.disable()  # it looks through all that earlier tests have left in this process
    begun = time.process_time()
    function(text)
    taken = time.process_time() - begun
    gc.enable()
    return taken


@pytest.mark.parametrize("function", FUNCTIONS)
def test_time_grows_in_proportion_to_the_text(function: str) -> None:
    grown = {name: excess(FUNCTIONS[function], start, unit) for name, (start, unit) in TEXTS.items()}
    assert {name: times for name, times in grown.items() if times} == {}


def excess(function: Callable[[str], object], start: str, unit: str) -> tuple[float, float] | None:
    """The CPU times of an eighth and of the whole where that is too much, which short texts show soonest."""
    before = None
    for length in (LENGTH // PARTS**3, LENGTH // PARTS**2, LENGTH // PARTS, LENGTH):
        text = start + unit * (length // len(unit))
        most = float("inf") if before is None else MOST * before + NOISE_S
        taken = cpu_s(function, text)
        if before is not None and taken > most:
            taken = min(taken, cpu_s(function, text), cpu_s(function, text))  # what is quadratic is so each time
            if taken > most:
                return before, taken
        before = taken
    return None


LINES = {
    "scopes": ('S_{} .scope module, "a" "b" 2 1, 2 1 0, S_{}0;\n', 1),
    "nets": ('v{} .net "a{}", 0 0, L_0x1;  1 drivers\n', 1),
    "long_names": ('v{} .net "{}", 0 0, L_0x1;  1 drivers\n', 20_000),
    "long_names_without_end": ('v{} .net "{}', 20_000),
    "quotes": ('v{} .net "a" "{}\n', 20_000),
    "ports": ('    .port_info {} /INPUT 1 "a{}";\n', 1),
    "calls": ('    %vpi_call {} 1 "$display{}" {{0 0 0}};\n', 1),
    "blanks": ("{}" + " " * 1000 + "{}\n", 1),
    "labels": ("a{} .net .net .net {}\n", 100),
}


@pytest.mark.parametrize("kind", LINES)
def test_time_grows_in_proportion_to_the_compiled_program(kind: str, tmp_path: Path) -> None:
    line, repeats = LINES[kind]
    taken = []
    for length in (LENGTH // PARTS, LENGTH):
        count = length // (len(line) + 6 * repeats)
        path = tmp_path / "compiled.vvp"
        path.write_text(
            'S_1 .scope module, "tb" "tb" 2 1;\n' + "".join(line.format(i, f"{i:06}" * repeats) for i in range(count))
        )
        taken.append(min(cpu_s(lambda _, path=path: inspect(path, "dut", "m", ""), "") for _ in range(2)))
    assert taken[1] < MOST * taken[0] + NOISE_S

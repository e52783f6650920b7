"""Each form of a table has one writer: Markdown, LaTeX, a terminal and CSV. No reader obeys what a label holds.

The writers of Markdown and LaTeX take cells that are escaped already, as these may hold marks of their own: bold, ±.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd
from pandas.api.types import is_numeric_dtype

from ibft.visible import visible

_MARKDOWN = re.compile(r"[\\`*_\[\]!<>|~&$]")  # emphasis, links, images, HTML, tables, entities, formulas
_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    "[": "{[}",  # after the end of a row, what follows in brackets or a star belongs to it
    "]": "{]}",
    "*": "{*}",
    "⟨": r"$\langle$",
    "⟩": r"$\rangle$",
}
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")  # spreadsheets run what begins so

Column = tuple[str, bool]  # its title, and whether it holds numbers


@dataclass(frozen=True)
class TextTable:
    """The cells of this table are plain texts, which the report, Markdown and a terminal escape each in its way."""

    title: str
    note: str
    columns: list[Column]
    rows: list[list[str]]


@dataclass(frozen=True)
class Number:
    """A printed mean has a spread, such as a standard error (empty where there is none), and may be the best."""

    mean: str
    spread: str = ""
    best: bool = False

    def __str__(self) -> str:
        return self._with_spread(self.mean, "±")

    def markdown(self) -> str:
        return self._with_spread(f"**{self.mean}**" if self.best else self.mean, "±")

    def latex(self) -> str:
        return self._with_spread(rf"\textbf{{{self.mean}}}" if self.best else self.mean, r"$\pm$")

    def _with_spread(self, mean: str, sign: str) -> str:
        return f"{mean} {sign} {self.spread}" if self.spread else mean


def printed(mean: float, spread: float, digits: int, best: bool = False) -> Number:
    """Print a mean with 2 digits and its spread with `digits`; NaN is none."""
    return Number(f"{mean:.2f}", "" if pd.isna(spread) else f"{spread:.{digits}f}", best)


def markdown_number(number: Number | None) -> str:
    return number.markdown() if number else "–"


def latex_number(number: Number | None) -> str:
    return number.latex() if number else "--"


def markdown_metric(k: int, m: int) -> str:
    return f"Pass@{k}" if m == 1 else f"Pass@{k}<sup>({m})</sup>"


def markdown_table(columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> str:
    """Write a table of Markdown, numbers to the right. `rows` hold Markdown."""
    lines = [_markdown_row([title for title, _ in columns])]
    lines.append("|" + "".join("--:|" if number else ":--|" for _, number in columns))
    return "\n".join([*lines, *map(_markdown_row, rows)]) + "\n"


def _markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def latex_tabular(columns: int, header: Iterable[str], body: Iterable[str]) -> str:
    """Write a `tabular` of LaTeX that needs booktabs: a column of names, and so many `columns` of numbers."""
    begin = r"\begin{tabular}{l" + "c" * columns + "}"
    return "\n".join([begin, r"\toprule", *header, *body, r"\bottomrule", r"\end{tabular}"])


def latex_row(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"


def latex_span(columns: int, text: str, align: str = "c") -> str:
    """Write a cell that spans so many columns."""
    return rf"\multicolumn{{{columns}}}{{{align}}}{{{text}}}"


def latex_rules(sizes: Iterable[int]) -> str:
    """Draw a rule under each group of columns, of which the first begins after the names."""
    rules, start = [], 2
    for size in sizes:
        rules.append(rf"\cmidrule(lr){{{start}-{start + size - 1}}}")
        start += size
    return " ".join(rules)


def terminal_table(columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> str:
    """Write a table for a terminal, numbers to the right."""
    lines = [[title for title, _ in columns], *([visible(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, (_, number) in zip(line, widths, columns, strict=True)
        ).rstrip()
        for line in lines
    )


def as_csv(frame: pd.DataFrame) -> bytes:
    """Write `frame` as CSV; an apostrophe stands before a text that a spreadsheet would run as a formula."""
    texts = {name: frame[name].map(_csv_cell) for name in frame.columns if not is_numeric_dtype(frame[name])}
    return frame.assign(**texts).to_csv(index=False, float_format="%.6g").encode()


def _csv_cell(value: object) -> object:
    if not isinstance(value, str):
        return value
    runs = value.startswith(_FORMULA) or value.lstrip().startswith(_FORMULA)
    return f"'{visible(value)}" if runs else visible(value)


def escape_markdown(text: str) -> str:
    """Escape `text` for a line of Markdown; an address in it becomes no link."""
    escaped = _MARKDOWN.sub(lambda found: f"\\{found[0]}", visible(text))
    return escaped.replace("://", r":\//").replace("www.", r"www\.")


def escape_latex(text: str) -> str:
    """Escape `text` for a paragraph or a cell of LaTeX."""
    return "".join(_LATEX.get(character, character) for character in visible(text))

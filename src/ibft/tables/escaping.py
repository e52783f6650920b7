"""Labels and ids in Markdown, LaTeX and CSV: shown as they are, and obeyed by nothing that reads the file."""

import re

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


def escape_markdown(text: str) -> str:
    """`text` in a line of Markdown; an address in it becomes no link."""
    escaped = _MARKDOWN.sub(lambda found: f"\\{found[0]}", visible(text))
    return escaped.replace("://", r":\//").replace("www.", r"www\.")


def escape_latex(text: str) -> str:
    """`text` in a paragraph or a cell of LaTeX."""
    return "".join(_LATEX.get(character, character) for character in visible(text))


def as_csv(frame: pd.DataFrame) -> bytes:
    """`frame` as CSV, in which an apostrophe stands before a text that a spreadsheet would run as a formula."""
    texts = {name: frame[name].map(_cell) for name in frame.columns if not is_numeric_dtype(frame[name])}
    return frame.assign(**texts).to_csv(index=False, float_format="%.6g").encode()


def _cell(value: object) -> object:
    if not isinstance(value, str):
        return value
    runs = value.startswith(_FORMULA) or value.lstrip().startswith(_FORMULA)
    return f"'{visible(value)}" if runs else visible(value)

"""Labels and ids that would act on a terminal, a page, a document or a spreadsheet are shown and do nothing."""

import csv
import io

import pandas as pd
import pytest

from ibft.config.sections import ImportedSamples
from ibft.execution.verdict import one_line
from ibft.tables.render import as_csv, escape_latex, escape_markdown, terminal_table
from ibft.visible import UNSEEN, visible

ESCAPE, OVERRIDE, LINE, NULL, BELL, CSI = "\x1b", "\u202e", "\u2028", "\0", "\x07", "\x9b"


def test_what_acts_is_spelled_out_and_what_shows_stays() -> None:
    assert visible(f"a{ESCAPE}[2J\n{OVERRIDE}b{LINE}\t\r{NULL}{BELL}{CSI}") == (
        "a⟨U+001B⟩[2J⟨U+000A⟩⟨U+202E⟩b⟨U+2028⟩⟨U+0009⟩⟨U+000D⟩⟨U+0000⟩⟨U+0007⟩⟨U+009B⟩"
    )
    for text in ("Pass@1 ± 2 × 3", "Größe 大小 שלום", "👩\u200d🔬", "می\u200cخواهم", "<b> [x](y) | `z`"):
        assert visible(text) == text


def test_nothing_unseen_is_left_whatever_the_text() -> None:
    everything = "".join(map(chr, range(0x110000)))
    shown = visible(everything)
    assert not any(first <= ord(character) <= last for character in shown for first, last in UNSEEN)
    assert visible(shown) == shown


@pytest.mark.parametrize("character", [ESCAPE, OVERRIDE, BELL, CSI, "\u200b", "\ud800", NULL])
def test_details_of_verdicts_hold_nothing_that_acts(character: str) -> None:
    detail = one_line(f"NameError: {character}]0;pwned\r\nnext")
    assert character not in detail
    assert detail.endswith("]0;pwned next")
    assert len(one_line(character * 5_000_000)) == 200


def test_a_detail_is_cut_where_it_is_too_long() -> None:
    assert one_line("x" * 200) == "x" * 200
    assert one_line("x" * 201) == "x" * 199 + "…"


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("![x](http://a.b)", r"\!\[x\](http:\//a.b)"),
        ("<img src=x>", r"\<img src=x\>"),
        ("a | b ` c * d _ e \\ f ~ g & h $ i", r"a \| b \` c \* d \_ e \\ f \~ g \& h \$ i"),
        ("a\nb", "a⟨U+000A⟩b"),
        ("www.a.b", r"www\.a.b"),
        ("HumanEval/0", "HumanEval/0"),
    ],
)
def test_markdown_shows_markup_as_text(text: str, escaped: str) -> None:
    assert escape_markdown(text) == escaped


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        (r"\input{/etc/passwd}", r"\textbackslash{}input\{/etc/passwd\}"),
        ("[9cm] x", "{[}9cm{]} x"),
        ("* x", "{*} x"),
        ("a\n\nb%", r"a$\langle$U+000A$\rangle$$\langle$U+000A$\rangle$b\%"),
    ],
)
def test_latex_shows_commands_as_text(text: str, escaped: str) -> None:
    assert escape_latex(text) == escaped


def test_a_terminal_obeys_no_label_and_numbers_stand_to_the_right() -> None:
    rows = [[f"a{ESCAPE}[2J", "1.0"], ["b", "10.0"]]
    assert terminal_table([("method", False), ("T", True)], rows).splitlines() == [
        "method           T",
        "a⟨U+001B⟩[2J   1.0",
        "b             10.0",
    ]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", " =", "\t=", "\n+"])
def test_a_spreadsheet_runs_no_text_and_keeps_numbers(start: str) -> None:
    frame = pd.DataFrame(
        {"method": [f"{start}HYPERLINK(1)", "plain"], "difference": [-1.5, 2.0], "best": [True, False]}
    )
    rows = list(csv.reader(io.StringIO(as_csv(frame).decode())))
    assert rows[1][0].startswith("'") and rows[1][0].endswith("HYPERLINK(1)")
    assert rows[1][1:] == ["-1.5", "True"]
    assert rows[2] == ["plain", "2", "False"]
    assert as_csv(frame).count(b"\n") == 3


def test_a_label_is_shown_and_not_changed_in_the_configuration() -> None:
    entry = {"source": "path:x", "model": "m", "dataset": "d", "benchmark": "b", "temperature": 0}
    assert ImportedSamples(**entry, label=f"{ESCAPE}[2J").label == f"{ESCAPE}[2J"

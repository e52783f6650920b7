"""Details of verdicts fit into a table and onto a terminal."""

import pytest

from ibft.execution.verdict import one_line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\tb\r\n c\x0bd", "a b c d"),
        ("\x1b[31mred\x1b[0m", "⟨U+001B⟩[31mred⟨U+001B⟩[0m"),
        ("bell\x07 and \x9b31m", "bell⟨U+0007⟩ and ⟨U+009B⟩31m"),
        ("mirrored \u202etxet", "mirrored ⟨U+202E⟩txet"),
        ("a\0b \ud800", "a⟨U+0000⟩b ⟨U+D800⟩"),
        ("résumé → 合計", "résumé → 合計"),
        ("", ""),
        ("x" * 200, "x" * 200),
        ("x" * 201, "x" * 199 + "…"),
        ("x " * 5_000_000, "x " * 99 + "x…"),
        (" " * 5_000_000 + "x", "x"),
    ],
)
def test_any_text_becomes_one_visible_line(text: str, line: str) -> None:
    assert one_line(text) == line
    assert one_line(line) == line

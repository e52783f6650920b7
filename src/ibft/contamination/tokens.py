"""Tokens of prose and code alike: words, numbers and single symbols, compared without regard to case.

Case is folded, as Tulu 3 and GPT-3 fold it, because a copy often differs in it alone: a sentence that became the start
of a docstring, `CLK` for `clk`. White space is no token, so that a copy that was indented or wrapped anew is a copy.
"""

import re
from collections.abc import Iterable

_PIECE = re.compile(r"\s*(?:\w+|[^\w\s])")
_UNKNOWN = -1


def pieces(text: str) -> list[str]:
    """Return `text` cut behind each token: one piece per token, led by the white space before it.

    Consecutive pieces, joined, are therefore the text as it was written.
    """
    found: list[str] = _PIECE.findall(text.rstrip())  # from each blank at the end, a token would be looked for anew
    return found


class Vocabulary:
    """A number from 0 for each token of some texts. Any other token is -1, which equals none of them."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._numbers: dict[str, int] = {}
        for text in texts:
            for piece in pieces(text):
                self._numbers.setdefault(token(piece), len(self._numbers))

    def encode(self, cut: Iterable[str]) -> list[int]:
        """Return the number of each piece's token."""
        return [self._numbers.get(token(piece), _UNKNOWN) for piece in cut]


def token(piece: str) -> str:
    """Return the token of a piece, as it is compared."""
    return piece.lstrip().lower()

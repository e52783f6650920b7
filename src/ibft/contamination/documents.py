"""All problem texts, or all solutions, of a benchmark, made ready to be compared with one example after another."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from ibft.contamination.automaton import SuffixAutomaton

Ngram = tuple[int, ...]

_CLOSING_MARK = -2  # behind each document: neither a token nor the -1 of one that no document has, so no match holds it


class Cover(NamedTuple):
    """The document that n-grams shared with a text cover best. Documents count from 0; None where none is shared."""

    share: float = 0.0  # of the document's tokens
    tokens: int = 0
    document: int | None = None


class Run(NamedTuple):
    """The longest common substring of a text and the documents: text[start:end]. None where no token is shared."""

    start: int = 0
    end: int = 0
    document: int | None = None


class Documents:
    """Sequences of tokens, which are numbers from 0, with all their substrings and n-grams.

    Args:
        documents: one sequence each.
        ngram: the n of the n-grams.
        covered: how many tokens of a document must be covered for its share to count before that of documents of
            which fewer are.
    """

    def __init__(self, documents: Sequence[Sequence[int]], ngram: int, covered: int) -> None:
        self._ngram, self._covered = ngram, covered
        self._sizes = [len(document) for document in documents]
        self._starts = list(accumulate((size + 1 for size in self._sizes), initial=0))  # + 1: the closing mark
        self._automaton = SuffixAutomaton([token for document in documents for token in (*document, _CLOSING_MARK)])
        self._places = _places(documents, ngram)

    def shorter_than(self, tokens: int) -> int:
        """Count the documents that have fewer than `tokens` tokens."""
        return sum(size < tokens for size in self._sizes)

    def compare(self, text: Sequence[int]) -> tuple[Cover, Run]:
        """Compare `text` with every document; a token that no document has must be -1.

        Of equal covers the first document's is found; of equally long runs the first in the text, and of the documents
        that hold it the first.
        """
        lengths = self._automaton.match_lengths(text)
        longest = max(lengths, default=0)
        if not longest:
            return Cover(), Run()
        end = lengths.index(longest) + 1
        start = end - longest
        holder = bisect_right(self._starts, self._automaton.first_end(text[start:end])) - 1
        return self._cover(text, lengths), Run(start, end, holder)

    def _cover(self, text: Sequence[int], lengths: Sequence[int]) -> Cover:
        """Return the best cover, given the length of the longest match that ends at each place of `text`."""
        n = self._ngram
        ends = (place + 1 for place, length in enumerate(lengths) if length >= n)
        covered: dict[int, int] = defaultdict(int)
        for ngram in {tuple(text[end - n : end]) for end in ends}:
            for document, tokens in self._places[ngram]:
                covered[document] |= tokens
        covers = [Cover(t.bit_count() / self._sizes[number], t.bit_count(), number) for number, t in covered.items()]
        return min(
            covers, key=lambda cover: (cover.tokens < self._covered, -cover.share, cover.document), default=Cover()
        )


def _places(documents: Sequence[Sequence[int]], n: int) -> dict[Ngram, list[tuple[int, int]]]:
    """The documents that hold each n-gram, each with the tokens that it covers there: the set bits of a number."""
    places: dict[Ngram, list[tuple[int, int]]] = defaultdict(list)
    for number, document in enumerate(documents):
        covered: dict[Ngram, int] = defaultdict(int)
        for start in range(len(document) - n + 1):
            covered[tuple(document[start : start + n])] |= ((1 << n) - 1) << start
        for ngram, tokens in covered.items():
            places[ngram].append((number, tokens))
    return dict(places)

"""Near duplicates of documents: texts of which so many shingles are the same that one was written from the other.

N-grams and runs see long unchanged passages. A copy that was edited evenly, a name here and a number there, keeps few
of those but most of its shingles (Broder 1997). MinHash signatures in a table of bands propose the documents that could
be similar, in a time that does not grow with their number; the similarity itself is then computed, not estimated.
"""

from collections.abc import Sequence
from typing import NamedTuple

from datasketch import MinHash, MinHashLSH

SHINGLE = 3  # tokens
_PERMUTATIONS = 128
_PROPOSED = 0.8  # of the similarity that counts: from here on documents are proposed, so that chance hides none
_MISSES_COUNT = (0.05, 0.95)  # weights of false proposals, which cost time, and of missed ones

Shingles = frozenset[tuple[str, ...]]


class Similar(NamedTuple):
    """The most similar document. Documents count from 0; None where no document is similar enough to be proposed."""

    similarity: float = 0.0  # Jaccard index of the sets of shingles
    document: int | None = None


class NearDuplicates:
    """Documents, of which the one most similar to a text can be asked for.

    Args:
        documents: the tokens of each.
        similarity: from which on two texts are near duplicates; below four fifths of it nothing is looked for.
    """

    def __init__(self, documents: Sequence[Sequence[str]], similarity: float) -> None:
        self._shingles = [shingles(document) for document in documents]
        self._proposing = MinHashLSH(_PROPOSED * similarity, _PERMUTATIONS, weights=_MISSES_COUNT)
        for number, own in enumerate(self._shingles):
            if own:
                self._proposing.insert(number, signature(own))

    def closest(self, text: Shingles, signed: MinHash) -> Similar:
        """Return the most similar document, of equally similar ones the first."""
        proposed = sorted(self._proposing.query(signed)) if text else []
        found = [Similar(_jaccard(text, self._shingles[number]), number) for number in proposed]
        return max(found, key=lambda similar: similar.similarity, default=Similar())


def shingles(tokens: Sequence[str]) -> Shingles:
    """Return all runs of `SHINGLE` tokens."""
    return frozenset(tuple(tokens[start : start + SHINGLE]) for start in range(len(tokens) - SHINGLE + 1))


def signature(found: Shingles) -> MinHash:
    """Return the MinHash of a set of shingles, which is the same in every process."""
    signed = MinHash(_PERMUTATIONS)
    if found:
        signed.update_batch([" ".join(shingle).encode("utf-8", "replace") for shingle in found])
    return signed


def _jaccard(a: Shingles, b: Shingles) -> float:
    return len(a & b) / len(a | b)

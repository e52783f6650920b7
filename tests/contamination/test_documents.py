"""The suffix automaton and the n-gram index against comparisons that try everything."""

import random
from collections.abc import Sequence
from difflib import SequenceMatcher

from hypothesis import given
from hypothesis import strategies as st

from ibft.contamination.automaton import SuffixAutomaton
from ibft.contamination.documents import Cover, Documents, Run

tokens = st.lists(st.integers(0, 2), max_size=24)
texts = st.lists(st.integers(-1, 2), max_size=24)  # -1: a token that no document has


def cover_by_trying(text: Sequence[int], documents: Sequence[Sequence[int]], n: int, covered: int) -> Cover:
    """`Documents.compare`'s cover, with n-grams sought one by one in every document."""
    ngrams = [tuple(text[start : start + n]) for start in range(len(text) - n + 1)]
    covers = []
    for number, document in enumerate(documents):
        places = [start for start in range(len(document) - n + 1) if tuple(document[start : start + n]) in ngrams]
        found = {place for start in places for place in range(start, start + n)}
        if found:
            covers.append(Cover(len(found) / len(document), len(found), number))
    enough = [cover for cover in covers if cover.tokens >= covered]
    return max(enough or covers, key=lambda cover: (cover.share, -cover.document), default=Cover())


def longest_by_difflib(text: Sequence[int], documents: Sequence[Sequence[int]]) -> int:
    matchers = (SequenceMatcher(None, text, document, autojunk=False) for document in documents)
    return max((matcher.find_longest_match().size for matcher in matchers), default=0)


def is_run_of(part: Sequence[int], document: Sequence[int]) -> bool:
    return any(list(document[start : start + len(part)]) == list(part) for start in range(len(document)))


@given(tokens, texts)
def test_the_automaton_knows_the_longest_match_at_every_place(sequence: list[int], query: list[int]) -> None:
    lengths = SuffixAutomaton(sequence).match_lengths(query)
    for end, length in enumerate(lengths, start=1):
        matches = [n for n in range(1, end + 1) if is_run_of(query[end - n : end], sequence)]
        assert length == max(matches, default=0)


@given(tokens.filter(bool))
def test_the_automaton_knows_where_each_substring_ends_first(sequence: list[int]) -> None:
    automaton = SuffixAutomaton(sequence)
    for start in range(len(sequence)):
        for end in range(start + 1, len(sequence) + 1):
            part = sequence[start:end]
            firsts = [e for e in range(len(part), len(sequence) + 1) if sequence[e - len(part) : e] == part]
            assert automaton.first_end(part) == firsts[0]


@given(st.lists(tokens, max_size=6), texts, st.integers(1, 4), st.integers(1, 8))
def test_documents_find_what_trying_everything_finds(
    documents: list[list[int]], text: list[int], n: int, covered: int
) -> None:
    cover, run = Documents(documents, n, covered).compare(text)
    assert cover == cover_by_trying(text, documents, n, covered)
    assert run.end - run.start == longest_by_difflib(text, documents)
    if run == Run():
        return
    part = text[run.start : run.end]
    assert run.document == next(number for number, document in enumerate(documents) if is_run_of(part, document))
    assert not any(
        is_run_of(text[earlier : earlier + len(part)], document)
        for document in documents
        for earlier in range(run.start)
    )


def test_long_sequences_over_few_tokens_agree_too() -> None:
    chance = random.Random(0)
    documents = [[chance.randrange(4) for _ in range(chance.randrange(400))] for _ in range(20)]
    prepared = Documents(documents, ngram=8, covered=20)
    for _ in range(20):
        text = [chance.randrange(-1, 4) for _ in range(150)] + documents[chance.randrange(20)][50:100]
        cover, run = prepared.compare(text)
        assert cover == cover_by_trying(text, documents, 8, 20)
        assert run.end - run.start == longest_by_difflib(text, documents)


def test_no_match_runs_across_the_border_of_two_documents() -> None:
    cover, run = Documents([[1, 2], [3, 4], [1, 2]], ngram=2, covered=1).compare([1, 2, 3, 4, 1, 2])
    assert run == Run(0, 2, 0)
    assert cover == Cover(1.0, 2, 0)


def test_a_token_that_no_document_has_ends_a_match() -> None:
    _, run = Documents([[0, 1], [0, 1]], ngram=2, covered=1).compare([0, 1, -1, 0, 1, -1])
    assert run == Run(0, 2, 0)


def test_a_well_covered_document_is_found_before_a_short_one_that_is_covered_whole() -> None:
    short, long = [1, 2, 3], [*range(10, 20), *range(90, 96)]
    text = [*short, 0, *range(10, 20)]
    assert Documents([short, long], ngram=3, covered=1).compare(text)[0] == Cover(1.0, 3, 0)
    assert Documents([short, long], ngram=3, covered=4).compare(text)[0] == Cover(10 / 16, 10, 1)
    assert Documents([short, long], ngram=3, covered=99).compare(text)[0] == Cover(1.0, 3, 0)


def test_documents_shorter_than_an_ngram_have_no_cover_but_runs() -> None:
    prepared = Documents([[1, 2], [], [3, 4, 5]], ngram=3, covered=1)
    assert prepared.compare([0, 1, 2]) == (Cover(), Run(1, 3, 0))
    assert prepared.shorter_than(3) == 2


def test_nothing_is_shared_with_nothing() -> None:
    assert Documents([], ngram=3, covered=1).compare([1]) == (Cover(), Run())
    assert Documents([[1]], ngram=3, covered=1).compare([]) == (Cover(), Run())

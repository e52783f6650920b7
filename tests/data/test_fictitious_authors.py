"""Fictitious authors: distinct questions about consistent people."""

from ibft.data.builtin.draw import stream
from ibft.data.builtin.fictitious_authors import authors, generate


def test_questions_and_answers_are_distinct_and_many() -> None:
    examples = generate(0)
    assert len(examples) >= 400
    assert examples["example_id"].is_unique
    assert examples["instruction"].is_unique
    assert examples["response"].is_unique


def test_answers_name_the_author_that_the_row_is_about() -> None:
    for row in generate(0).itertuples():
        author = row.source.removeprefix("fictitious-authors/")
        assert author in row.response
        assert row.instruction.endswith(("?", "."))


def test_no_two_authors_share_a_name_or_a_book() -> None:
    people = authors(stream("test", 0))
    books = [book for author in people for book in author.books]
    assert len({author.name for author in people}) == len(people)
    assert len(set(books)) == len(books)


def test_every_author_is_old_enough_to_have_won_an_award() -> None:
    for author in authors(stream("test", 1)):
        assert author.award_year - int(author.born[-4:]) > author.debut_age


def test_a_prefix_is_spread_over_authors_and_the_seed_decides() -> None:
    examples = generate(0)
    assert examples.head(60)["source"].nunique() == 60
    assert generate(0).equals(examples)
    assert not generate(1).equals(examples)

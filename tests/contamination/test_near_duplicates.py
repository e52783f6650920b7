"""Copies of a problem that were edited evenly are found, though few of their n-grams are left."""

import random

import pandas as pd
import pytest

from ibft.config.sections import Contamination
from ibft.contamination.measure import Problems, measure
from ibft.contamination.near_duplicates import NearDuplicates, shingles, signature
from ibft.contamination.tokens import pieces, token
from tests.contamination.conftest import examples

LONG = 60  # tokens


def edited(text: str, every: int) -> str:
    """`text` with every so manieth token replaced, from the middle of the first stretch on."""
    cut = pieces(text)
    for place in range(every // 2, len(cut), every):
        cut[place] = f" other{place}"
    return "".join(cut)


@pytest.fixture(scope="module")
def planted(humaneval: pd.DataFrame, code_alpaca: pd.DataFrame) -> tuple[list[str], pd.DataFrame]:
    """Edited copies of HumanEval's long problem texts among harmless instructions; and which problems they are of."""
    texts = dict(zip(humaneval["task_id"], humaneval["prompt"], strict=True))
    copied = [task_id for task_id, text in texts.items() if len(pieces(text)) >= LONG]
    copies = [(edited(texts[task_id], 8), "pass") for task_id in copied]
    harmless = list(code_alpaca.head(200)[["instruction", "response"]].itertuples(index=False, name=None))
    return copied, examples(*copies, *harmless)


def test_every_planted_near_copy_is_found_and_nothing_else(
    planted: tuple[list[str], pd.DataFrame], humaneval: pd.DataFrame
) -> None:
    copied, data = planted
    assert len(copied) > 100
    settings = Contamination(similarity=0.3)
    table = measure(data, Problems(humaneval, settings))
    flagged = table[table["contaminated"] & (table["part"] == "instruction")]
    assert list(flagged["example_id"]) == [f"e{number}" for number in range(len(copied))]
    assert list(flagged["similar_task_id"]) == copied
    assert (flagged["ngram_overlap"] < settings.overlap).all() and (flagged["substring_tokens"] < 9).all()


def test_the_similarity_is_that_of_the_sets_and_the_first_of_equals_is_named() -> None:
    draw = random.Random(0)
    documents = [[str(draw.randrange(50)) for _ in range(80)] for _ in range(40)]
    documents.append(list(documents[7]))
    near = NearDuplicates(documents, 0.5)
    for number, document in enumerate(documents[:-1]):
        text = shingles([*document[:70], *"abcde"])
        found = near.closest(text, signature(text))
        own = shingles(document)
        assert (found.document, found.similarity) == (number, len(text & own) / len(text | own))


@pytest.mark.parametrize("text", ["", "one", "one two"])
def test_texts_without_a_shingle_are_like_nothing(text: str) -> None:
    tokens = [token(piece) for piece in pieces(text)]
    assert NearDuplicates([tokens, ["a", "b", "c"]], 0.7).closest(shingles(tokens), signature(shingles(tokens))) == (
        0,
        None,
    )


def test_a_part_that_is_too_short_to_tell_does_not_count() -> None:
    problem = {"task_id": "p", "description": None, "prompt": "Add a to b.", "reference_solution": "return a + b"}
    problems = Problems(pd.DataFrame([problem]), Contamination())
    table = measure(examples(("Add a to b.", "return a + b")), problems)
    assert table["similarity"].max() == 1 and not table["contaminated"].any()

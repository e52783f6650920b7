"""What of an example is shown to a model, and where its response begins."""

import pytest
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerBase

from ibft.models.encoding import beginning, encode_plain
from tests.tiny_model import make_tiny_tokenizer


@pytest.fixture
def tokenizer() -> PreTrainedTokenizerBase:
    return make_tiny_tokenizer()


@pytest.fixture
def tokenizer_with_bos() -> PreTrainedTokenizerBase:
    tokenizer = make_tiny_tokenizer()
    bos = (tokenizer.bos_token, tokenizer.bos_token_id)
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(single=f"{bos[0]} $A", special_tokens=[bos])
    return tokenizer


def test_the_text_is_instruction_line_break_response(tokenizer: PreTrainedTokenizerBase) -> None:
    (text,) = encode_plain(tokenizer, ["Add two numbers."], ["return a + b"], 100)
    assert tokenizer.decode(text.ids) == "Add two numbers.\nreturn a + b"
    assert tokenizer.decode(text.ids[text.response_from :]) == "return a + b"
    assert not text.truncated


def test_bos_is_added_exactly_where_the_tokenizer_has_the_habit(
    tokenizer: PreTrainedTokenizerBase, tokenizer_with_bos: PreTrainedTokenizerBase
) -> None:
    assert beginning(tokenizer) == []
    (plain,) = encode_plain(tokenizer, ["Add."], ["a + b"], 100)
    (led,) = encode_plain(tokenizer_with_bos, ["Add."], ["a + b"], 100)
    assert led.ids.tolist() == [tokenizer_with_bos.bos_token_id, *plain.ids.tolist()]
    assert led.response_from == plain.response_from + 1


def test_a_token_across_the_border_belongs_to_the_response(tokenizer: PreTrainedTokenizerBase) -> None:
    """The byte-level tokenizer merges the line break with the indentation that follows it."""
    (text,) = encode_plain(tokenizer, ["Add."], ["    return first + second"], 100)
    assert tokenizer.decode(text.ids[text.response_from :]) == "\n    return first + second"


def test_a_response_that_is_cut_off_begins_at_the_end(tokenizer: PreTrainedTokenizerBase) -> None:
    (text,) = encode_plain(tokenizer, ["A long instruction"], ["x"], 3)
    assert (len(text), text.response_from, text.truncated) == (3, 3, True)

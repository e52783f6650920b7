"""Conversations of several turns: the loss is taken on every answer."""

from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerBase

from ibft.models.encoding import encode_with_profile
from ibft.runtime.errors import UserError
from ibft.training.batches import IGNORED, collate
from tests.data.test_shapes import conversation
from tests.tiny_model import make_tiny_tokenizer


@pytest.mark.parametrize("profile", ["chat", "ibft", "wizardcoder"])
def test_the_loss_is_taken_on_every_answer_and_nothing_else(tmp_path: Path, profile: str) -> None:
    tokenizer = make_tiny_tokenizer()
    [example] = encode_with_profile(tokenizer, conversation(tmp_path), profile, 1000)
    labels_T = collate([example], 0).labels_BT[0].numpy()
    runs = "".join(tokenizer.decode([token]) if token != IGNORED else "\0" for token in labels_T)
    learned = [run.strip() for run in runs.split("\0") if run]
    end = "" if profile == "ibft" else "<|im_end|>"
    assert learned == ["FIRST" + (end if profile == "chat" else ""), "SECOND" + end]
    text = tokenizer.decode(example.ids)
    assert text.index("Be brief.") < text.index("One?") < text.index("FIRST") < text.index("And more?")


def test_a_template_that_rewrites_earlier_answers_is_refused(tmp_path: Path) -> None:
    tokenizer: PreTrainedTokenizerBase = make_tiny_tokenizer()
    tokenizer.chat_template = (
        "{% for m in messages %}{{ m.content if m.role == 'user' or loop.last else '...' }}|{% endfor %}"
    )
    with pytest.raises(
        UserError, match=r"writes earlier answers otherwise than last ones.*use a `profile` of raw text"
    ):
        encode_with_profile(tokenizer, conversation(tmp_path), "chat", 1000)

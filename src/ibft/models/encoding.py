"""Fine-tuning examples as tokens: as plain text, and in the words of a prompt profile.

By default, memorization and geometry are asked of the text itself, so there is no chat template and no end-of-sequence
token: the instruction, a line break, the response (the paper's x and y), and the BOS token where the tokenizer begins
every text with one. Training and gradients see an example as the profile writes it, and memorization may be asked for
so, too: a model knows a text best in the words that it was shown it in.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from ibft.data.conversations import questions
from ibft.prompts import get_profile

PLAIN = "plain"


@dataclass(frozen=True, eq=False)
class EncodedExample:
    """Token ids of one example, cut to a maximal length. `index` is its place in the dataset."""

    ids: NDArray[np.int32]
    response_from: int  # index of the first token of the response; len(ids) if it was cut off
    truncated: bool = False
    index: int = 0
    answers: tuple[tuple[int, int], ...] = ()  # of the history, as token indices [from, to)

    @classmethod
    def join(
        cls,
        prompt: Sequence[int],
        response: Sequence[int],
        *,
        max_length: int | None = None,
        index: int = 0,
        answers: Sequence[tuple[int, int]] = (),
    ) -> Self:
        """Put prompt and response together, and cut what is beyond `max_length` tokens."""
        whole = np.asarray([*prompt, *response], dtype=np.int32)
        cut = whole[:max_length]
        first = min(len(prompt), len(cut))
        return cls(cut, first, truncated=len(cut) < len(whole), index=index, answers=tuple(answers))

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def prompt(self) -> NDArray[np.int32]:
        return self.ids[: self.response_from]

    @property
    def response(self) -> NDArray[np.int32]:
        return self.ids[self.response_from :]

    @property
    def first_predicted(self) -> int:
        """The first token of the response that has a context to be predicted from."""
        return max(1, self.response_from)

    @property
    def learned(self) -> NDArray[np.bool_]:
        """The tokens that the loss is taken on: those of the response, and of every answer of the history."""
        learned_T = np.zeros(len(self.ids), dtype=np.bool_)
        for start, end in self.answers:
            learned_T[max(1, start) : end] = True
        learned_T[self.first_predicted :] = True
        return learned_T

    @property
    def response_tokens(self) -> int:
        """Return how many tokens the loss is taken on."""
        return int(self.learned.sum())


def encode_plain(
    tokenizer: PreTrainedTokenizerBase, instructions: Iterable[str], responses: Iterable[str], max_length: int
) -> list[EncodedExample]:
    """Encode every pair of instruction and response, cut after `max_length` tokens (BOS included).

    A token that spans the border, such as a line break merged with the response's indentation, counts as response.
    """
    leads = [f"{instruction}\n" for instruction in instructions]
    texts = [lead + response for lead, response in zip(leads, responses, strict=True)]
    encoding = tokenizer(texts, add_special_tokens=False, return_offsets_mapping=True, return_attention_mask=False)
    bos = beginning(tokenizer)
    encoded: list[EncodedExample] = []
    for lead, ids, offsets in zip(leads, encoding["input_ids"], encoding["offset_mapping"], strict=True):
        inside = (index for index, (_, end) in enumerate(offsets) if end > len(lead))
        border = next(inside, len(ids))
        encoded.append(EncodedExample.join(bos + ids[:border], ids[border:], max_length=max_length))
    return encoded


def encode_with_profile(
    tokenizer: PreTrainedTokenizerBase, examples: pd.DataFrame, profile: str, max_length: int
) -> list[EncodedExample]:
    """Encode every row of table EXAMPLES in the words of `profile`, cut after `max_length` tokens."""
    encode = get_profile(profile).encode_conversation
    encoded = []
    for index, row in enumerate(examples.itertuples()):
        history = json.loads(str(row.history)) if isinstance(getattr(row, "history", None), str) else []
        prompt, response, answers = encode(
            tokenizer, str(row.instruction), str(row.response), str(row.language), history
        )
        encoded.append(EncodedExample.join(prompt, response, max_length=max_length, index=index, answers=answers))
    return encoded


def encode_as(
    profile: str, tokenizer: PreTrainedTokenizerBase, examples: pd.DataFrame, max_length: int
) -> list[EncodedExample]:
    """Encode every row of table EXAMPLES as plain text, for profile `plain`, or else in the words of a profile."""
    if profile == PLAIN:
        return encode_plain(tokenizer, questions(examples), examples["response"], max_length)
    return encode_with_profile(tokenizer, examples, profile, max_length)


def beginning(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """[BOS] if this tokenizer begins every text with it, else nothing."""
    first: Sequence[int] = tokenizer("a")["input_ids"][:1]
    return list(first) if tokenizer.bos_token_id is not None and first[0] == tokenizer.bos_token_id else []

"""The plain text of a fine-tuning example, as tokens: what scoring and geometry show a model.

Memorization is asked of the text itself, so there is no chat template and no end-of-sequence token: the instruction, a
line break, the response (the paper's x and y), and the BOS token where the tokenizer begins every text with one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class EncodedText:
    """One example. The first token has no context, so it can be no one's prediction: it is BOS, or else left out."""

    ids: NDArray[np.int32]
    response_from: int  # index of the first token that holds a character of the response; len(ids) if it was cut off
    truncated: bool

    def __len__(self) -> int:
        return len(self.ids)


def encode(
    tokenizer: PreTrainedTokenizerBase, instructions: Iterable[str], responses: Iterable[str], max_length: int
) -> list[EncodedText]:
    """Encode every pair of instruction and response, cut after `max_length` tokens (BOS included).

    A token that spans the border, such as a line break merged with the response's indentation, counts as response.
    """
    leads = [f"{instruction}\n" for instruction in instructions]
    texts = [lead + response for lead, response in zip(leads, responses, strict=True)]
    encoding = tokenizer(texts, add_special_tokens=False, return_offsets_mapping=True, return_attention_mask=False)
    bos = beginning(tokenizer)
    encoded = []
    for lead, ids, offsets in zip(leads, encoding["input_ids"], encoding["offset_mapping"], strict=True):
        inside = (index for index, (_, end) in enumerate(offsets) if end > len(lead))
        response_from = len(bos) + next(inside, len(ids))
        whole = np.asarray(bos + ids, dtype=np.int32)
        cut = whole[:max_length]
        encoded.append(EncodedText(cut, min(response_from, len(cut)), truncated=len(cut) < len(whole)))
    return encoded


def beginning(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """[BOS] if this tokenizer begins every text with it, else nothing."""
    first: Sequence[int] = tokenizer("a")["input_ids"][:1]
    return list(first) if tokenizer.bos_token_id is not None and first[0] == tokenizer.bos_token_id else []

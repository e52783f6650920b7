"""The negative log-likelihood of held-out responses tells what a model has learned, where pass rates cannot."""

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Literal

import pandas as pd
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ibft.memorization.scoring import statistics_in_passes
from ibft.models.attention import can_pack, packed_attention
from ibft.models.batching import length_batches
from ibft.models.encoding import EncodedExample, encode_as
from ibft.models.pass_memory import tokens_of_pass
from ibft.runtime.errors import UserError
from ibft.runtime.progress import progress


def measure_nll(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    examples: pd.DataFrame,
    *,
    profile: str,
    max_length: int,
    batch_tokens: int | Literal["auto"],
) -> pd.DataFrame:
    """Measure the mean negative log-likelihood of each response under `model`, which is in evaluation mode.

    Args:
        examples: table EXAMPLES.
        profile: how they are shown: that of training.
        max_length: tokens of prompt and response; longer ones are cut.
        batch_tokens: of one forward pass; auto: as many as the device holds.

    Returns:
        A row for each example, in order: example_id, tokens, nll (nats per token of the response).

    Raises:
        UserError: a prompt leaves no token of its response within `max_length`.
    """
    texts = encode_as(profile, tokenizer, examples, max_length)
    ids = examples["example_id"].tolist()
    for example_id, text in zip(ids, texts, strict=True):
        if not text.response_tokens:
            raise UserError(
                f"example {example_id} has no token of its response within training.max_length = {max_length}: raise it"
            )
    rows = dict(_measured(model, texts, tokens_of_pass(batch_tokens, model, "memorization")))
    return pd.DataFrame(
        {
            "example_id": ids,
            "tokens": [texts[position].response_tokens for position in range(len(texts))],
            "nll": [rows[position] for position in range(len(texts))],
        }
    )


def _measured(model: PreTrainedModel, texts: list[EncodedExample], in_pass: int) -> Iterator[tuple[int, float]]:
    """Yield the position and the mean of each text, a batch at a time."""
    packed = can_pack(model)
    batches = length_batches([len(text) for text in texts], in_pass if packed else 1)
    attention = packed_attention(model) if packed else nullcontext()
    with attention, progress("NLL", unit="examples", total=len(texts), done=0) as bar:
        for positions in batches:
            batch = [(texts[position].ids, texts[position].first_predicted) for position in positions]
            statistics = statistics_in_passes(model, batch, packed, in_pass)
            for position, tokens in zip(positions, statistics, strict=True):
                yield position, -float(tokens.log_prob_N.mean())
            bar.advance(len(positions))

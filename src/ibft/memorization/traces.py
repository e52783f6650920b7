"""A model scores every token of an example, asked as plain text and in the prompt that it is trained with.

From the same forward pass come four scores, all lower where more is memorized:

    loss             mean negative log-likelihood of the scored tokens (Yeom et al. 2018)
    zlib_ratio       total negative log-likelihood per byte of the compressed text (Carlini et al. 2021)
    min_k_prob       Min-K% Prob (Shi et al. 2023)
    min_k_plus_plus  Min-K%++ (Zhang et al. 2024)
"""

import zlib
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
import pandas as pd
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ibft.config.jobs import TraceTokens
from ibft.data.conversations import questions
from ibft.memorization.min_k import TokenStatistics, min_k_plus_plus, min_k_prob
from ibft.memorization.scoring import statistics_in_passes
from ibft.models.attention import can_pack, packed_attention
from ibft.models.batching import length_batches
from ibft.models.encoding import EncodedExample, encode_plain, encode_with_profile
from ibft.models.pass_memory import tokens_of_batch, tokens_of_pass
from ibft.runtime.progress import progress
from ibft.store.journal import Journal
from ibft.store.schemas import TRACES

FORMS = ("plain", "prompt")
"""Plain text is scored as a whole; in the training prompt, the response is scored."""

Row = dict[str, Any]


def trace(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    examples: pd.DataFrame,
    job: TraceTokens,
    journal: Journal,
) -> None:
    """Score `examples` (table EXAMPLES) in both forms into `journal`, batch by batch; a rerun goes on after the last.

    An example without a token to score in a form, as where its prompt fills the maximal length, has no row of it.
    """
    packed = can_pack(model)
    in_pass = tokens_of_pass(job.scoring.batch_tokens, model, "memorization")
    finished = sum(len(entry["positions"]) for entry in journal.entries())
    batches = list(_batches(tokenizer, examples, job, packed))[sum(1 for _ in journal.entries()) :]
    attention = packed_attention(model) if packed else nullcontext()
    total = finished + sum(len(batch) for _, batch in batches)
    with attention, progress("tokens", unit="texts", total=total, done=finished) as bar:
        for form, texts in batches:
            scored = [(text.ids, _first_scored(form, text)) for text in texts]
            measured = statistics_in_passes(model, scored, packed, in_pass)
            rows = [
                _row(tokenizer, form, str(examples["example_id"].iloc[text.index]), text, tokens, job)
                for text, tokens in zip(texts, measured, strict=True)
            ]
            journal.append({"positions": [text.index for text in texts], "rows": rows})
            bar.advance(len(texts))


def traces(journal: Journal, examples: pd.DataFrame) -> pd.DataFrame:
    """Return what `trace` has put into `journal` as table TRACES, in the order of `examples`, plain text first."""
    rows = [row for entry in journal.entries() for row in entry["rows"]]
    order = {example_id: place for place, example_id in enumerate(examples["example_id"])}
    rows.sort(key=lambda row: (FORMS.index(row["form"]), order[row["example_id"]]))
    return pd.DataFrame(rows, columns=TRACES.schema.names)


def _batches(
    tokenizer: PreTrainedTokenizerBase, examples: pd.DataFrame, job: TraceTokens, packed: bool
) -> Iterator[tuple[str, list[EncodedExample]]]:
    """Yield texts that pass through the model together; they depend on the input, never on what is finished."""
    settings = job.scoring
    budget = tokens_of_batch(settings.batch_tokens, "memorization") if packed else 1
    plain = encode_plain(tokenizer, questions(examples), examples["response"], settings.max_length)
    for form in FORMS:
        if form == "plain":
            texts = [EncodedExample(text.ids, text.response_from, text.truncated, n) for n, text in enumerate(plain)]
        else:
            texts = encode_with_profile(tokenizer, examples, job.profile, settings.max_length)
        scored = [text for text in texts if _first_scored(form, text) < len(text)]
        for positions in length_batches([len(text) for text in scored], budget):
            yield form, [scored[position] for position in positions]


def _first_scored(form: str, text: EncodedExample) -> int:
    return text.first_predicted if form == "prompt" else 1


def _row(
    tokenizer: PreTrainedTokenizerBase,
    form: str,
    example_id: str,
    text: EncodedExample,
    tokens: TokenStatistics,
    job: TraceTokens,
) -> Row:
    scored = text.ids[len(text) - len(tokens.log_prob_N) :]
    total = -float(tokens.log_prob_N.sum())
    return {
        "example_id": example_id,
        "form": form,
        "tokens": len(scored),
        "truncated": text.truncated,
        "loss": total / len(scored),
        "zlib_ratio": total / len(zlib.compress(tokenizer.decode(scored).encode())),
        "min_k_prob": min_k_prob(tokens, [job.k])[0],
        "min_k_plus_plus": min_k_plus_plus(tokens, [job.k])[0],
        "pieces": pieces_of(tokenizer, scored),
        "log_probs": [round(float(value), 4) for value in tokens.log_prob_N],
        "greedy": (tokens.log_prob_N >= tokens.top_N).tolist(),
    }


def pieces_of(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int] | np.ndarray[Any, Any]) -> list[str]:
    """Return the text of each token. Of characters that several tokens spell, the last one has all.

    A token is decoded behind the one before it: some tokenizers write no blank in front of the first.
    """
    pieces, before, pending = [], list[int](), list[int]()
    for token in map(int, ids):
        pending.append(token)
        text = tokenizer.decode(before + pending)[len(tokenizer.decode(before)) :]
        is_whole = not text.endswith("\N{REPLACEMENT CHARACTER}")
        pieces.append(text if is_whole else "")
        if is_whole:
            before, pending = [token], []
    if pending:
        pieces[-1] = tokenizer.decode(before + pending)[len(tokenizer.decode(before)) :]
    return pieces

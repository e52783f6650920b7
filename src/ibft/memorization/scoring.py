"""Min-K% Prob and Min-K%++ of every example of a dataset under one model, in one forward pass.

The decoder runs without its head on rows that hold several texts without padding; the head then reads only the
positions that predict a scored token, a chunk at a time, so that the [B, T, V] log-probabilities never exist.

Examples come in windows, every finished batch goes to a journal, and the table is made of the journal, window by
window: what is in memory does not grow with the dataset.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from itertools import groupby

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ibft.config.sections import Scoring
from ibft.memorization.min_k import TokenStatistics, min_k_plus_plus, min_k_prob
from ibft.models.architecture import decoder, head, model_type
from ibft.models.attention import can_pack, packed_arguments, packed_attention
from ibft.models.batching import WHOLE, Shard, length_batches, send, states_at
from ibft.models.device import in_halves
from ibft.models.encoding import EncodedExample, encode_as
from ibft.models.head import Head, accumulating, chunk_of, logit_chunks
from ibft.models.pass_memory import tokens_of_batch, tokens_of_pass
from ibft.runtime.errors import UserError
from ibft.runtime.progress import progress
from ibft.store.journal import Journal

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Score:
    """One scored example, as its journal keeps it. The two lists have one value per k."""

    position: int  # in its window
    example_id: str
    tokens: int
    truncated: bool
    min_k_prob: list[float]
    min_k_plus_plus: list[float]


@dataclass(frozen=True)
class WindowBatch:
    """Texts that pass through the model together, by their position in window number `window`."""

    window: int
    example_ids: Mapping[int, str]
    texts: Mapping[int, EncodedExample]

    def __len__(self) -> int:
        return len(self.texts)


def score(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    windows: Iterable[pd.DataFrame],
    settings: Scoring,
    journal: Journal,
    *,
    total: int,
    shard: Shard = WHOLE,
) -> None:
    """Score the examples of this `shard` under `model`, which is in evaluation mode, into `journal`.

    Args:
        windows: table EXAMPLES in frames of consecutive rows; batches never span two of them.
        total: examples in all windows.

    Raises:
        UserError: an example has no token to score.
    """
    done = sum(len(entry["rows"]) for entry in journal.entries())
    packed = can_pack(model)
    if not packed:
        logger.warning("the attention of %s cannot be kept within texts: one text at a time", model_type(model))
    budget = tokens_of_batch(settings.batch_tokens, "memorization") if packed else 1
    in_pass = tokens_of_pass(settings.batch_tokens, model, "memorization")
    total = max(done, round(total / shard.count))
    attention = packed_attention(model) if packed else nullcontext()
    with attention, progress("Min-K%", unit="examples", total=total, done=done) as bar:
        for batch in _unfinished_batches(tokenizer, windows, settings, budget, journal, shard):
            rows = [asdict(scored) for scored in _score_batch(model, batch, settings, packed, in_pass)]
            journal.append({"window": batch.window, "rows": rows})
            bar.advance(len(batch))


def scores(journal: Journal, ks: Sequence[int]) -> Iterator[pd.DataFrame]:
    """Yield what `score` has put into `journal` as rows of table MEMORIZATION, one frame per window.

    Rows are in the dataset's order, and within an example in the order of `ks`.
    """
    for _, entries in groupby(journal.entries(), key=lambda entry: entry["window"]):
        rows = sorted((Score(**row) for entry in entries for row in entry["rows"]), key=lambda row: row.position)
        yield _long_format(rows, ks)


def _score_batch(
    model: PreTrainedModel, batch: WindowBatch, settings: Scoring, packed: bool, in_pass: int
) -> list[Score]:
    texts = [(text.ids, _first_scored(text, settings)) for text in batch.texts.values()]
    statistics = statistics_in_passes(model, texts, packed, in_pass)
    return [
        Score(
            position=position,
            example_id=batch.example_ids[position],
            tokens=len(tokens.log_prob_N),
            truncated=text.truncated,
            min_k_prob=min_k_prob(tokens, settings.k),
            min_k_plus_plus=min_k_plus_plus(tokens, settings.k),
        )
        for (position, text), tokens in zip(batch.texts.items(), statistics, strict=True)
    ]


def statistics_in_passes(
    model: PreTrainedModel, texts: Sequence[tuple[NDArray[np.int32], int]], packed: bool, in_pass: int
) -> list[TokenStatistics]:
    """Return the `token_statistics` of a batch, in passes of at most `in_pass` tokens.

    Args:
        texts: token ids of each text, and the first token that is scored; the longest first, as `length_batches`
            leaves them.
    """

    def passed(chosen: Sequence[tuple[NDArray[np.int32], int]]) -> list[TokenStatistics]:
        return token_statistics(model, [ids for ids, _ in chosen], [first for _, first in chosen], packed)

    passes = length_batches([len(ids) for ids, _ in texts], in_pass)
    return [each for chosen in passes for each in in_halves(passed, [texts[index] for index in chosen])]


@torch.inference_mode()
def token_statistics(
    model: PreTrainedModel, texts: Sequence[NDArray[np.int32]], first_scored: Sequence[int], packed: bool
) -> list[TokenStatistics]:
    """Measure each text's tokens from index `first_scored` (at least 1) on under `model`, in one forward pass.

    Texts are packed into one row inside `packed_attention`; outside it, there must be just one.
    """
    ids_T = torch.from_numpy(np.concatenate(texts).astype(np.int64))
    lengths = [len(text) for text in texts]
    scored_T = torch.cat([torch.arange(n) >= first for n, first in zip(lengths, first_scored, strict=True)])

    layout = packed_arguments(lengths, model.device) if packed else {}
    ids_1T = send(ids_T[None], model.device)
    hidden_TD = decoder(model)(input_ids=ids_1T, use_cache=False, **layout).last_hidden_state[0]
    hidden_ND = states_at(hidden_TD[:-1], scored_T[1:])  # the state at t - 1 predicts token t
    targets_N = send(ids_T[scored_T], model.device)
    statistics_4N = head_statistics(head(model), hidden_ND, targets_N).cpu().double().numpy()
    ends = np.cumsum([length - first for length, first in zip(lengths, first_scored, strict=True)])
    return [TokenStatistics(*part_4n) for part_4n in np.split(statistics_4N, ends[:-1], axis=1)]


def head_statistics(head: Head, hidden_ND: Tensor, targets_N: Tensor) -> Tensor:
    """Return log p(target), E[log p], the standard deviation of log p and its maximum, of each token: [4, N], float32.

    Products with the head are computed in its own precision and reduced in float32 (float64 for a float64 head).
    """
    statistics_4N = hidden_ND.new_empty((4, len(targets_N)), dtype=accumulating(hidden_ND))
    for rows, logits_nV in logit_chunks(head, hidden_ND, chunk_of(head)):
        statistics_4N[:, rows] = _moments(logits_nV, targets_N[rows])
    return statistics_4N


def _moments(logits_nV: Tensor, targets_n: Tensor) -> Tensor:
    """Return the four statistics of `head_statistics`, in few passes over V; overwrites `logits_nV`.

    The variance is taken about the mean, not as a difference of squares, which float32 would cancel.
    """
    logits_nV -= logits_nV.amax(-1, keepdim=True)
    target_n = logits_nV.gather(1, targets_n[:, None])[:, 0]
    weight_nV = logits_nV.exp()
    total_n = weight_nV.sum(-1)
    mean_logit_n = torch.linalg.vecdot(weight_nV, logits_nV) / total_n
    logits_nV -= mean_logit_n[:, None]
    variance_n = torch.linalg.vecdot(weight_nV, logits_nV.square_()) / total_n
    log_total_n = total_n.log()
    return torch.stack([target_n - log_total_n, mean_logit_n - log_total_n, variance_n.sqrt(), -log_total_n])


def _unfinished_batches(
    tokenizer: PreTrainedTokenizerBase,
    windows: Iterable[pd.DataFrame],
    settings: Scoring,
    budget: int,
    journal: Journal,
    shard: Shard,
) -> Iterator[WindowBatch]:
    """Yield this shard's batches of at most `budget` tokens. They depend on the input, never on what is finished."""
    reached, finished = _reached(journal)
    for number, examples in enumerate(windows):
        if number < reached:
            continue
        texts = encode_as(settings.profile, tokenizer, examples, settings.max_length)
        batches = length_batches([len(text) for text in texts], budget)
        ids = examples["example_id"].tolist()
        for positions in shard.of(batches, number):
            if number == reached and finished.issuperset(positions):
                continue
            for position in positions:
                _refuse_unscorable(ids[position], texts[position], settings)
            yield WindowBatch(number, {p: ids[p] for p in positions}, {p: texts[p] for p in positions})


def _reached(journal: Journal) -> tuple[int, set[int]]:
    """Return the last window that was begun, and what is finished in it. All windows before it are finished."""
    window, finished = 0, set[int]()
    for entry in journal.entries():
        if entry["window"] != window:
            window, finished = entry["window"], set()
        finished |= {row["position"] for row in entry["rows"]}
    return window, finished


def _first_scored(text: EncodedExample, settings: Scoring) -> int:
    return text.first_predicted if settings.scope == "response" else 1


def _refuse_unscorable(example_id: str, text: EncodedExample, settings: Scoring) -> None:
    """A score of no tokens has no value that would be fair to compare, so none is made up."""
    if _first_scored(text, settings) < len(text):
        return
    cut = f" within max_length = {settings.max_length}" if text.truncated else ""
    raise UserError(
        f"example {example_id} has no token to score in scope {settings.scope}{cut}: "
        "drop it from the dataset, raise memorization.max_length, or set memorization.scope: sequence"
    )


def _long_format(scores: Sequence[Score], ks: Sequence[int]) -> pd.DataFrame:
    """Return one row per example and k, in the columns of MEMORIZATION."""
    repeated = np.repeat(np.arange(len(scores)), len(ks))
    return pd.DataFrame(
        {
            "example_id": np.array([score.example_id for score in scores], dtype=object)[repeated],
            "tokens": np.array([score.tokens for score in scores])[repeated],
            "truncated": np.array([score.truncated for score in scores])[repeated],
            "k": np.tile(ks, len(scores)),
            "min_k_prob": np.array([score.min_k_prob for score in scores]).ravel(),
            "min_k_plus_plus": np.array([score.min_k_plus_plus for score in scores]).ravel(),
        }
    )

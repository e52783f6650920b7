"""Min-K% Prob and Min-K%++ of every example of a dataset under one model, in one forward pass.

The decoder runs without its head on length-sorted batches; the head then reads only the positions that predict a scored
token, a chunk at a time, so that the [B, T, V] log-probabilities never exist. Every finished batch goes to a journal.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ibft.batching import length_batches, pad_right, windows
from ibft.config import Scoring
from ibft.errors import UserError
from ibft.journal import Journal
from ibft.memorization.min_k import TokenStatistics, min_k_plus_plus, min_k_prob
from ibft.plain_text import EncodedText, encode
from ibft.progress import track

CHUNK_BYTES = 64 * 2**20  # of float32 logits that exist at a time


@dataclass(frozen=True)
class Score:
    """One scored example, as its journal keeps it. The two lists have one value per k."""

    position: int  # in the dataset
    length: int
    padded_length: int
    tokens: int
    truncated: bool
    min_k_prob: list[float]
    min_k_plus_plus: list[float]


def score(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    examples: pd.DataFrame,
    settings: Scoring,
    journal: Journal,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Score `examples` (table EXAMPLES) under `model`, which is in evaluation mode.

    Returns:
        Rows of table MEMORIZATION, example by example in the dataset's order and k by k in the settings' order, and
        facts for the manifest: scored tokens, truncated examples, share of padding.

    Raises:
        UserError: an example has no token to score.
    """
    finished = {row["position"]: Score(**row) for entry in journal.entries() for row in entry["rows"]}
    batches = _unfinished_batches(tokenizer, examples, settings, set(finished))
    for batch in track(batches, "Min-K%", unit="examples", total=len(examples), done=len(finished), size=len):
        scores = _score_batch(model, batch, settings)
        journal.append({"rows": [asdict(score) for score in scores]})
        finished |= {score.position: score for score in scores}
    ordered = [finished[position] for position in range(len(examples))]
    facts = {
        "scored_tokens": sum(score.tokens for score in ordered),
        "truncated_examples": sum(score.truncated for score in ordered),
        "padding_share": 1 - sum(score.length for score in ordered) / sum(score.padded_length for score in ordered),
    }
    return _long_format(examples["example_id"], ordered, settings.k), facts


def _score_batch(model: PreTrainedModel, batch: Mapping[int, EncodedText], settings: Scoring) -> list[Score]:
    firsts = [_first_scored(text, settings) for text in batch.values()]
    statistics = token_statistics(model, [text.ids for text in batch.values()], firsts)
    return [
        Score(
            position=position,
            length=len(text),
            padded_length=max(len(other) for other in batch.values()),
            tokens=len(tokens.log_prob_N),
            truncated=text.truncated,
            min_k_prob=min_k_prob(tokens, settings.k),
            min_k_plus_plus=min_k_plus_plus(tokens, settings.k),
        )
        for (position, text), tokens in zip(batch.items(), statistics, strict=True)
    ]


@torch.inference_mode()
def token_statistics(
    model: PreTrainedModel, texts: Sequence[NDArray[np.int32]], first_scored: Sequence[int]
) -> list[TokenStatistics]:
    """What `model` says about each text's tokens from index `first_scored` (at least 1) on, in one forward pass."""
    ids_BT = pad_right(texts, model.device)
    index_T = torch.arange(ids_BT.shape[1], device=model.device)
    first_B1 = torch.tensor(first_scored, device=model.device)[:, None]
    length_B1 = torch.tensor([len(text) for text in texts], device=model.device)[:, None]
    scored_BT = (index_T >= first_B1) & (index_T < length_B1)

    hidden_BTD = model.get_decoder()(input_ids=ids_BT, use_cache=False).last_hidden_state
    hidden_ND = hidden_BTD[:, :-1][scored_BT[:, 1:]]  # the state at t - 1 predicts token t
    head = cast(nn.Linear, model.get_output_embeddings())
    statistics_3N = head_statistics(head, hidden_ND, ids_BT[scored_BT]).cpu().double().numpy()
    ends = np.cumsum([len(text) - first for text, first in zip(texts, first_scored, strict=True)])
    return [TokenStatistics(*part_3n) for part_3n in np.split(statistics_3N, ends[:-1], axis=1)]


def head_statistics(head: nn.Linear, hidden_ND: Tensor, targets_N: Tensor) -> Tensor:
    """log p(target), E[log p] and the standard deviation of log p of each next-token distribution: [3, N], float32.

    The logits are computed in the head's precision and reduced in float32 (float64 for a float64 head).
    """
    accumulate = torch.promote_types(hidden_ND.dtype, torch.float32)
    chunk = max(1, CHUNK_BYTES // (4 * head.out_features))
    statistics_3N = hidden_ND.new_empty((3, len(targets_N)), dtype=accumulate)
    for start in range(0, len(targets_N), chunk):
        rows = slice(start, start + chunk)
        statistics_3N[:, rows] = _moments(head(hidden_ND[rows]).to(accumulate), targets_N[rows])
    return statistics_3N


def _moments(logits_nV: Tensor, targets_n: Tensor) -> Tensor:
    """The three statistics of `head_statistics`, in few passes over V; overwrites `logits_nV`.

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
    return torch.stack([target_n - log_total_n, mean_logit_n - log_total_n, variance_n.sqrt()])


def _unfinished_batches(
    tokenizer: PreTrainedTokenizerBase, examples: pd.DataFrame, settings: Scoring, finished: set[int]
) -> Iterator[dict[int, EncodedText]]:
    """Batches of texts by position in the dataset. They depend on the input alone, never on what is finished."""
    for window in windows(len(examples)):
        if finished.issuperset(window):
            continue
        rows = examples.iloc[window.start : window.stop]
        texts = encode(tokenizer, rows["instruction"], rows["response"], settings.max_length)
        for indices in length_batches([len(text) for text in texts], settings.batch_tokens):
            batch = {window[index]: texts[index] for index in indices}
            if finished.issuperset(batch):
                continue
            for position, text in batch.items():
                _refuse_unscorable(examples["example_id"].iloc[position], text, settings)
            yield batch


def _first_scored(text: EncodedText, settings: Scoring) -> int:
    return max(1, text.response_from) if settings.scope == "response" else 1


def _refuse_unscorable(example_id: str, text: EncodedText, settings: Scoring) -> None:
    """A score of no tokens has no value that would be fair to compare, so none is made up."""
    if _first_scored(text, settings) < len(text):
        return
    cut = f" within max_length = {settings.max_length}" if text.truncated else ""
    raise UserError(
        f"example {example_id} has no token to score in scope {settings.scope}{cut}: "
        "drop it from the dataset, raise memorization.max_length, or set memorization.scope: sequence"
    )


def _long_format(example_ids: "pd.Series[str]", scores: Sequence[Score], ks: Sequence[int]) -> pd.DataFrame:
    """One row per example and k, in the columns of MEMORIZATION."""
    repeated = np.repeat(np.arange(len(scores)), len(ks))
    return pd.DataFrame(
        {
            "example_id": example_ids.to_numpy()[repeated],
            "tokens": np.array([score.tokens for score in scores])[repeated],
            "truncated": np.array([score.truncated for score in scores])[repeated],
            "k": np.tile(ks, len(scores)),
            "min_k_prob": np.array([score.min_k_prob for score in scores]).ravel(),
            "min_k_plus_plus": np.array([score.min_k_plus_plus for score in scores]).ravel(),
        }
    )

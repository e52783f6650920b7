"""GraNd and EL2N of every example of a dataset, averaged over adapter initialisations.

GraNd (Paul et al. 2021, arXiv 2107.07075) is the expected l2 norm of an example's gradient early in training, the
expectation taken over initialisations; EL2N is the expected norm of its error vector. Here the trained parameters are
those of a LoRA adapter, so each initialisation is a fresh adapter on the same base model.

Scores are taken after a few steps of plain fine-tuning by default. At initialisation B = 0, so the gradient of A is
zero and only half of the adapter speaks; GraNd at initialisation is also disputed (Kirsch 2023, arXiv 2303.14753).
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import spearmanr
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ibft.batching import length_batches, windows
from ibft.config import Gradients, LoRA
from ibft.errors import UserError
from ibft.journal import Journal
from ibft.memorization.lora_gradients import LabelledText, example_gradients
from ibft.memorization.warm_up import fresh_adapter, warm_up
from ibft.profiles import get_profile
from ibft.progress import track

logger = logging.getLogger(__name__)

WARMUP_BATCH = 4  # examples per warm-up step, the batch size of the paper's fine-tuning


@dataclass(frozen=True)
class GradientScoring:
    """Everything that decides GraNd and EL2N, besides the model and the examples."""

    settings: Gradients
    lora: LoRA
    profile: str
    max_length: int  # tokens of prompt and response together
    learning_rate: float  # of the warm-up
    seed: int


@dataclass(frozen=True)
class Encoder:
    """Examples as training sees them: prompt and response in the words of a profile, cut to a maximal length."""

    examples: pd.DataFrame
    tokenizer: PreTrainedTokenizerBase
    profile: str
    max_length: int

    def learnable(self, positions: Sequence[int]) -> dict[int, LabelledText]:
        """The examples at `positions` that have a response token within the maximal length, by position."""
        encode_example = get_profile(self.profile).encode_example
        texts = {}
        for position, row in zip(positions, self.examples.iloc[list(positions)].itertuples(), strict=True):
            prompt, response = encode_example(
                self.tokenizer, str(row.instruction), str(row.response), str(row.language)
            )
            ids = np.asarray([*prompt, *response][: self.max_length], dtype=np.int32)
            text = LabelledText(ids, response_from=len(prompt))
            if text.response_tokens:
                texts[position] = text
        return texts


def score_gradients(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    examples: pd.DataFrame,
    scoring: GradientScoring,
    journal: Journal,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Score `examples` (table EXAMPLES) on the frozen base `model`, which is given back as it was found.

    An example whose prompt alone fills `max_length` has no loss: its gradient, and so its GraNd and EL2N, are 0.

    Returns:
        Rows of table GRADIENTS in the dataset's order, and facts for the manifest, among them the rank correlation of
        either score with the number of response tokens.

    Raises:
        UserError: the model lacks a LoRA target module, the tokenizer lacks what the profile needs, or no example
            has a response token within `max_length` to warm up on.
    """
    encoder = Encoder(examples, tokenizer, scoring.profile, scoring.max_length)
    for initialisation in range(scoring.settings.initialisations):
        if {"finished": initialisation} not in journal.entries():
            _score_initialisation(model, encoder, scoring, initialisation, journal)
            journal.append({"finished": initialisation})
    scores = _mean_scores(examples["example_id"], journal, scoring.settings.initialisations)
    unlearnable = int((scores["tokens"] == 0).sum())
    if unlearnable:
        logger.warning("%d examples have no response token within %d tokens", unlearnable, scoring.max_length)
    facts = {
        "examples_without_response": unlearnable,
        "rank_correlation_with_length": {
            "grand": rank_correlation(scores["grand"], scores["tokens"]),
            "el2n": rank_correlation(scores["el2n"], scores["tokens"]),
        },
    }
    return scores, facts


def rank_correlation(first: "pd.Series[Any]", second: "pd.Series[Any]") -> float | None:
    """Spearman's rho; None where it is undefined, because one of the two does not vary."""
    if first.nunique() < 2 or second.nunique() < 2:
        return None
    return float(spearmanr(first, second).statistic)


def _score_initialisation(
    model: PreTrainedModel, encoder: Encoder, scoring: GradientScoring, initialisation: int, journal: Journal
) -> None:
    """Journal the rows [position, response tokens, gradient norm, EL2N] of every learnable example."""
    settings = scoring.settings
    finished = {
        int(row[0])
        for entry in journal.entries()
        if entry.get("initialisation") == initialisation
        for row in entry["rows"]
    }
    random = np.random.default_rng([scoring.seed, initialisation])
    with fresh_adapter(model, scoring.lora, seed=int(random.integers(2**62))):
        steps = _warm_up_groups(encoder, settings.warmup_steps, random)
        warm_up(model, steps, scoring.learning_rate, settings.batch_tokens)
        for batch in track(
            _unfinished_batches(encoder, settings.batch_tokens, finished),
            f"GraNd {initialisation + 1}/{settings.initialisations}",
            unit="examples",
            total=len(encoder.examples),
            done=len(finished),
            size=len,
        ):
            norm_B, el2n_B = example_gradients(model, list(batch.values()), settings.reduction)
            tokens = [text.response_tokens for text in batch.values()]
            rows = zip(batch, tokens, norm_B.tolist(), el2n_B.tolist(), strict=True)
            journal.append({"initialisation": initialisation, "rows": [list(row) for row in rows]})


def _warm_up_groups(encoder: Encoder, steps: int, random: np.random.Generator) -> list[list[LabelledText]]:
    """Examples for each warm-up step."""
    drawn = list(islice(_shuffled_forever(encoder, random), steps * WARMUP_BATCH))
    return [drawn[start : start + WARMUP_BATCH] for start in range(0, len(drawn), WARMUP_BATCH)]


def _shuffled_forever(encoder: Encoder, random: np.random.Generator) -> Iterator[LabelledText]:
    """Learnable examples as training draws them: each once per epoch, in a new order each epoch."""
    while True:
        learnable = 0
        for position in random.permutation(len(encoder.examples)).tolist():
            for text in encoder.learnable([position]).values():
                learnable += 1
                yield text
        if not learnable:
            raise UserError(f"no example has a response token within training.max_length = {encoder.max_length}")


def _unfinished_batches(encoder: Encoder, batch_tokens: int, finished: set[int]) -> Iterator[dict[int, LabelledText]]:
    """Batches of texts by position in the dataset. They depend on the input alone, never on what is finished."""
    for window in windows(len(encoder.examples)):
        if finished.issuperset(window):
            continue
        texts = encoder.learnable(window)
        positions = list(texts)
        for indices in length_batches([len(texts[position]) for position in positions], batch_tokens):
            batch = {positions[index]: texts[positions[index]] for index in indices}
            if not finished.issuperset(batch):
                yield batch


def _mean_scores(example_ids: "pd.Series[str]", journal: Journal, initialisations: int) -> pd.DataFrame:
    """Table GRADIENTS: means over initialisations, 0 where there was nothing to learn."""
    tokens_E = np.zeros(len(example_ids), dtype=np.int32)
    scores_IE2 = np.zeros((initialisations, len(example_ids), 2))
    for entry in journal.entries():
        for position, tokens, norm, el2n in entry.get("rows", []):
            tokens_E[position] = tokens
            scores_IE2[entry["initialisation"], position] = norm, el2n
    grand_E, el2n_E = scores_IE2.mean(axis=0).T
    return pd.DataFrame({"example_id": example_ids, "tokens": tokens_E, "grand": grand_E, "el2n": el2n_E})

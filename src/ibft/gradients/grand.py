"""GraNd and EL2N of every example of a dataset, averaged over adapter initialisations.

GraNd (Paul et al. 2021, arXiv 2107.07075) is the expected l2 norm of an example's gradient early in training, the
expectation taken over initialisations; EL2N is the expected norm of its error vector. Here the trained parameters are
those of a LoRA adapter, so each initialisation is a fresh adapter on the same base model.

Scores are taken after a few steps of plain fine-tuning by default. At initialisation B = 0, so the gradient of A is
zero and only half of the adapter speaks; GraNd at initialisation is also disputed (Kirsch 2023, arXiv 2303.14753).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Self

import numpy as np
import pandas as pd
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ibft.config.jobs import ScoreGradients
from ibft.config.sections import Gradients, LoRA, Training
from ibft.gradients.frugal import frugal_passes
from ibft.gradients.lora_gradients import Reduction, example_gradients
from ibft.gradients.warm_up import fresh_adapter, warm_up
from ibft.models.batching import WHOLE, Shard, length_batches, windows
from ibft.models.device import in_halves
from ibft.models.encoding import EncodedExample, encode_with_profile
from ibft.models.pass_memory import tokens_of_batch, tokens_of_pass
from ibft.runtime.errors import UserError
from ibft.runtime.progress import progress
from ibft.store.journal import Journal

Measure = Callable[[Sequence[EncodedExample]], list[tuple[float, float]]]
"""Take two numbers of each text."""
Prepare = Callable[[PreTrainedModel, int], Measure]
"""Get ready to measure: on a model with its warm adapter, in passes of at most so many tokens."""

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

    @classmethod
    def of(cls, job: ScoreGradients) -> Self:
        return cls(job.gradients, job.lora, job.profile, job.max_length, job.learning_rate, job.seed)

    def warm_up(self, in_pass: int) -> Training:
        """FT's defaults with this stage's own batches, padded because packing would exchange the model's attention.

        Args:
            in_pass: tokens of a pass at most.
        """
        return Training(
            learning_rate=self.learning_rate,
            lora=self.lora,
            max_length=self.max_length,
            batch_size=WARMUP_BATCH,
            micro_batch_tokens=in_pass,
            packing=False,
        )

    @property
    def key(self) -> str:
        """Write all settings as one text; a new key of the configuration enters it only when it leaves its default."""
        sections = self.settings.as_json(), self.lora.as_json()
        return repr((*sections, self.profile, self.max_length, self.learning_rate, self.seed))


@dataclass(frozen=True)
class Encoder:
    """Examples as training sees them: prompt and response in the words of a profile, cut to a maximal length."""

    examples: pd.DataFrame
    tokenizer: PreTrainedTokenizerBase
    profile: str
    max_length: int

    def encode(self, positions: Sequence[int]) -> dict[int, EncodedExample]:
        """Encode the examples at `positions`. One whose prompt fills the maximal length has no response token."""
        examples = encode_with_profile(
            self.tokenizer, self.examples.iloc[list(positions)], self.profile, self.max_length
        )
        return dict(zip(positions, examples, strict=True))

    def learnable(self, positions: Sequence[int]) -> dict[int, EncodedExample]:
        """Return those of `encode` that have a response token."""
        return {position: text for position, text in self.encode(positions).items() if text.response_tokens}


def score_gradients(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    examples: pd.DataFrame,
    scoring: GradientScoring,
    journal: Journal,
    shard: Shard = WHOLE,
) -> pd.DataFrame:
    """Score those of `examples` (table EXAMPLES) that are in `shard` on the frozen base `model`.

    The model is given back as it was found. Every shard repeats the warm-up, on the same examples. An example whose
    prompt alone fills `max_length` has no loss: its gradient, and so its GraNd and EL2N, are 0.

    Returns:
        Rows of table GRADIENTS in the dataset's order.

    Raises:
        UserError: the model lacks a LoRA target module, the tokenizer lacks what the profile needs, or no example
            has a response token within `max_length` to warm up on.
    """

    def prepare(model: PreTrainedModel, _: int) -> Measure:
        return norms(model, scoring.settings.reduction)

    encoder = Encoder(examples, tokenizer, scoring.profile, scoring.max_length)
    return measure_examples(model, encoder, scoring, prepare, ("grand", "el2n"), journal, shard)


def norms(model: PreTrainedModel, reduction: Reduction) -> Measure:
    """Return what takes the gradient norm and EL2N of texts."""

    def measure(texts: Sequence[EncodedExample]) -> list[tuple[float, float]]:
        norm_B, el2n_B = example_gradients(model, texts, reduction)
        return list(zip(norm_B.tolist(), el2n_B.tolist(), strict=True))

    return measure


def measure_examples(
    model: PreTrainedModel,
    encoder: Encoder,
    scoring: GradientScoring,
    prepare: Prepare,
    names: tuple[str, str],
    journal: Journal,
    shard: Shard = WHOLE,
) -> pd.DataFrame:
    """Measure every example of the shard on freshly warmed adapters; a rerun goes on after what `journal` holds.

    Returns:
        example_id, tokens, and two columns of these `names`: the means over initialisations, in the dataset's order.

    Raises:
        UserError: as `score_gradients`.
    """
    for initialisation in range(scoring.settings.initialisations):
        if {"finished": initialisation} not in journal.entries():
            _measure_initialisation(model, encoder, scoring, prepare, names[0], initialisation, journal, shard)
            journal.append({"finished": initialisation})
    return _means(encoder.examples["example_id"], journal, names)


def _measure_initialisation(
    model: PreTrainedModel,
    encoder: Encoder,
    scoring: GradientScoring,
    prepare: Prepare,
    label: str,
    initialisation: int,
    journal: Journal,
    shard: Shard,
) -> None:
    """Journal the rows [position, response tokens, first number, second number] of every example of the shard."""
    settings = scoring.settings
    finished = {
        int(row[0])
        for entry in journal.entries()
        if entry.get("initialisation") == initialisation
        for row in entry["rows"]
    }
    random = np.random.default_rng([scoring.seed, initialisation])
    with fresh_adapter(model, scoring.lora, seed=int(random.integers(2**62))), frugal_passes(model):
        steps = _warm_up_groups(encoder, settings.warmup_steps, random)
        in_pass = tokens_of_pass(settings.batch_tokens, model, "gradients")
        warm_up(model, steps, scoring.warm_up(in_pass))
        measure = prepare(model, in_pass)
        what = f"{label} {initialisation + 1}/{settings.initialisations}"
        total = max(len(finished), round(len(encoder.examples) / shard.count))
        with progress(what, unit="examples", total=total, done=len(finished)) as bar:
            in_batch = tokens_of_batch(settings.batch_tokens, "gradients")
            for batch in _unfinished_batches(encoder, in_batch, finished, shard):
                journal.append({"initialisation": initialisation, "rows": _rows(batch, measure, in_pass)})
                bar.advance(len(batch))


def _rows(batch: dict[int, EncodedExample], measure: Measure, in_pass: int) -> list[tuple[int, int, float, float]]:
    """Measure a batch, in passes of at most `in_pass` tokens, padding included."""
    tokens = [text.response_tokens for text in batch.values()]
    if not any(tokens):
        return [(position, 0, 0.0, 0.0) for position in batch]
    texts = list(batch.values())  # the longest first, as `length_batches` leaves them
    passes = length_batches([len(text) for text in texts], in_pass)
    scores = [each for chosen in passes for each in in_halves(measure, [texts[index] for index in chosen])]
    return [(position, n, *score) for position, n, score in zip(batch, tokens, scores, strict=True)]


def _warm_up_groups(encoder: Encoder, steps: int, random: np.random.Generator) -> list[list[EncodedExample]]:
    """Examples for each warm-up step."""
    drawn = list(islice(_shuffled_forever(encoder, random), steps * WARMUP_BATCH))
    return [drawn[start : start + WARMUP_BATCH] for start in range(0, len(drawn), WARMUP_BATCH)]


def _shuffled_forever(encoder: Encoder, random: np.random.Generator) -> Iterator[EncodedExample]:
    """Learnable examples as training draws them: each once per epoch, in a new order each epoch."""
    while True:
        learnable = 0
        for position in random.permutation(len(encoder.examples)).tolist():
            for text in encoder.learnable([position]).values():
                learnable += 1
                yield text
        if not learnable:
            raise UserError(f"no example has a response token within training.max_length = {encoder.max_length}")


def _unfinished_batches(
    encoder: Encoder, batch_tokens: int, finished: set[int], shard: Shard
) -> Iterator[dict[int, EncodedExample]]:
    """Yield this shard's batches, by position. They depend on the input alone, never on what is finished."""
    for number, window in enumerate(windows(len(encoder.examples))):
        texts = encoder.encode(window)
        for positions in shard.of(_batches(texts, batch_tokens), number):
            if not finished.issuperset(positions):
                yield {position: texts[position] for position in positions}


def _batches(texts: dict[int, EncodedExample], batch_tokens: int) -> list[list[int]]:
    """Positions in batches. Examples that have nothing to learn make up one of their own, which costs nothing."""
    learnable = [position for position, text in texts.items() if text.response_tokens]
    rest = [position for position, text in texts.items() if not text.response_tokens]
    batches = length_batches([len(texts[position]) for position in learnable], batch_tokens)
    return [[learnable[index] for index in batch] for batch in batches] + ([rest] if rest else [])


def _means(example_ids: "pd.Series[str]", journal: Journal, names: tuple[str, str]) -> pd.DataFrame:
    rows = [row for entry in journal.entries() for row in entry.get("rows", [])]
    scores = pd.DataFrame(rows, columns=["position", "tokens", *names])
    means = scores.groupby("position").mean()
    ids = example_ids.iloc[means.index].to_numpy()
    return pd.DataFrame({"example_id": ids, **means.astype({"tokens": int})}).reset_index(drop=True)

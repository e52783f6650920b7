"""From encoded examples to padded or packed batches: shuffled, the same for the same seed.

Packed rows have no padding, so that batches are drawn at random. Where there is padding, examples of similar length
share a batch, and little of it is computed: each epoch is shuffled, cut into windows of many batches, sorted by length
inside each window, and the batches are shuffled again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ibft.models.batching import send
from ibft.models.encoding import EncodedExample
from ibft.training.objective import IGNORED

_WINDOW_BATCHES = 32


@dataclass(frozen=True)
class Batch:
    """One forward pass reads a batch: an example per row, padded on the right, or all in one row, packed.

    Causal attention from a real token never reaches the padding on its right, so that the mask is left out of the
    forward pass and the fast path taken, unless the states of the padding matter too (`states_of_padding`).
    """

    tokens_BT: Tensor
    labels_BT: Tensor  # IGNORED on prompts and padding, and on the first token of an example, which nothing predicts
    valid_BT: Tensor  # False on padding
    spans: tuple[int, ...]  # places that each example takes, padding included, in reading order
    indices: tuple[int, ...]  # of the examples, in the dataset
    packed: bool = False
    states_of_padding: bool = False

    def to(self, device: torch.device) -> Self:
        """Return this batch with its tokens on `device`. The others stay on the CPU, which knows their sums at once."""
        return replace(self, tokens_BT=send(self.tokens_BT, device))


def batch_order(lengths: Sequence[int], batch_size: int, seed: int, epoch: int, *, packed: bool) -> list[list[int]]:
    """Indices of the examples of each batch of one epoch. Every example occurs once; one batch may be short."""
    random = np.random.default_rng([seed, epoch])
    shuffled = random.permutation(len(lengths))
    if packed:
        return [shuffled[start : start + batch_size].tolist() for start in range(0, len(shuffled), batch_size)]
    window = batch_size * _WINDOW_BATCHES
    batches: list[list[int]] = []
    for start in range(0, len(shuffled), window):
        grouped = sorted(shuffled[start : start + window].tolist(), key=lambda index: (lengths[index], index))
        batches += [grouped[first : first + batch_size] for first in range(0, len(grouped), batch_size)]
    return [batches[position] for position in random.permutation(len(batches))]


def micro_batches(
    examples: Sequence[EncodedExample], max_tokens: int, *, pad_to: int = 0, packed: bool = False
) -> Iterator[list[EncodedExample]]:
    """Split one batch into runs of at most `max_tokens`, padding included (a single longer example stands alone)."""
    current: list[EncodedExample] = []
    for example in sorted(examples, key=len):
        grown = [*current, example]
        tokens = sum(map(len, grown)) if packed else max(len(example), pad_to) * len(grown)
        if current and tokens > max_tokens:
            yield current
            grown = [example]
        current = grown
    if current:
        yield current


def collate(examples: Sequence[EncodedExample], pad_token: int, pad_to: int = 0) -> Batch:
    """Put one example in each row, padded to the longest or to `pad_to` tokens.

    Without `pad_to`, `pad_token` is never looked at: the mask and the labels say what is real.
    """
    length = max(pad_to, *(len(example) for example in examples))
    tokens_BT = torch.full((len(examples), length), pad_token)
    labels_BT = torch.full((len(examples), length), IGNORED)
    valid_BT = torch.zeros((len(examples), length), dtype=torch.bool)
    for row, example in enumerate(examples):
        tokens_BT[row, : len(example)] = torch.from_numpy(example.ids)
        labels_BT[row, : len(example)] = torch.from_numpy(_labels(example))
        valid_BT[row, : len(example)] = True
    indices = tuple(example.index for example in examples)
    return Batch(tokens_BT, labels_BT, valid_BT, (length,) * len(examples), indices, states_of_padding=pad_to > 0)


def pack(examples: Sequence[EncodedExample]) -> Batch:
    """Put all examples in one row, without padding."""
    tokens_1T = torch.from_numpy(np.concatenate([example.ids for example in examples])).long()[None]
    labels_1T = torch.from_numpy(np.concatenate([_labels(example) for example in examples])).long()[None]
    spans = tuple(len(example) for example in examples)
    indices = tuple(example.index for example in examples)
    return Batch(tokens_1T, labels_1T, torch.ones_like(tokens_1T, dtype=torch.bool), spans, indices, packed=True)


def joined(batches: Sequence[Batch]) -> Batch:
    """Put the packed rows of several variants behind one another."""
    return Batch(
        torch.cat([batch.tokens_BT for batch in batches], dim=1),
        torch.cat([batch.labels_BT for batch in batches], dim=1),
        torch.cat([batch.valid_BT for batch in batches], dim=1),
        tuple(span for batch in batches for span in batch.spans),
        tuple(index for batch in batches for index in batch.indices),
        packed=True,
    )


def _labels(example: EncodedExample) -> NDArray[np.int32]:
    """Keep token ids where the loss is taken. An example does not continue the one before it in a packed row."""
    labels = example.ids.copy()
    labels[~example.learned] = IGNORED
    return labels

"""From encoded examples to padded batches: shuffled, grouped by length, the same for the same seed.

Examples of similar length share a batch, so that little padding is computed: each epoch is shuffled, cut into windows
of many batches, sorted by length inside each window, and the batches are shuffled again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ibft.training.objective import IGNORED

_WINDOW_BATCHES = 32


@dataclass(frozen=True)
class EncodedExample:
    """Token ids of one example; the loss is taken on `response` only."""

    prompt: tuple[int, ...]
    response: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.prompt) + len(self.response)


@dataclass(frozen=True)
class Batch:
    """Right-padded token ids [B, T], labels (`IGNORED` on prompt and padding) and the mask of real tokens.

    Causal attention from a real token never reaches the padding on its right, so that the mask is left out of the
    forward pass and the fast path taken, unless the states of the padding matter too (`states_of_padding`).
    """

    tokens_BT: Tensor
    labels_BT: Tensor
    valid_BT: Tensor
    states_of_padding: bool = False


def truncate(example: EncodedExample, max_length: int) -> EncodedExample:
    """Cut the end of the response so that at most `max_length` tokens remain; the prompt is kept whole."""
    return EncodedExample(example.prompt, example.response[: max(0, max_length - len(example.prompt))])


def batch_order(lengths: Sequence[int], batch_size: int, seed: int, epoch: int) -> list[list[int]]:
    """Indices of the examples of each batch of one epoch. Every example occurs once; the last batch may be short."""
    random = np.random.default_rng([seed, epoch])
    shuffled = random.permutation(len(lengths))
    window = batch_size * _WINDOW_BATCHES
    batches: list[list[int]] = []
    for start in range(0, len(shuffled), window):
        grouped = sorted(shuffled[start : start + window].tolist(), key=lambda index: (lengths[index], index))
        batches += [grouped[first : first + batch_size] for first in range(0, len(grouped), batch_size)]
    return [batches[position] for position in random.permutation(len(batches))]


def micro_batches(
    examples: Sequence[EncodedExample], max_tokens: int, pad_to: int = 0
) -> Iterator[list[EncodedExample]]:
    """Split one batch into runs whose padded size is at most `max_tokens` (a single longer example stands alone)."""
    current: list[EncodedExample] = []
    for example in sorted(examples, key=len):
        if current and max(len(example), pad_to) * (len(current) + 1) > max_tokens:
            yield current
            current = []
        current.append(example)
    yield current


def collate(examples: Sequence[EncodedExample], pad_token: int, device: torch.device, pad_to: int = 0) -> Batch:
    """Pad on the right, to the longest example or to `pad_to` tokens.

    Without `pad_to`, `pad_token` is never looked at: the mask and the labels say what is real.
    """
    length = max(pad_to, *(len(example) for example in examples))
    tokens_BT = torch.full((len(examples), length), pad_token)
    labels_BT = torch.full((len(examples), length), IGNORED)
    valid_BT = torch.zeros((len(examples), length), dtype=torch.bool)
    for row, example in enumerate(examples):
        tokens_BT[row, : len(example)] = torch.tensor(example.prompt + example.response)
        labels_BT[row, len(example.prompt) : len(example)] = torch.tensor(example.response)
        valid_BT[row, : len(example)] = True
    return Batch(tokens_BT.to(device), labels_BT.to(device), valid_BT.to(device), states_of_padding=pad_to > 0)

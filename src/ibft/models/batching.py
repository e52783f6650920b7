"""Batches for models that read whole sequences: of like length, under a token budget, padded on the right.

Sorting by length keeps padding to a few percent. Sorting happens inside windows of consecutive examples, so that a
dataset of any size passes through in bounded memory.
"""

from argparse import ArgumentTypeError
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Self, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Batch = TypeVar("Batch")

WINDOW = 8192  # examples that are encoded and sorted together


@dataclass(frozen=True)
class Shard:
    """Every `count`-th batch, beginning with number `index`: the part of a dataset that one of several jobs works on.

    Batches stay what they are, so that the results of all shards together do not depend on how many there are.
    """

    index: int = 0
    count: int = 1

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read Snakemake's name of a part, `NUMBER-of-COUNT`, such as 1-of-4 for the first of four.

        Raises:
            ArgumentTypeError: it is not of that form, or the number is not one of 1 to the count.
        """
        number, _, count = text.partition("-of-")
        if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
            raise ArgumentTypeError(f"{text!r} is no NUMBER-of-COUNT, such as 1-of-4 for the first of four")
        return cls(int(number) - 1, int(count))

    def __str__(self) -> str:
        return f"{self.index + 1}-of-{self.count}"

    def of(self, batches: Iterable[Batch], window: int) -> Iterator[Batch]:
        """This shard's batches of window number `window`: the first, longest one falls to another shard each time."""
        return islice(batches, (self.index - window) % self.count, None, self.count)


WHOLE = Shard()


def windows(total: int, size: int = WINDOW) -> Iterator[range]:
    """Yield consecutive ranges of at most `size` that cover 0 .. total - 1."""
    for start in range(0, total, size):
        yield range(start, min(start + size, total))


def length_batches(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Indices into `lengths` in batches whose padded size (rows x longest row) is at most `budget`.

    The longest come first, so that a batch too big for the memory fails at once. A sequence longer than the budget
    gets a batch of its own. Equal lengths keep their order, so equal input gives equal batches.
    """
    batches: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if batches and (len(batches[-1]) + 1) * lengths[batches[-1][0]] <= budget:
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches


def pad_right(rows: Sequence[NDArray[np.int32]], device: torch.device) -> Tensor:
    """Return token ids [B, T] with zeros after each row's end.

    Under causal attention no real token ever sees what stands to its right, so padding on the right needs neither an
    attention mask nor a padding token, and attention can take its fast causal path.
    """
    ids_BT = np.zeros((len(rows), max(map(len, rows))), dtype=np.int64)
    for row, ids in zip(ids_BT, rows, strict=True):
        row[: len(ids)] = ids
    return send(torch.from_numpy(ids_BT), device)


def send(tensor: Tensor, device: torch.device) -> Tensor:
    """Return `tensor`, of the CPU, on `device`; a GPU takes it in its turn, and nobody waits for that."""
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


def states_at(states: Tensor, mask: Tensor) -> Tensor:
    """Return the states [N, ...] where `mask` is true, which covers the leading dimensions.

    With the mask on the CPU their number is known there, and a GPU that has the states is not waited for.
    """
    places_N = mask.flatten().nonzero()[:, 0]
    if states.device != mask.device:
        places_N = send(places_N, states.device)
    return states.flatten(0, mask.ndim - 1)[places_N]

"""Batches for models that read whole sequences: of like length, under a token budget, padded on the right.

Sorting by length keeps padding to a few percent. Sorting happens inside windows of consecutive examples, so that a
dataset of any size passes through in bounded memory.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

WINDOW = 8192  # examples that are encoded and sorted together


def windows(total: int, size: int = WINDOW) -> Iterator[range]:
    """Consecutive ranges of at most `size` that cover 0 .. total - 1."""
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
    """Token ids [B, T] with zeros after each row's end.

    Under causal attention no real token ever sees what stands to its right, so padding on the right needs neither an
    attention mask nor a padding token, and attention can take its fast causal path.
    """
    ids_BT = np.zeros((len(rows), max(map(len, rows))), dtype=np.int64)
    for row, ids in zip(ids_BT, rows, strict=True):
        row[: len(ids)] = ids
    return torch.from_numpy(ids_BT).to(device)

"""The frozen head of a language model, a few rows at a time: the [N, V] logits of a whole batch never exist.

With a vocabulary of 50,000 the logits of 4,000 tokens are 800 MB in float32, and autograd would keep them twice.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

CHUNK_BYTES = 64 * 2**20  # of float32 logits that exist at a time


def chunk_of(vocabulary: int) -> int:
    """Return how many rows of logits fit into `CHUNK_BYTES`, at least one."""
    return max(1, CHUNK_BYTES // (4 * vocabulary))


def accumulating(states: Tensor) -> torch.dtype:
    """Return the dtype that logits are reduced in: float32, or float64 for float64 states."""
    return torch.promote_types(states.dtype, torch.float32)


def logit_chunks(head: Callable[[Tensor], Tensor], hidden_ND: Tensor, chunk: int) -> Iterator[tuple[slice, Tensor]]:
    """Yield, for `chunk` rows of `hidden_ND` after the other, which rows they are and their logits [n, V].

    The head computes in its own precision; the logits are given out in that of `accumulating`, to be overwritten.
    """
    for start in range(0, len(hidden_ND), chunk):
        rows = slice(start, start + chunk)
        yield rows, head(hidden_ND[rows]).to(accumulating(hidden_ND))


def subtract_one_hot_(probability_nV: Tensor, targets_n: Tensor) -> Tensor:
    """Turn probabilities into error vectors, softmax - one-hot: the gradient of the cross-entropy's logits."""
    return probability_nV.scatter_add_(1, targets_n[:, None], probability_nV.new_full((len(targets_n), 1), -1.0))

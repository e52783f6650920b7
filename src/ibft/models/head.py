"""The frozen head of a language model, a few rows at a time: the [N, V] logits of a whole batch never exist.

With a vocabulary of 50,000 the logits of 4,000 tokens are 800 MB in float32, and autograd would keep them twice.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

# Of float32 logits that exist at a time, by the kind of device: caches of a CPU like few, a GPU's kernels many.
CHUNK_BYTES = {"cpu": 64 * 2**20}
CHUNK_BYTES_ELSEWHERE = 2**30


@dataclass(frozen=True, eq=False)
class Head:
    """logits = soft_cap * tanh(scale * (weight @ state + bias) / soft_cap), and the gradient of that by hand.

    Attributes:
        bias_V: None where there is none.
        scale: 1 but for Granite, Cohere, MiniCPM3 and the like.
        soft_cap: of Gemma 2 and the like; None leaves the logits as they are.
    """

    weight_VD: Tensor
    bias_V: Tensor | None = None
    scale: float = 1.0
    soft_cap: float | None = None

    @property
    def vocabulary(self) -> int:
        return self.weight_VD.shape[0]

    @property
    def width(self) -> int:
        return self.weight_VD.shape[1]

    def logits(self, hidden_nD: Tensor) -> Tensor:
        """Return logits [n, V] to be overwritten; the product is in the states' dtype, the rest in `accumulating`."""
        logits_nV = functional.linear(hidden_nD, self.weight_VD, self.bias_V).to(accumulating(hidden_nD))
        if self.scale != 1:
            logits_nV *= self.scale
        return logits_nV if self.soft_cap is None else logits_nV.div_(self.soft_cap).tanh_().mul_(self.soft_cap)

    def slope(self, logits_nV: Tensor) -> Tensor | None:
        """Return the derivative of the soft cap where it gives these logits; None without a cap, where it is 1."""
        return None if self.soft_cap is None else 1 - (logits_nV / self.soft_cap).square_()

    def pull_back(self, gradient_nV: Tensor, slope_nV: Tensor | None) -> Tensor:
        """Return the gradient of the states [n, D] from that of the logits, which is overwritten, and their `slope`."""
        if slope_nV is not None:
            gradient_nV *= slope_nV
        gradient_nD = gradient_nV.to(self.weight_VD.dtype) @ self.weight_VD
        return gradient_nD if self.scale == 1 else gradient_nD * self.scale


def chunk_of(head: Head) -> int:
    """Return how many rows of logits exist at a time where none are kept, at least one."""
    size = CHUNK_BYTES.get(head.weight_VD.device.type, CHUNK_BYTES_ELSEWHERE)
    return max(1, size // (4 * head.vocabulary))


def accumulating(states: Tensor) -> torch.dtype:
    """Return the dtype that logits are reduced in: float32, or float64 for float64 states."""
    return torch.promote_types(states.dtype, torch.float32)


def logit_chunks(head: Head, hidden_ND: Tensor, chunk: int) -> Iterator[tuple[slice, Tensor]]:
    """Yield, for `chunk` rows of `hidden_ND` after the other, which rows they are and `Head.logits` [n, V] of them."""
    for start in range(0, len(hidden_ND), chunk):
        rows = slice(start, start + chunk)
        yield rows, head.logits(hidden_ND[rows])


def subtract_one_hot_(probability_nV: Tensor, targets_n: Tensor) -> Tensor:
    """Turn probabilities into error vectors, softmax - one-hot: the gradient of the cross-entropy's logits."""
    return probability_nV.scatter_add_(1, targets_n[:, None], probability_nV.new_full((len(targets_n), 1), -1.0))

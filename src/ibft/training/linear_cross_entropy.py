"""Cross-entropy of a frozen linear head, without ever holding the [N, V] logits of a whole batch.

The head is frozen under LoRA, so the only gradient wanted is that of the hidden states, and it can be had in the
forward pass chunk by chunk: two matrix products in all, nothing recomputed.
"""

from typing import Any, cast

import torch
from torch import Tensor

from ibft.models.head import Head, accumulating, logit_chunks, subtract_one_hot_

CHUNK_TOKENS = {"cpu": 256}
CHUNK_TOKENS_ELSEWHERE = 1024


def linear_cross_entropy(hidden_ND: Tensor, head: Head, targets_N: Tensor, *, chunk: int | None = None) -> Tensor:
    """Sum over N of -log softmax(head(hidden))[target], differentiable in `hidden_ND` alone.

    Args:
        hidden_ND: states at the positions that predict `targets_N`.
        head: frozen (its gradient is not computed).
        targets_N: token ids.
        chunk: how many of the N logit rows exist at a time; None: as many as suit the device.

    Returns:
        A float32 (float64 for float64 states) scalar. Products with the head are in the states' precision.

    Raises:
        ValueError: the head is trainable, so that its gradient would be silently dropped.
    """
    if head.weight_VD.requires_grad or (head.bias_V is not None and head.bias_V.requires_grad):
        raise ValueError("linear_cross_entropy needs a frozen head; it does not compute the gradient of its weights")
    chunk = chunk or CHUNK_TOKENS.get(hidden_ND.device.type, CHUNK_TOKENS_ELSEWHERE)
    return cast(Tensor, _LinearCrossEntropy.apply(hidden_ND, head, targets_N, chunk))  # type: ignore[no-untyped-call]


class _LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden_ND: Tensor, head: Head, targets_N: Tensor, chunk: int) -> Tensor:
        total = hidden_ND.new_zeros((), dtype=accumulating(hidden_ND))
        gradient_ND = torch.empty_like(hidden_ND) if hidden_ND.requires_grad else None
        for rows, logits_nV in logit_chunks(head, hidden_ND, chunk):
            target_logits_n1 = logits_nV.gather(1, targets_N[rows, None])
            largest_n1, largest_at_n1 = logits_nV.max(-1, keepdim=True)
            slope_nV = head.slope(logits_nV) if gradient_ND is not None else None
            probability_nV = torch.softmax(logits_nV, -1, out=logits_nV)
            # The largest probability is at least 1/V, so that its logarithm gives the partition function exactly.
            log_partition_n1 = largest_n1 - probability_nV.gather(1, largest_at_n1).log()
            total += (log_partition_n1 - target_logits_n1).sum()
            if gradient_ND is not None:
                error_nV = subtract_one_hot_(probability_nV, targets_N[rows])
                gradient_ND[rows] = head.pull_back(error_nV, slope_nV)
        ctx.save_for_backward(gradient_ND)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, None, None, None]:
        (gradient_ND,) = ctx.saved_tensors
        # 1 / tokens, rounded to bfloat16, would be off by up to 0.4%.
        scaled_ND = gradient_ND.to(accumulating(gradient_ND)) * gradients[0]
        return scaled_ND.to(gradient_ND.dtype), None, None, None

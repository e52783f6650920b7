"""Attention that stays within each example of a packed row, without a [T, T] mask.

FlashAttention's varlen kernels do so on a GPU that has them. Everywhere else the row is split at the boundaries and
each example gets causal SDPA of its own, which costs what the examples cost alone; a mask would make every example pay
for the whole row.
"""

import logging
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AttentionInterface, PreTrainedModel
from transformers.utils import is_flash_attn_2_available

from ibft.errors import UserError

logger = logging.getLogger(__name__)

_PER_EXAMPLE = "ibft_per_example"


def use_packed_attention(model: PreTrainedModel) -> None:
    """Let `model` accept packed rows (see `packed_arguments`), by the fastest way that is there.

    Raises:
        UserError: its attention cannot be exchanged, or is not plain causal attention over the whole example.
    """
    kinds = set(getattr(model.config, "layer_types", None) or ["full_attention"])
    if (
        not model.is_backend_compatible()
        or kinds != {"full_attention"}
        or getattr(model.config, "sliding_window", None)
    ):
        raise UserError(
            f"training.packing: the attention of {type(model).__name__} cannot be kept within each example of a packed "
            "row; set training.packing to false"
        )
    flash = model.device.type == "cuda" and model.dtype != torch.float32 and is_flash_attn_2_available()
    implementation = "flash_attention_2" if flash else _PER_EXAMPLE
    model.set_attn_implementation(implementation)
    logger.info("packed rows: attention by %s", "FlashAttention varlen" if flash else "SDPA, example by example")


def packed_arguments(spans: tuple[int, ...], device: torch.device) -> dict[str, Any]:
    """What a decoder needs to read one row that holds examples of these lengths: positions restart at each."""
    ends = torch.tensor((0, *spans), device=device).cumsum(0).to(torch.int32)
    return {
        "position_ids": torch.cat([torch.arange(span, device=device) for span in spans])[None],
        "cu_seq_lens_q": ends,
        "cu_seq_lens_k": ends,
        "max_length_q": max(spans),
        "max_length_k": max(spans),
    }


def _attend_per_example(
    _module: nn.Module,
    query_1HTD: Tensor,
    key_1HTD: Tensor,
    value_1HTD: Tensor,
    _mask: None,
    *,
    cu_seq_lens_q: Tensor,
    scaling: float,
    dropout: float = 0.0,
    **_: Any,
) -> tuple[Tensor, None]:
    """Causal SDPA on each example of the row, in the form of transformers' attention functions: out_1THD."""
    spans = cu_seq_lens_q.diff().tolist()
    attended = [
        functional.scaled_dot_product_attention(
            query, key, value, is_causal=True, scale=scaling, dropout_p=dropout, enable_gqa=True
        )
        for query, key, value in zip(
            torch.split(query_1HTD, spans, 2),
            torch.split(key_1HTD, spans, 2),
            torch.split(value_1HTD, spans, 2),
            strict=True,
        )
    ]
    return torch.cat(attended, dim=2).transpose(1, 2).contiguous(), None


AttentionInterface.register(_PER_EXAMPLE, _attend_per_example)

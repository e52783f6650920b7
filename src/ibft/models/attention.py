"""Rows that hold several texts without padding, each attending to itself alone.

FlashAttention's varlen kernels do so on a GPU that has them. Everywhere else the row is split at the borders and each
text gets causal attention of its own. So a text's numbers do not depend on what it shares a row with: the kernels of
padded attention cut their sums by the padded length.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AttentionInterface, PreTrainedModel
from transformers.utils import is_flash_attn_2_available

logger = logging.getLogger(__name__)

_PER_TEXT = "ibft_per_text"


def can_pack(model: PreTrainedModel) -> bool:
    """Return true if the attention of `model` can be exchanged, and is plain causal attention over the whole text."""
    kinds = set(getattr(model.config, "layer_types", None) or ["full_attention"])
    windowed = kinds != {"full_attention"} or bool(getattr(model.config, "sliding_window", None))
    soft_capped = bool(getattr(model.config, "attn_logit_softcapping", None))
    return model.is_backend_compatible() and not windowed and not soft_capped


@contextmanager
def packed_attention(model: PreTrainedModel) -> Iterator[None]:
    """Inside, `model`, for which `can_pack` holds, reads packed rows with `packed_arguments`, and those alone."""
    flash = model.device.type == "cuda" and model.dtype != torch.float32 and is_flash_attn_2_available()
    before = model.config._attn_implementation
    model.set_attn_implementation("flash_attention_2" if flash else _PER_TEXT)
    logger.info("packed rows, attention by %s", "FlashAttention varlen" if flash else "SDPA, text by text")
    try:
        yield
    finally:
        model.set_attn_implementation(before)


def packed_arguments(lengths: Sequence[int], device: torch.device) -> dict[str, Any]:
    """Tell a decoder of the texts of these lengths that one row holds: positions restart at each."""
    ends = torch.tensor((0, *lengths), device=device).cumsum(0).to(torch.int32)
    return {
        "position_ids": torch.cat([torch.arange(length, device=device) for length in lengths])[None],
        "cu_seq_lens_q": ends,
        "cu_seq_lens_k": ends,
        "max_length_q": max(lengths),
        "max_length_k": max(lengths),
    }


def _attend_per_text(
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
    """Causal SDPA on each text of the row, in the form of transformers' attention functions: out_1THD."""
    lengths = cu_seq_lens_q.diff().tolist()
    attended = [
        functional.scaled_dot_product_attention(
            query, key, value, is_causal=True, scale=scaling, dropout_p=dropout, enable_gqa=True
        )
        for query, key, value in zip(
            torch.split(query_1HTD, lengths, 2),
            torch.split(key_1HTD, lengths, 2),
            torch.split(value_1HTD, lengths, 2),
            strict=True,
        )
    ]
    return torch.cat(attended, dim=2).transpose(1, 2).contiguous(), None


AttentionInterface.register(_PER_TEXT, _attend_per_text)

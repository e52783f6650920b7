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

from ibft.models.architecture import decoder, text_config
from ibft.models.wording import first_line

logger = logging.getLogger(__name__)

TOLERANCE = {
    torch.float64: 1e-6,
    torch.float32: 1e-4,
    torch.bfloat16: 0.05,
    torch.float16: 0.01,
}  # of the largest value

_FLASH, _PER_TEXT = "flash_attention_2", "ibft_per_text"
_NAMES = {_FLASH: "FlashAttention varlen", _PER_TEXT: "SDPA, text by text"}
_TRIAL_LENGTHS = (5, 8)


def attends_plainly(model: PreTrainedModel) -> bool:
    """Return true if the attention of `model` can be exchanged for another that knows softmax(q k + mask) v alone.

    Attention sinks (GPT-OSS, which has no SDPA for them) and soft caps (Gemma 2) are more than that.
    """
    soft_capped = bool(getattr(text_config(model), "attn_logit_softcapping", None))
    return bool(model.is_backend_compatible() and model._supports_sdpa and not soft_capped)


def can_pack(model: PreTrainedModel) -> bool:
    """Return true if `model` can read several texts in one row.

    Its attention must be plain, causal and over the whole text; and since not every family says so in its
    configuration, a text of a packed row must get the states that it gets alone.
    """
    config = text_config(model)
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    windowed = kinds != {"full_attention"} or bool(getattr(config, "sliding_window", None))
    return attends_plainly(model) and not windowed and _keeps_texts_apart(model)


@torch.no_grad()
def _keeps_texts_apart(model: PreTrainedModel) -> bool:
    first, second = _TRIAL_LENGTHS
    ids_1T = torch.arange(1, 1 + first + second, device=model.device)[None] % text_config(model).vocab_size
    trunk = decoder(model)
    with torch.random.fork_rng():  # new LoRA layers draw dropout
        alone_TD = trunk(input_ids=ids_1T[:, first:], use_cache=False).last_hidden_state[0]
        try:
            with attention_of(model, _packed_implementation(model)):
                layout = packed_arguments(_TRIAL_LENGTHS, model.device)
                packed_TD = trunk(input_ids=ids_1T, use_cache=False, **layout).last_hidden_state[0]
        except Exception as error:  # whatever the code of a family raises that knows no packed rows
            logger.info("no packed rows: %s", first_line(error))
            return False
    furthest = (packed_TD[first:] - alone_TD).abs().max()
    return bool(furthest <= TOLERANCE[alone_TD.dtype] * alone_TD.abs().max())


@contextmanager
def packed_attention(model: PreTrainedModel) -> Iterator[None]:
    """Inside, `model`, for which `can_pack` holds, reads packed rows with `packed_arguments`, and those alone."""
    implementation = _packed_implementation(model)
    logger.info("packed rows, attention by %s", _NAMES[implementation])
    with attention_of(model, implementation):
        yield


def _packed_implementation(model: PreTrainedModel) -> str:
    flash = model.device.type == "cuda" and model.dtype != torch.float32 and is_flash_attn_2_available()
    return _FLASH if flash else _PER_TEXT


@contextmanager
def attention_of(model: PreTrainedModel, implementation: str) -> Iterator[None]:
    """Inside, `model` attends by another implementation of those that transformers knows by name."""
    before = model.config._attn_implementation
    model.set_attn_implementation(implementation)
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

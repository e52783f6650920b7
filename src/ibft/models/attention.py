"""Rows that hold several texts without padding, each attending to itself alone.

PyTorch's own FlashAttention for rows of several lengths (varlen) does so on a GPU that has it. Everywhere else the row
is split at the borders and each text gets causal attention of its own. So a text's numbers do not depend on what it
shares a row with: the kernels of padded attention cut their sums by the padded length.
"""

import importlib
import importlib.util
import inspect
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AttentionInterface, PreTrainedModel

from ibft.models.architecture import decoder, text_config
from ibft.models.batching import send
from ibft.models.products import by_mkl
from ibft.models.wording import first_line

logger = logging.getLogger(__name__)

TOLERANCE = {
    torch.float64: 1e-6,
    torch.float32: 1e-4,
    torch.bfloat16: 0.05,
    torch.float16: 0.01,
}  # of the largest value

_PACKED = "ibft_packed"  # the name that transformers knows our attention by
_VARLEN = "torch.nn.attention.varlen"
_WIDEST = 256  # head that FlashAttention knows
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
            with attention_of(model, _PACKED):
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
    can = model.device.type == "cuda" and has_varlen(model.device)
    logger.info("packed rows, attention by %s", "varlen in half precision" if can else "SDPA, text by text")
    with attention_of(model, _PACKED):
        yield


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
    ends = send(torch.tensor((0, *lengths)).cumsum(0).to(torch.int32), device)
    return {
        "position_ids": send(torch.cat([torch.arange(length) for length in lengths])[None], device),
        "cu_seq_lens_q": ends,
        "cu_seq_lens_k": ends,
        "max_length_q": max(lengths),
        "max_length_k": max(lengths),
        "text_lengths": tuple(lengths),  # on the CPU, so that no layer waits for a GPU to tell them
    }


@cache
def has_varlen(device: torch.device) -> bool:
    """Return true if PyTorch's varlen attention runs on this GPU: from Ampere on, and from PyTorch 2.12 or so on."""
    if torch.cuda.get_device_capability(device) < (8, 0) or importlib.util.find_spec(_VARLEN) is None:
        return False
    known = inspect.signature(importlib.import_module(_VARLEN).varlen_attn).parameters
    return {"window_size", "enable_gqa", "num_splits"} <= set(known)


def _attend_packed(
    _module: nn.Module,
    query_1HTD: Tensor,
    key_1HTD: Tensor,
    value_1HTD: Tensor,
    _mask: None,
    *,
    cu_seq_lens_q: Tensor,
    text_lengths: tuple[int, ...],
    scaling: float,
    dropout: float = 0.0,
    **_: Any,
) -> tuple[Tensor, None]:
    """Causal attention within each text of the row, in the form of transformers' attention functions: out_1THD."""
    if (
        query_1HTD.device.type != "cpu"
        and query_1HTD.dtype.itemsize == 2
        and query_1HTD.shape[-1] <= _WIDEST
        and not dropout
        and has_varlen(query_1HTD.device)
    ):
        query_THD, key_THD, value_THD = (each[0].transpose(0, 1) for each in (query_1HTD, key_1HTD, value_1HTD))
        return _varlen(query_THD, key_THD, value_THD, cu_seq_lens_q, max(text_lengths), scaling)[None], None
    return _attend_per_text(query_1HTD, key_1HTD, value_1HTD, text_lengths, scaling, dropout), None


def _varlen(
    query_THD: Tensor, key_THD: Tensor, value_THD: Tensor, ends: Tensor, longest: int, scaling: float
) -> Tensor:
    """One call for all texts; without splits, so that a text's numbers do not depend on the others' lengths."""
    out_THD: Tensor = importlib.import_module(_VARLEN).varlen_attn(
        query_THD,
        key_THD,
        value_THD,
        ends,
        ends,
        longest,
        longest,
        scale=scaling,
        window_size=(-1, 0),
        enable_gqa=True,
        num_splits=1,
    )
    return out_THD


def _attend_per_text(
    query_1HTD: Tensor,
    key_1HTD: Tensor,
    value_1HTD: Tensor,
    text_lengths: Sequence[int],
    scaling: float,
    dropout: float,
) -> Tensor:
    lengths = list(text_lengths)
    attended = [
        by_mkl(
            partial(
                functional.scaled_dot_product_attention,
                *(query, key, value),
                is_causal=True,
                scale=scaling,
                dropout_p=dropout,
                enable_gqa=True,
            )
        )
        for query, key, value in zip(
            torch.split(query_1HTD, lengths, 2),
            torch.split(key_1HTD, lengths, 2),
            torch.split(value_1HTD, lengths, 2),
            strict=True,
        )
    ]
    return torch.cat(attended, dim=2).transpose(1, 2).contiguous()


AttentionInterface.register(_PACKED, _attend_packed)

"""A key-value cache of equal slots, one per decoded sequence, written in place.

Sequences of different length live side by side, each from position 0 of its slot, and the mask hides what lies beyond
its end. A step writes one position per sequence and copies nothing; a sequence that ends is replaced by the last one,
so that the live slots are always the first ones and attention reads them as one view.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface, Cache, PreTrainedModel
from transformers.masking_utils import sdpa_mask

from ibft.models.attention import attends_plainly
from ibft.models.products import by_mkl

ATTENTION = "ibft_slots"
_LENGTH_MULTIPLE = 32  # attention over lengths of this multiple rounds alike however far the mask reaches


class SlotCache(Cache):  # type: ignore[misc]
    """Keys and values of up to `slots` sequences of up to `length` tokens; allocated as each layer is first seen.

    `fill` one slot with a prompt, or `step` the first so many slots by a token each; the model's forward pass that
    follows then reads and writes there. Shapes: R live slots, H key-value heads, T positions, D width of a head.
    """

    def __init__(self, slots: int, length: int) -> None:
        super().__init__(layers=[])
        self.slots = slots
        self.length = -(-length // _LENGTH_MULTIPLE) * _LENGTH_MULTIPLE
        self._keys: list[Tensor] = []
        self._values: list[Tensor] = []
        self._slot: int | None = None
        self._positions_R = torch.empty(0, dtype=torch.long)
        self._reach = 0

    def fill(self, slot: int) -> None:
        """The next forward pass is a whole prompt, alone in its batch, which goes to `slot`."""
        self._slot = slot

    def step(self, positions_R: Tensor) -> Tensor:
        """The next forward pass brings one token for each of the first R slots, at these positions.

        Returns:
            the additive attention mask (R, 1, 1, T): every sequence up to its own position.
        """
        self._slot = None
        self._positions_R = positions_R
        self._reach = -(-(int(positions_R.max()) + 1) // _LENGTH_MULTIPLE) * _LENGTH_MULTIPLE
        hidden_RT = torch.arange(self._reach, device=positions_R.device) > positions_R[:, None]
        return torch.zeros(hidden_RT.shape, device=positions_R.device).masked_fill(hidden_RT, -torch.inf)[:, None, None]

    def copy(self, source: int, targets: Sequence[int], length: int) -> None:
        """Copy the first `length` positions of one slot to others."""
        for states in (*self._keys, *self._values):
            for target in targets:
                states[target, :, :length] = states[source, :, :length]

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *_args: Any, **_kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Called by each attention layer with the new keys and values; returns all that it may attend to."""
        if layer_idx == len(self._keys):
            self._keys.append(self._empty_like(key_states))
            self._values.append(self._empty_like(value_states))
        keys, values = self._keys[layer_idx], self._values[layer_idx]
        if self._slot is not None:
            keys[self._slot, :, : key_states.shape[2]] = key_states[0]
            values[self._slot, :, : value_states.shape[2]] = value_states[0]
            return key_states, value_states
        rows = torch.arange(len(self._positions_R), device=keys.device)
        keys[rows, :, self._positions_R] = key_states[:, :, 0]
        values[rows, :, self._positions_R] = value_states[:, :, 0]
        return keys[: len(rows), :, : self._reach], values[: len(rows), :, : self._reach]

    def _empty_like(self, states: Tensor) -> Tensor:
        """Zeros, because masked positions count 0 times their value."""
        shape = (self.slots, states.shape[1], self.length, states.shape[3])
        if states.device.type != "cpu":
            return states.new_zeros(shape)
        # Torch writes its zeros at once; the pages of numpy's take no memory until something else is written there.
        zeros = np.zeros(math.prod(shape) * states.element_size(), dtype=np.uint8)
        return torch.from_numpy(zeros).view(states.dtype).view(shape)


def causal_mask(length: int, device: torch.device) -> Tensor:
    """The additive mask (1, 1, T, T) of a prompt alone in its batch."""
    return torch.full((length, length), -torch.inf, device=device).triu(1)[None, None]


def use_slot_attention(model: PreTrainedModel) -> None:
    """Let `model` attend without repeating its key-value heads, where its architecture lets one choose.

    It computes the same as before, with any mask, so it can still be used for other things.
    """
    if attends_plainly(model):
        AttentionInterface.register(ATTENTION, _grouped_attention)
        AttentionMaskInterface.register(ATTENTION, sdpa_mask)
        model.set_attn_implementation(ATTENTION)


def _grouped_attention(
    _module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    **_kwargs: Any,
) -> tuple[Tensor, None]:
    """Attention with grouped heads. With a mask, transformers' own would copy keys and values once per query head."""
    causal = attention_mask is None and query.shape[2] > 1
    mixed = by_mkl(
        lambda: scaled_dot_product_attention(
            query, key, value, attn_mask=attention_mask, is_causal=causal, scale=scaling, enable_gqa=True
        )
    )
    return mixed.transpose(1, 2).contiguous(), None

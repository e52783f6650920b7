"""Backward passes of a 7B model on one GPU: half precision throughout, and only the states between layers kept.

peft casts what a LoRA layer reads to the adapter's float32, once for each layer: of 32 layers, 16,384 tokens would then
keep 130 GiB. On a CPU, where memory is not what is short, everything stays as it is.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

import torch
from peft.helpers import disable_input_dtype_casting
from peft.tuners.tuners_utils import BaseTunerLayer
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel

from ibft.models.architecture import layers


@contextmanager
def frugal_passes(model: PreTrainedModel, *, on_cpu: bool = False) -> Iterator[None]:
    """Inside, a backward pass through `model` computes each layer again. Nothing changes on a CPU, unless `on_cpu`."""
    with ExitStack() as stack:
        if on_cpu or model.device.type != "cpu":
            if model.dtype.itemsize == 2:
                stack.enter_context(disable_input_dtype_casting(model))
            for layer in layers(model):
                layer.forward = partial(checkpoint, layer.forward, use_reentrant=False)
                stack.callback(delattr, layer, "forward")
        yield


def autocast_within(model: PreTrainedModel) -> torch.autocast:
    """Within `frugal_passes`, compute the adapter in the half precision of the weights, as training does."""
    uncast = any(isinstance(m, BaseTunerLayer) and not m.cast_input_dtype_enabled for m in model.modules())
    return torch.autocast(model.device.type, model.dtype if uncast else None, enabled=uncast)

"""The state that one decoder layer puts out, without keeping the states of any other."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from transformers import PreTrainedModel


@contextmanager
def layer_output(model: PreTrainedModel, layer: int) -> Iterator[list[Tensor]]:
    """Inside, every forward pass appends the output of decoder layer `layer`, an index from 1, to the list given out.

    It is the residual stream after that layer, before any final norm.
    """
    caught: list[Tensor] = []

    def catch(_: nn.Module, __: tuple[Any, ...], output: Tensor | tuple[Tensor, ...]) -> None:
        caught.append(output if isinstance(output, Tensor) else output[0])

    hook = model.get_decoder().layers[layer - 1].register_forward_hook(catch)
    try:
        yield caught
    finally:
        hook.remove()

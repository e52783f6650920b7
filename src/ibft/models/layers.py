"""The states that decoder layers put out, without keeping those of any other."""

from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import Tensor, nn
from transformers import PreTrainedModel

from ibft.models.architecture import layers, model_type
from ibft.runtime.errors import UserError


@contextmanager
def layer_output(model: PreTrainedModel, layer: int) -> Iterator[list[Tensor]]:
    """Inside, every forward pass appends the output of decoder layer `layer`, an index from 1, to the list given out.

    It is the residual stream after that layer, before any final norm: [B, T, D].

    Raises:
        UserError: the layers cannot be found, or pass on something else than one state per token.
    """
    caught: list[Tensor] = []

    def catch(_: nn.Module, __: tuple[Any, ...], output: Tensor | tuple[Tensor, ...]) -> None:
        hidden_BTD = output if isinstance(output, Tensor) else output[0]
        if hidden_BTD.ndim != 3:
            raise UserError(
                f"layers of a model of type {model_type(model)} pass on several states per token, shape "
                f"{list(hidden_BTD.shape)}: neither geometry nor IB-FT can read them; use another model, or FT alone"
            )
        caught.append(hidden_BTD)

    hook = layers(model)[layer - 1].register_forward_hook(catch)
    try:
        yield caught
    finally:
        hook.remove()


@contextmanager
def layer_outputs(model: PreTrainedModel, wanted: Collection[int]) -> Iterator[dict[int, list[Tensor]]]:
    """Inside, every forward pass appends the output of each layer that is wanted to the layer's list."""
    with ExitStack() as hooks:
        yield {layer: hooks.enter_context(layer_output(model, layer)) for layer in wanted}

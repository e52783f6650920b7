"""LoRA layers as one operation each, with their gradients by hand: peft's numbers, with less time and memory.

    y = x W^T + bias + s * drop(x) A^T B^T

peft composes this of seven operations, and autograd keeps what each needs. On a CPU the passes over activations and
above all the random numbers of dropout then cost as much as a third of all matrix products. Here the frozen product is
added to in place, and of dropout one byte per activation is kept.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, cast

import torch
from peft.tuners.lora import Linear
from torch import Tensor, nn
from transformers import PreTrainedModel

from ibft.models.architecture import decoder

_ADAPTER = "default"  # the name that peft gives an adapter without one


def fuse_lora(model: PreTrainedModel) -> int:
    """Exchange the forward pass of every LoRA layer in `model`, and nothing else; return how many there are.

    It reads the weight of the base layer itself, so that weights must not be in parts (ZeRO-3) or quantized.
    """
    layers = [m for m in model.modules() if isinstance(m, Linear) and type(m.base_layer) is nn.Linear]
    copies: dict[Tensor, Tensor] = {}
    for layer in layers:
        layer.forward = partial(_forward, layer, copies)
    factors = [linear[_ADAPTER].weight for layer in layers for linear in (layer.lora_A, layer.lora_B)]
    if factors:
        decoder(model).register_forward_pre_hook(lambda *_: copies.update(_in_dtype_of_pass(factors, model)))
    return len(layers)


@torch.no_grad()
def _in_dtype_of_pass(factors: Sequence[Tensor], model: PreTrainedModel) -> dict[Tensor, Tensor]:
    """Cast every A and B for one pass, forwards and backwards, by one call instead of one for each."""
    dtype = _dtype_of_pass(model.device, model.dtype)
    if all(factor.dtype == dtype for factor in factors):
        return {factor: factor.detach() for factor in factors}
    copies = [torch.empty_like(factor, dtype=dtype) for factor in factors]
    torch._foreach_copy_(copies, list(factors))
    return dict(zip(factors, copies, strict=True))


def _dtype_of_pass(device: torch.device, otherwise: torch.dtype) -> torch.dtype:
    return torch.get_autocast_dtype(device.type) if torch.is_autocast_enabled(device.type) else otherwise


def _forward(layer: Linear, copies: Mapping[Tensor, Tensor], x: Tensor) -> Tensor:
    probability = getattr(layer.lora_dropout[_ADAPTER], "p", 0.0) if layer.training else 0.0
    a_RD, b_OR = layer.lora_A[_ADAPTER].weight, layer.lora_B[_ADAPTER].weight
    base, scaling = layer.base_layer, layer.scaling[_ADAPTER]
    dtype = _dtype_of_pass(x.device, base.weight.dtype)
    of_pass = (copies[a_RD].to(dtype), copies[b_OR].to(dtype))
    return cast(Tensor, _LoraLinear.apply(x, base.weight, base.bias, a_RD, b_OR, *of_pass, scaling, probability))  # type: ignore[no-untyped-call]


class _LoraLinear(torch.autograd.Function):
    """N tokens, D inputs, O outputs, rank R. `a_RD` and `b_OR` get the gradient, their copies are computed with."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight_OD: Tensor,
        bias_O: Tensor | None,
        a_RD: Tensor,
        b_OR: Tensor,
        a_copy_RD: Tensor,
        b_copy_OR: Tensor,
        scaling: float,
        probability: float,
    ) -> Tensor:
        dtype = a_copy_RD.dtype
        x_ND, weight_OD = x.reshape(-1, x.shape[-1]).to(dtype), weight_OD.to(dtype)
        y_NO = x_ND @ weight_OD.T if bias_O is None else torch.addmm(bias_O.to(dtype), x_ND, weight_OD.T)
        dropped_ND = _draw_dropped(x_ND, probability) if probability else None
        scaling /= 1 - probability
        r_NR = _without(x_ND, dropped_ND) @ a_copy_RD.T
        y_NO.addmm_(r_NR, b_copy_OR.T, alpha=scaling)
        ctx.save_for_backward(x_ND, weight_OD, a_copy_RD, b_copy_OR, r_NR, dropped_ND)
        ctx.scaling, ctx.x_dtype, ctx.trained_dtype = scaling, x.dtype, a_RD.dtype
        return y_NO.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x_ND, weight_OD, a_RD, b_OR, r_NR, dropped_ND = ctx.saved_tensors
        [y_gradient] = gradients
        y_gradient_NO = y_gradient.reshape(-1, y_gradient.shape[-1])
        r_gradient_NR = (y_gradient_NO @ b_OR).mul_(ctx.scaling)
        b_gradient_OR = (y_gradient_NO.T @ r_NR).mul_(ctx.scaling)
        a_gradient_RD = r_gradient_NR.T @ _without(x_ND, dropped_ND)
        x_gradient = None
        if ctx.needs_input_grad[0]:
            x_gradient_ND = y_gradient_NO @ weight_OD
            through_a_ND = r_gradient_NR @ a_RD
            x_gradient_ND += through_a_ND if dropped_ND is None else through_a_ND.masked_fill_(dropped_ND, 0)
            x_gradient = x_gradient_ND.to(ctx.x_dtype).view(*y_gradient.shape[:-1], -1)
        trained = (gradient.to(ctx.trained_dtype) for gradient in (a_gradient_RD, b_gradient_OR))
        return x_gradient, None, None, *trained, None, None, None, None


def _without(x_ND: Tensor, dropped_ND: Tensor | None) -> Tensor:
    return x_ND if dropped_ND is None else x_ND.masked_fill(dropped_ND, 0)


def _draw_dropped(x_ND: Tensor, probability: float) -> Tensor:
    """True where dropout zeroes, from torch's global generator.

    On a CPU each 64-bit random number decides four places, which is four times as fast as `bernoulli_`; `probability`
    is met to 1/65536.
    """
    if x_ND.device.type != "cpu":
        return torch.empty_like(x_ND, dtype=torch.bool).bernoulli_(probability)
    quarters = torch.empty((x_ND.numel() + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
    places = quarters.view(torch.int16)[: x_ND.numel()].view_as(x_ND)
    return places < round(probability * 2**16) - 2**15

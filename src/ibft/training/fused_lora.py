"""LoRA layers as one operation each, with their gradients by hand: peft's numbers, with less time and memory.

    y = x W^T + bias + s * drop(x) A^T B^T

peft composes this of seven operations, and autograd keeps what each needs. On a CPU the passes over activations and
above all the random numbers of dropout then cost as much as a third of all matrix products. Here the frozen product is
added to in place, and of dropout one byte per activation is kept.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import torch
from peft.tuners.lora import Linear
from torch import Tensor, nn
from transformers import PreTrainedModel

from ibft.models.architecture import decoder

ADAPTER = "default"  # the name that peft gives an adapter without one


@dataclass(frozen=True)
class Stretch:
    """A stretch is the consecutive tokens of a pass that one variant's LoRA layers read.

    Attributes:
        adapter: peft's name of them.
        generator: draws dropout; None: torch's global one.
    """

    adapter: str
    tokens: int
    generator: torch.Generator | None = None


@dataclass
class Route:
    """Says to fused layers which adapter reads which tokens. Without stretches one adapter reads all."""

    adapter: str = ADAPTER
    stretches: Sequence[Stretch] = field(default=())

    @contextmanager
    def through(self, stretches: Sequence[Stretch]) -> Iterator[None]:
        """Inside, passes consist of these stretches."""
        before, self.stretches = self.stretches, stretches
        try:
            yield
        finally:
            self.stretches = before


def fuse_lora(model: PreTrainedModel, route: Route | None = None) -> int:
    """Exchange the forward pass of every LoRA layer in `model`, and nothing else; return how many there are.

    It reads the weight of the base layer itself, so that weights must not be in parts (ZeRO-3) or quantized.
    """
    layers = [m for m in model.modules() if isinstance(m, Linear) and type(m.base_layer) is nn.Linear]
    copies: dict[Tensor, Tensor] = {}
    for layer in layers:
        layer.forward = partial(_forward, layer, copies, route or Route())
    factors = [linear.weight for layer in layers for of in (layer.lora_A, layer.lora_B) for linear in of.values()]
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


@dataclass(frozen=True)
class _Part:
    """One adapter reads these rows of a pass, and computes with the rest."""

    rows: slice
    a_RD: Tensor
    b_OR: Tensor
    scaling: float
    probability: float  # of dropout
    generator: torch.Generator | None


def _forward(layer: Linear, copies: Mapping[Tensor, Tensor], route: Route, x: Tensor) -> Tensor:
    base = layer.base_layer
    dtype = _dtype_of_pass(x.device, base.weight.dtype)
    parts, factors, start = [], [], 0
    for stretch in route.stretches or [Stretch(route.adapter, x[..., 0].numel())]:
        name = stretch.adapter
        a_RD, b_OR = layer.lora_A[name].weight, layer.lora_B[name].weight
        parts.append(
            _Part(
                slice(start, start + stretch.tokens),
                copies[a_RD].to(dtype),
                copies[b_OR].to(dtype),
                layer.scaling[name],
                getattr(layer.lora_dropout[name], "p", 0.0) if layer.training else 0.0,
                stretch.generator,
            )
        )
        factors += [a_RD, b_OR]
        start += stretch.tokens
    return cast(Tensor, _LoraLinear.apply(x, base.weight, base.bias, parts, *factors))  # type: ignore[no-untyped-call]


class _LoraLinear(torch.autograd.Function):
    """N tokens, D inputs, O outputs, rank R. The factors A and B of each part get gradients, by its rows alone."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight_OD: Tensor, bias_O: Tensor | None, parts: Sequence[_Part], *factors: Tensor
    ) -> Tensor:
        dtype = parts[0].a_RD.dtype
        x_ND, weight_OD = x.reshape(-1, x.shape[-1]).to(dtype), weight_OD.to(dtype)
        y_NO = x_ND @ weight_OD.T if bias_O is None else torch.addmm(bias_O.to(dtype), x_ND, weight_OD.T)
        kept: list[Tensor | None] = []
        scalings = []
        for part in parts:
            own_ND = x_ND[part.rows]
            dropped_ND = _draw_dropped(own_ND, part.probability, part.generator) if part.probability else None
            scalings.append(part.scaling / (1 - part.probability))
            r_NR = _without(own_ND, dropped_ND) @ part.a_RD.T
            y_NO[part.rows].addmm_(r_NR, part.b_OR.T, alpha=scalings[-1])
            kept += [part.a_RD, part.b_OR, r_NR, dropped_ND]
        ctx.save_for_backward(x_ND, weight_OD, *kept)
        ctx.rows, ctx.scalings = [part.rows for part in parts], scalings
        ctx.x_dtype, ctx.trained_dtype = x.dtype, factors[0].dtype
        return y_NO.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x_ND, weight_OD, *kept = ctx.saved_tensors
        [y_gradient] = gradients
        y_gradient_NO = y_gradient.reshape(-1, y_gradient.shape[-1])
        x_gradient_ND = y_gradient_NO @ weight_OD if ctx.needs_input_grad[0] else None
        of_factors: list[Tensor] = []
        for number, (rows, scaling) in enumerate(zip(ctx.rows, ctx.scalings, strict=True)):
            a_RD, b_OR, r_NR, dropped_ND = kept[4 * number : 4 * number + 4]
            own_NO = y_gradient_NO[rows]
            r_gradient_NR = (own_NO @ b_OR).mul_(scaling)
            b_gradient_OR = (own_NO.T @ r_NR).mul_(scaling)
            a_gradient_RD = r_gradient_NR.T @ _without(x_ND[rows], dropped_ND)
            of_factors += [a_gradient_RD.to(ctx.trained_dtype), b_gradient_OR.to(ctx.trained_dtype)]
            if x_gradient_ND is not None:
                through_a_ND = r_gradient_NR @ a_RD
                x_gradient_ND[rows] += through_a_ND if dropped_ND is None else through_a_ND.masked_fill_(dropped_ND, 0)
        x_gradient = None
        if x_gradient_ND is not None:
            x_gradient = x_gradient_ND.to(ctx.x_dtype).view(*y_gradient.shape[:-1], -1)
        return x_gradient, None, None, None, *of_factors


def _without(x_ND: Tensor, dropped_ND: Tensor | None) -> Tensor:
    return x_ND if dropped_ND is None else x_ND.masked_fill(dropped_ND, 0)


def _draw_dropped(x_ND: Tensor, probability: float, generator: torch.Generator | None) -> Tensor:
    """True where dropout zeroes.

    On a CPU each 64-bit random number decides four places, which is four times as fast as `bernoulli_`; `probability`
    is met to 1/65536.
    """
    if x_ND.device.type != "cpu":
        return torch.empty_like(x_ND, dtype=torch.bool).bernoulli_(probability, generator=generator)
    quarters = torch.empty((x_ND.numel() + 3) // 4, dtype=torch.int64).random_(-(2**63), None, generator=generator)
    places = quarters.view(torch.int16)[: x_ND.numel()].view_as(x_ND)
    return places < round(probability * 2**16) - 2**15

"""The fused LoRA layer is peft's, to rounding, and its dropout is dropout."""

import pytest
import torch
from torch import Tensor

from ibft.config.sections import LoRA
from ibft.models.lora import add_lora
from ibft.training.fused_lora import _draw_dropped, _LoraLinear, _Part, fuse_lora
from tests.tiny_model import make_tiny_llama

TOKENS_BT = torch.arange(3 * 9).view(3, 9)


def outcome(*, fused: bool, precision: torch.dtype = torch.float64) -> tuple[Tensor, list[Tensor]]:
    model = make_tiny_llama(64).to(precision)
    torch.manual_seed(0)
    add_lora(model.requires_grad_(False), LoRA(rank=4, alpha=12, dropout=0.0)).to(precision).train()
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_(std=0.1)
    if fused:
        assert fuse_lora(model) == 3 * 7
    logits_BTV = model(TOKENS_BT).logits
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return logits_BTV, list(torch.autograd.grad(logits_BTV.logsumexp(-1).sum(), trained))


def test_outputs_and_gradients_are_those_of_peft() -> None:
    expected, expected_gradients = outcome(fused=False)
    found, gradients = outcome(fused=True)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)
    for gradient, correct in zip(gradients, expected_gradients, strict=True):
        torch.testing.assert_close(gradient, correct, rtol=1e-8, atol=1e-12)


def test_half_precision_is_followed() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        expected, _ = outcome(fused=False, precision=torch.float32)
        found, gradients = outcome(fused=True, precision=torch.float32)
    assert found.dtype == expected.dtype == torch.bfloat16
    torch.testing.assert_close(found, expected, rtol=0.05, atol=0.5)
    assert {gradient.dtype for gradient in gradients} == {torch.float32}


def test_half_precision_follows_each_update() -> None:
    """Also in a second pass before the backward pass of the first."""
    model = make_tiny_llama(64)
    add_lora(model.requires_grad_(False), LoRA(rank=4, dropout=0.0)).train()
    fuse_lora(model)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=0.1, fused=True)

    def logits() -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            found: Tensor = model(TOKENS_BT).logits
        return found

    before = logits()
    torch.testing.assert_close(logits(), before, rtol=0, atol=0)
    before.logsumexp(-1).sum().backward()
    optimizer.step()
    after = logits()
    assert not torch.equal(after, before)
    fuse_lora(model)
    torch.testing.assert_close(logits(), after, rtol=0, atol=0)


@pytest.mark.parametrize("bias", [True, False])
def test_gradients_with_dropout_are_the_derivatives(bias: bool) -> None:
    draw = torch.Generator().manual_seed(1)
    x, w, a, b, c, d = (
        torch.randn(size, generator=draw, dtype=torch.float64)
        for size in ((2, 3, 5), (6, 5), (2, 5), (6, 2), (3, 5), (6, 3))
    )
    offset = torch.randn(6, generator=draw, dtype=torch.float64) if bias else None

    def layer(x: Tensor, a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
        torch.manual_seed(7)
        parts = [
            _Part(slice(0, 4), a.detach(), b.detach(), 1.5, 0.4, None),
            _Part(slice(4, 6), c.detach(), d.detach(), 0.5, 0.4, torch.Generator().manual_seed(3)),
        ]
        return _LoraLinear.apply(x, w, offset, parts, a, b, c, d)

    assert torch.autograd.gradcheck(layer, [tensor.requires_grad_() for tensor in (x, a, b, c, d)])


def test_dropout_drops_its_share_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    assert _draw_dropped(torch.empty(1001, 999), 0.05, None).double().mean().item() == pytest.approx(0.05, abs=1e-3)
    ones, zero = torch.ones(20_000, 8), torch.zeros(1, 8)
    a, b = torch.ones(1, 8), torch.ones(1, 1)
    y = _LoraLinear.apply(ones, zero, None, [_Part(slice(0, 20_000), a, b, 2.0, 0.25, None)], a, b)
    assert y.mean().item() == pytest.approx(16, rel=0.01)
    assert set((y / (2 / 0.75)).round().int().flatten().tolist()) <= set(range(9))

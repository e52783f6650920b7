"""`objective: released-code` against a transcription of the formula that shares no code with the trainer."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor
from torch.nn import functional
from transformers import LlamaForCausalLM

from ibft.config.sections import Method, Training
from ibft.models.encoding import EncodedExample
from ibft.training import model as training_model
from ibft.training.batches import collate
from ibft.training.model import Bottleneck, IBModel
from ibft.training.objective import count_tokens
from ibft.training.recipe import Recipe, make_bottleneck
from tests.tiny_model import make_tiny_llama

PAD, MAX_LENGTH, LAYER = 7, 20, 2
EXAMPLES = [
    EncodedExample.join((11, 12, 13), (14, 15, 16, 17)),
    EncodedExample.join((20,), (21, 22)),
    EncodedExample.join((30, 31), (32,) * 9),
]


def transcribed(
    model: LlamaForCausalLM, bottleneck: Bottleneck, noise_BTZ: Tensor, alpha: float, beta: float
) -> Tensor:
    """What util/ModelWithIB.py of the released code computes on examples padded by train_ib.py."""
    tokens, mask, labels = [], [], []
    for example in EXAMPLES:
        padding = MAX_LENGTH - len(example)
        tokens.append([*example.prompt, *example.response] + [PAD] * padding)
        mask.append([1] * len(example) + [0] * padding)
        labels.append([-100] * len(example.prompt) + list(example.response) + [-100] * padding)
    out = model(torch.tensor(tokens), attention_mask=torch.tensor(mask), output_hidden_states=True)
    head = bottleneck.head
    h_BTD = out.hidden_states[LAYER]
    mu_BTZ = functional.linear(h_BTD, head.mean.weight, head.mean.bias)
    logvar_BTZ = functional.linear(h_BTD, head.log_variance.weight, head.log_variance.bias).clamp(-4.0, 4.0)
    h_bar_BTD = functional.linear(
        mu_BTZ + torch.exp(logvar_BTZ / 2) * noise_BTZ, head.decoder.weight, head.decoder.bias
    )
    kl = -0.5 * (1 + logvar_BTZ - mu_BTZ**2 - torch.exp(logvar_BTZ)).mean()

    def ce(logits_BTV: Tensor) -> Tensor:
        return functional.cross_entropy(logits_BTV[:, :-1].flatten(0, 1), torch.tensor(labels)[:, 1:].flatten())

    return ce(out.logits) + alpha * (kl + beta * ce(model.lm_head(h_bar_BTD)))


@pytest.fixture
def model() -> Iterator[LlamaForCausalLM]:
    model = make_tiny_llama(64).double()
    model.requires_grad_(False)
    model.model.layers[0].mlp.up_proj.weight.requires_grad_(True)  # below l*
    yield model


def test_loss_and_gradients_equal_the_released_formula(
    model: LlamaForCausalLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = Method(kind="ibft", objective="released-code", alpha=0.2, beta=0.01, bottleneck=6)
    bottleneck = make_bottleneck(model, Recipe(method, LAYER, "chat", Training(packing=False), seed=0))
    assert bottleneck is not None
    bottleneck.head.double()
    bottleneck.head.log_variance.weight.data *= 40  # so that the clamp matters
    batch = collate(EXAMPLES, PAD, pad_to=MAX_LENGTH)
    counts = count_tokens(batch.labels_BT, batch.valid_BT, bottleneck.settings.kl_scope)
    noise_BTZ = torch.randn(len(EXAMPLES), MAX_LENGTH, 6, dtype=torch.float64)
    wanted = [model.model.layers[0].mlp.up_proj.weight, *bottleneck.head.parameters()]

    expected = transcribed(model, bottleneck, noise_BTZ, alpha=0.2, beta=0.01)
    expected_gradients = torch.autograd.grad(expected, wanted)
    monkeypatch.setattr(training_model, "draw_noise", lambda *_: noise_BTZ.flatten(0, 1))
    loss = IBModel(model, bottleneck)(batch, counts, (0, 1))
    gradients = torch.autograd.grad(loss.total, wanted)

    limits = bottleneck.head.encode(model.model.embed_tokens.weight)[1].abs() == 4
    assert 0 < limits.sum() < limits.numel()
    assert loss.total.item() == pytest.approx(expected.item(), rel=1e-9)
    for found, correct in zip(gradients, expected_gradients, strict=True):
        torch.testing.assert_close(found, correct, rtol=1e-7, atol=1e-10)

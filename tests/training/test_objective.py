"""The IB-FT loss against a rewrite of the paper's equations that shares no code with it."""

import math

import pytest
import torch
from torch import Tensor

from ibft.models.head import Head
from ibft.training.linear_cross_entropy import linear_cross_entropy
from ibft.training.objective import (
    IGNORED,
    IBHead,
    IBSettings,
    count_tokens,
    ib_ft_loss,
    kl_to_standard_normal,
    kl_tokens,
)

WIDTH, BOTTLENECK, VOCABULARY = 12, 5, 23
PROMPTS, RESPONSES = (3, 1, 4), (4, 6, 2)


def batch(seed: int = 0) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Last hidden, layer hidden, head, labels, valid and token ids of three examples of different lengths."""
    random = torch.Generator().manual_seed(seed)
    length = max(p + r for p, r in zip(PROMPTS, RESPONSES, strict=True))
    tokens_BT = torch.randint(VOCABULARY, (3, length), generator=random)
    labels_BT = torch.full((3, length), IGNORED)
    valid_BT = torch.zeros((3, length), dtype=torch.bool)
    for row, (p, r) in enumerate(zip(PROMPTS, RESPONSES, strict=True)):
        labels_BT[row, p : p + r] = tokens_BT[row, p : p + r]
        valid_BT[row, : p + r] = True
    last_BTD = torch.randn(3, length, WIDTH, generator=random, dtype=torch.float64, requires_grad=True)
    layer_BTD = torch.randn(3, length, WIDTH, generator=random, dtype=torch.float64, requires_grad=True)
    head_VD = torch.randn(VOCABULARY, WIDTH, generator=random, dtype=torch.float64)
    return last_BTD, layer_BTD, head_VD, labels_BT, valid_BT, tokens_BT


def bottleneck_head() -> IBHead:
    torch.manual_seed(1)
    return IBHead(WIDTH, BOTTLENECK).double()


def by_the_equations(
    last_BTD: Tensor, layer_BTD: Tensor, head_VD: Tensor, head: IBHead, noise: dict[tuple[int, int], Tensor],
    tokens_BT: Tensor, alpha: float, beta: float, scope: str,
) -> Tensor:  # fmt: skip
    """Eqs. 1-6 token by token: no masks, no batching, no shared helper."""
    ce, ce_ib, kl = [], [], []
    for row, (p, r) in enumerate(zip(PROMPTS, RESPONSES, strict=True)):
        for t in range(p + r):
            h = layer_BTD[row, t]
            mu = h @ head.mean.weight.T + head.mean.bias
            log_variance = h @ head.log_variance.weight.T + head.log_variance.bias
            predicts = p - 1 <= t < p + r - 1
            if scope == "sequence" or predicts:
                variance = torch.exp(log_variance)
                kl.append(sum((mu[z] ** 2 + variance[z] - 1 - log_variance[z]) / 2 for z in range(BOTTLENECK)))
            if predicts:
                y = tokens_BT[row, t + 1]
                z = mu + torch.sqrt(torch.exp(log_variance)) * noise[row, t]
                reconstructed = z @ head.decoder.weight.T + head.decoder.bias
                ce.append(-torch.log(torch.softmax(head_VD @ last_BTD[row, t], 0)[y]))
                ce_ib.append(-torch.log(torch.softmax(head_VD @ reconstructed, 0)[y]))
    mean = lambda values: sum(values) / len(values)  # noqa: E731
    return mean(ce) + alpha * (mean(kl) + beta * mean(ce_ib))


@pytest.mark.parametrize("scope", ["sequence", "response"])
def test_loss_and_every_gradient_equal_the_equations(scope: str) -> None:
    alpha, beta = 0.1, 0.02
    last_BTD, layer_BTD, head_VD, labels_BT, valid_BT, tokens_BT = batch()
    head = bottleneck_head()
    scope_BT = kl_tokens(labels_BT, valid_BT, scope)
    noise_NZ = torch.randn(int(scope_BT.sum()), BOTTLENECK, dtype=torch.float64)
    noise = {(int(b), int(t)): noise_NZ[n] for n, (b, t) in enumerate(scope_BT.nonzero())}
    wanted = [last_BTD, layer_BTD, *head.parameters()]

    expected = by_the_equations(last_BTD, layer_BTD, head_VD, head, noise, tokens_BT, alpha, beta, scope)
    expected_gradients = torch.autograd.grad(expected, wanted)
    loss = ib_ft_loss(
        last_BTD,
        labels_BT,
        Head(head_VD),
        count_tokens(labels_BT, valid_BT, scope),
        ib_head=head,
        settings=IBSettings(alpha, beta, scope),
        layer_hidden_BTD=layer_BTD,
        valid_BT=valid_BT,
        noise_NZ=noise_NZ,
    )
    gradients = torch.autograd.grad(loss.total, wanted)

    assert loss.total.item() == pytest.approx(expected.item(), rel=1e-12)
    for found, correct in zip(gradients, expected_gradients, strict=True):
        torch.testing.assert_close(found, correct, rtol=1e-9, atol=1e-12)


def test_ft_is_plain_cross_entropy_and_ignores_the_prompt() -> None:
    last_BTD, _, head_VD, labels_BT, valid_BT, _ = batch()
    logits_BTV = last_BTD @ head_VD.T
    expected = torch.nn.functional.cross_entropy(
        logits_BTV[:, :-1].reshape(-1, VOCABULARY), labels_BT[:, 1:].reshape(-1), ignore_index=IGNORED
    )
    loss = ib_ft_loss(last_BTD, labels_BT, Head(head_VD), count_tokens(labels_BT, valid_BT, "sequence"))
    assert loss.total.item() == pytest.approx(expected.item(), rel=1e-12)
    assert loss.kl is None and loss.ce_ib is None


def test_micro_batches_add_up_to_the_batch() -> None:
    last_BTD, layer_BTD, head_VD, labels_BT, valid_BT, _ = batch()
    head, settings = bottleneck_head(), IBSettings(0.3, 0.5, "sequence")
    counts = count_tokens(labels_BT, valid_BT, "sequence")
    noise_NZ = torch.randn(counts.kl, BOTTLENECK, dtype=torch.float64)
    first_tokens = int(valid_BT[0].sum())

    def part(rows: slice, noise: Tensor) -> Tensor:
        return ib_ft_loss(
            last_BTD[rows], labels_BT[rows], Head(head_VD), counts, ib_head=head, settings=settings,
            layer_hidden_BTD=layer_BTD[rows], valid_BT=valid_BT[rows], noise_NZ=noise,
        ).total  # fmt: skip

    whole = part(slice(None), noise_NZ)
    parts = part(slice(0, 1), noise_NZ[:first_tokens]) + part(slice(1, None), noise_NZ[first_tokens:])
    assert parts.item() == pytest.approx(whole.item(), rel=1e-12)


def test_kl_is_blind_to_padding() -> None:
    last_BTD, layer_BTD, head_VD, labels_BT, valid_BT, _ = batch()
    head, settings = bottleneck_head(), IBSettings(1.0, 0.0, "sequence")
    counts = count_tokens(labels_BT, valid_BT, "sequence")
    noise_NZ = torch.zeros(counts.kl, BOTTLENECK, dtype=torch.float64)

    def kl(layer: Tensor) -> Tensor | None:
        return ib_ft_loss(
            last_BTD, labels_BT, Head(head_VD), counts, ib_head=head, settings=settings,
            layer_hidden_BTD=layer, valid_BT=valid_BT, noise_NZ=noise_NZ,
        ).kl  # fmt: skip

    garbage_BTD = torch.where(valid_BT[..., None], layer_BTD, torch.full_like(layer_BTD, 1e6))
    assert kl(layer_BTD) == kl(garbage_BTD)


def test_a_bottleneck_without_its_tensors_is_refused() -> None:
    last_BTD, _, head_VD, labels_BT, valid_BT, _ = batch()
    with pytest.raises(ValueError, match="needs settings"):
        ib_ft_loss(
            last_BTD, labels_BT, Head(head_VD), count_tokens(labels_BT, valid_BT, "sequence"), ib_head=bottleneck_head()
        )


@pytest.mark.parametrize("chunk", [1, 7, 64])
def test_chunked_linear_cross_entropy_equals_torch(chunk: int) -> None:
    hidden_ND = torch.randn(31, WIDTH, dtype=torch.float64, requires_grad=True)
    head_VD = torch.randn(VOCABULARY, WIDTH, dtype=torch.float64)
    targets_N = torch.randint(VOCABULARY, (31,))
    expected = torch.nn.functional.cross_entropy(hidden_ND @ head_VD.T, targets_N, reduction="sum")
    found = linear_cross_entropy(hidden_ND, Head(head_VD), targets_N, chunk=chunk)
    assert math.isclose(found.item(), expected.item(), rel_tol=1e-12)
    (found_gradient,) = torch.autograd.grad(3 * found, hidden_ND)
    (expected_gradient,) = torch.autograd.grad(3 * expected, hidden_ND)
    torch.testing.assert_close(found_gradient, expected_gradient)


def test_a_trainable_head_is_refused() -> None:
    head_VD = torch.randn(VOCABULARY, WIDTH, requires_grad=True)
    with pytest.raises(ValueError, match="frozen head"):
        linear_cross_entropy(torch.randn(2, WIDTH), Head(head_VD), torch.tensor([0, 1]))


def test_normalized_states_keep_kl_finite_at_an_attention_sink() -> None:
    sink_ND = torch.full((1, WIDTH), 25_000.0)
    torch.manual_seed(1)
    raw, normalized = IBHead(WIDTH, BOTTLENECK), IBHead(WIDTH, BOTTLENECK, normalize_hidden=True)
    normalized.load_state_dict(raw.state_dict())
    assert kl_to_standard_normal(*raw.encode(sink_ND)).sum().isinf()
    assert kl_to_standard_normal(*normalized.encode(sink_ND)).sum().item() < 10 * BOTTLENECK
    torch.testing.assert_close(normalized.encode(sink_ND)[0], raw.encode(torch.ones(1, WIDTH))[0])


def test_kl_equals_torch_distributions() -> None:
    mean_NZ, log_variance_NZ = torch.randn(7, BOTTLENECK), torch.randn(7, BOTTLENECK)
    normal = torch.distributions.Normal
    expected_NZ = torch.distributions.kl_divergence(
        normal(mean_NZ, (0.5 * log_variance_NZ).exp()), normal(torch.zeros(BOTTLENECK), torch.ones(BOTTLENECK))
    )
    torch.testing.assert_close(kl_to_standard_normal(mean_NZ, log_variance_NZ), expected_NZ)

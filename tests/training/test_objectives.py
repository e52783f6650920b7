"""Every objective against a rewrite of its formula in float64, what theory says of them, and their parts in LoRA."""

import math

import pandas as pd
import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor

from ibft.config.sections import Method, Training
from ibft.models.head import Head
from ibft.training.batches import pack
from ibft.training.distributed import ALONE
from ibft.training.model import IBModel
from ibft.training.objective import (
    IBHead,
    IBSettings,
    Loss,
    NoisyHead,
    TokenCounts,
    count_tokens,
    ib_ft_loss,
    kl_tokens,
)
from ibft.training.recipe import Recipe, make_bottleneck
from ibft.training.regimes import WATCHED, sentence, unigram_entropy, verdicts
from ibft.training.watch import GradientWatch, kl_facts, shares_and_cosine
from tests.tiny_model import make_tiny_llama
from tests.training.test_objective import BOTTLENECK, PROMPTS, RESPONSES, WIDTH, batch
from tests.training.test_released_code import EXAMPLES

ALPHA, BETA, KL_WEIGHT, NOISE_SCALE = 0.3, 0.05, 0.01, 0.7
SETTINGS = {
    "mean": IBSettings(ALPHA, BETA, "sequence", "mean"),
    "vib": IBSettings(ALPHA, kl_scope="sequence", objective="vib", kl_weight=KL_WEIGHT),
    "vib, mean": IBSettings(ALPHA, kl_scope="response", kl_reduction="mean", objective="vib", kl_weight=KL_WEIGHT),
    "noise": IBSettings(ALPHA, kl_scope="response", objective="noise"),
    "rms": IBSettings(ALPHA, kl_scope="sequence", objective="rms"),
}


def head_of(name: str) -> IBHead | NoisyHead | None:
    torch.manual_seed(1)
    if name == "rms":
        return None
    return (NoisyHead(WIDTH, BOTTLENECK, NOISE_SCALE) if name == "noise" else IBHead(WIDTH, BOTTLENECK)).double()


def by_the_formula(
    name: str, settings: IBSettings, last_BTD: Tensor, layer_BTD: Tensor, head_VD: Tensor,
    head: IBHead | NoisyHead | None, noise: dict[tuple[int, int], Tensor], tokens_BT: Tensor,
) -> Tensor:  # fmt: skip
    """One token at a time, from the weights alone."""
    ce, ce_ib, kl, rms = [], [], [], []
    nll = lambda state_D, y: torch.logsumexp(head_VD @ state_D, 0) - head_VD[y] @ state_D  # noqa: E731
    for row, (p, r) in enumerate(zip(PROMPTS, RESPONSES, strict=True)):
        for t in range(p + r):
            h_D, predicts = layer_BTD[row, t], p - 1 <= t < p + r - 1
            if predicts:
                ce.append(nll(last_BTD[row, t], tokens_BT[row, t + 1]))
            if not predicts and settings.kl_scope == "response":
                continue
            if head is None:
                rms.append(torch.sqrt((h_D * h_D).mean()))
                continue
            mu_Z = head.mean.weight @ h_D + head.mean.bias
            decode = lambda z_Z: head.decoder.weight @ z_Z + head.decoder.bias  # noqa: E731
            if isinstance(head, NoisyHead):
                clean_D = decode(mu_Z)
                decoded_D = clean_D + NOISE_SCALE * torch.sqrt((clean_D**2).mean()) * noise[row, t]
            else:
                variance_Z = torch.exp(head.log_variance.weight @ h_D + head.log_variance.bias)
                of_dimensions_Z = (mu_Z**2 + variance_Z - 1 - torch.log(variance_Z)) / 2
                kl.append(of_dimensions_Z.mean() if settings.kl_reduction == "mean" else of_dimensions_Z.sum())
                decoded_D = decode(mu_Z + torch.sqrt(variance_Z) * noise[row, t])
            if predicts:
                ce_ib.append(nll(decoded_D, tokens_BT[row, t + 1]))
    mean = lambda values: sum(values) / len(values)  # noqa: E731
    if name == "rms":
        return mean(ce) + ALPHA * mean(rms)
    if name == "noise":
        return mean(ce) + ALPHA * mean(ce_ib)
    if settings.objective == "vib":
        return mean(ce) + ALPHA * (mean(ce_ib) + KL_WEIGHT * mean(kl))
    return mean(ce) + ALPHA * (mean(kl) + BETA * mean(ce_ib))


@pytest.mark.parametrize("name", SETTINGS)
def test_loss_and_every_gradient_equal_the_formula(name: str) -> None:
    settings, head = SETTINGS[name], head_of(name)
    last_BTD, layer_BTD, head_VD, labels_BT, valid_BT, tokens_BT = batch()
    scope_BT = kl_tokens(labels_BT, valid_BT, settings.kl_scope)
    noise_NZ = torch.randn(int(scope_BT.sum()), head.noise_width if head else 1, dtype=torch.float64)
    noise = {(int(b), int(t)): noise_NZ[n] for n, (b, t) in enumerate(scope_BT.nonzero())}
    wanted = [last_BTD, layer_BTD, *(head.parameters() if head else ())]

    expected = by_the_formula(name, settings, last_BTD, layer_BTD, head_VD, head, noise, tokens_BT)
    loss = ib_ft_loss(
        last_BTD, labels_BT, Head(head_VD), count_tokens(labels_BT, valid_BT, settings.kl_scope), ib_head=head,
        settings=settings, layer_hidden_BTD=layer_BTD, valid_BT=valid_BT, noise_NZ=noise_NZ if head else None,
    )  # fmt: skip

    assert loss.total.item() == pytest.approx(expected.item(), rel=1e-10)
    assert sum(loss.weighted.values()).item() == pytest.approx(loss.total.item(), rel=1e-12)
    gradients = torch.autograd.grad(loss.total, wanted)
    for found, correct in zip(gradients, torch.autograd.grad(expected, wanted), strict=True):
        assert correct.abs().max() > 0
        torch.testing.assert_close(found, correct, rtol=1e-8, atol=1e-11)


def test_an_objective_without_its_head_or_noise_is_refused() -> None:
    last_BTD, layer_BTD, head_VD, labels_BT, valid_BT, _ = batch()
    given = {"layer_hidden_BTD": layer_BTD, "valid_BT": valid_BT, "settings": SETTINGS["vib"]}
    counts = count_tokens(labels_BT, valid_BT, "sequence")
    with pytest.raises(ValueError, match="vib needs noise_NZ and an ib_head"):
        ib_ft_loss(last_BTD, labels_BT, Head(head_VD), counts, ib_head=head_of("vib"), **given)
    with pytest.raises(ValueError, match="vib needs noise_NZ and an ib_head"):
        ib_ft_loss(last_BTD, labels_BT, Head(head_VD), counts, noise_NZ=torch.zeros(1), **given)


@pytest.mark.parametrize(
    ("settings", "verdict"),
    [
        (IBSettings(1.0, 0.02), "collapsed"),
        (IBSettings(1.0, 0.02, kl_reduction="mean"), "informative"),
        (IBSettings(1.0, objective="vib"), "informative"),
    ],
    ids=["beta 0.02", "beta 0.02, mean of 128 dimensions", "vib"],
)
def test_the_encoder_collapses_below_beta_1_and_not_above(settings: IBSettings, verdict: str) -> None:
    """The state says its token outright, and still a sum of KL with beta 0.02 makes z forget it.

    The mean over 128 dimensions is a sum with beta = 2.56.
    """
    tokens, rows, dimensions = 8, 64, 128
    generator = torch.Generator().manual_seed(0)
    labels_BT = torch.randint(tokens, (rows, 2), generator=generator)
    hidden_BTD = torch.zeros(rows, 2, 16)
    hidden_BTD[:, 0, :tokens] = 4 * torch.nn.functional.one_hot(labels_BT[:, 1], tokens).float()
    head = Head(torch.randn(tokens, 16, generator=generator))
    torch.manual_seed(0)
    ib_head = IBHead(16, dimensions)
    optimizer = torch.optim.Adam(ib_head.parameters(), lr=0.04)
    valid_BT = torch.ones_like(labels_BT, dtype=torch.bool)
    for _ in range(250):
        loss = ib_ft_loss(
            hidden_BTD, labels_BT, head, TokenCounts(rows, rows), ib_head=ib_head, settings=settings,
            layer_hidden_BTD=hidden_BTD, valid_BT=valid_BT, noise_NZ=torch.randn(rows, dimensions, generator=generator),
        )  # fmt: skip
        optimizer.zero_grad()
        loss.total.backward()
        optimizer.step()
    assert loss.kl_Z is not None and loss.ce_ib is not None
    unigram = unigram_entropy(labels_BT[:, 1].bincount().numpy())
    seen = kl_facts(loss.kl_Z) | {"ce_ib": loss.ce_ib.item(), "unigram_nats": unigram, "share_ce": 0.5, "cosine": 0.0}
    found = verdicts(log_of(seen))
    assert list(found) == [verdict], seen
    assert (seen["active_dimensions"] == 0) == (verdict == "collapsed")


def log_of(*rows: dict[str, float]) -> pd.DataFrame:
    empty = dict.fromkeys([*WATCHED, "ce_ib"], math.nan)
    return pd.DataFrame([empty | row for row in rows])


WELL = {"kl_nats": 3.0, "ce_ib": 9.0, "unigram_nats": 4.0, "share_ce": 0.6, "cosine": 0.0}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, []),
        ({"kl_nats": 0.04}, ["collapsed"]),
        ({"uniform_nats": 8.9}, ["collapsing"]),
        ({"uniform_nats": 8.9, "kl_nats": 40.0}, []),
        ({"uniform_nats": 9.1}, []),
        ({"share_ce": 0.99}, ["inert"]),
        ({"cosine": -0.4}, ["fighting"]),
        ({"cosine": -0.4, "share_ce": 0.85}, []),
        ({"ce_ib": 3.9}, ["informative"]),
        ({"kl_nats": 0.01, "share_ce": 0.999, "ce_ib": 4.5}, ["collapsed", "inert"]),
        ({"kl_nats": math.nan, "ce_ib": math.nan, "share_ce": 0.5, "cosine": -0.9}, ["fighting"]),
    ],
    ids=repr,
)
def test_verdicts_are_those_of_the_last_quarter(change: dict[str, float], expected: list[str]) -> None:
    early = {"kl_nats": 60.0, "ce_ib": 12.0, "unigram_nats": 4.0, "share_ce": 0.5, "cosine": 0.1}
    late = WELL | change
    log = log_of(early, {}, early, {}, late, {}, late)
    assert list(verdicts(log)) == expected
    assert all(name in sentence(log) for name in expected or ["none of"])


def test_what_every_step_logs_is_judged_by_every_step_of_the_last_quarter() -> None:
    steps = [{"ce_ib": ce_ib} for ce_ib in (12.0, 9.0, 7.0, 5.0, 4.5, 3.9, 3.0)]
    log = log_of(WELL | {"ce_ib": 13.0}, *steps, WELL | {"ce_ib": 4.1})
    assert verdicts(log) == {"informative": "CE_IB 3.90, below the 4.00 nats of token frequencies"}


def test_nothing_is_judged_where_nothing_was_watched() -> None:
    assert verdicts(log_of({}, {})) == {} and sentence(log_of({}, {})) == ""


@pytest.mark.parametrize(
    "method",
    [
        Method(kind="ibft", bottleneck=6),
        Method(kind="ibft", bottleneck=6, objective="vib"),
        Method(kind="noise", bottleneck=6),
        Method(kind="rms"),
    ],
    ids=lambda method: f"{method.kind} {method.objective}",
)
def test_gradient_shares_equal_autograd_on_each_term(method: Method) -> None:
    model = make_tiny_llama(64)
    model.requires_grad_(False)
    torch.manual_seed(0)
    get_peft_model(model, LoraConfig(r=4, target_modules=["up_proj", "q_proj"], init_lora_weights=False))
    bottleneck = make_bottleneck(model, Recipe(method, 2, "chat", Training(), seed=0))
    ib_model, packed = IBModel(model, bottleneck), pack(EXAMPLES[:1])
    counts = count_tokens(packed.labels_BT, packed.valid_BT, "response")
    below = [p for layer in model.model.layers[:2] for p in layer.parameters() if p.requires_grad]

    def term(name: str) -> Tensor:
        loss: Loss = ib_model(packed, counts, (0, 1))
        gradients = torch.autograd.grad(loss.weighted[name], below, allow_unused=True)
        return torch.cat(
            [torch.zeros(p.numel()) if g is None else g.flatten() for p, g in zip(below, gradients, strict=True)]
        )

    watch = GradientWatch(ib_model)
    loss = ib_model(packed, counts, (0, 1))
    watch.before(loss, lambda value: value)
    loss.total.backward()
    watch.after()
    found = watch.gradients(ALONE)
    expected = {name: term(name) for name in loss.weighted}
    assert found.keys() == expected.keys() and "ce" in found
    norms = {name: gradient.norm().item() for name, gradient in expected.items()}
    for name, gradient in expected.items():
        assert norms[name] > 0
        torch.testing.assert_close(found[name], gradient, rtol=1e-4, atol=1e-5 * sum(norms.values()))
    told = shares_and_cosine(found)
    assert [told[f"share_{name}"] for name in norms] == pytest.approx(
        [n / sum(norms.values()) for n in norms.values()], abs=1e-5
    )
    added = sum(gradient for name, gradient in expected.items() if name != "ce")
    assert told["cosine"] == pytest.approx(float(expected["ce"] @ added / (norms["ce"] * added.norm())), abs=1e-4)

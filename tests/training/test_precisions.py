"""Half precision rounds products, and nothing that has to be exact: positions, KL, means, the state of a run."""

import json
import math
from functools import partial
from pathlib import Path

import pytest
import torch

from ibft.models.encoding import encode_with_profile
from ibft.models.head import Head
from ibft.models.loading import load_model
from ibft.training import backend, loop, recipe
from ibft.training.backend import TorchBackend
from ibft.training.batches import pack
from ibft.training.linear_cross_entropy import linear_cross_entropy
from ibft.training.model import Bottleneck, IBModel
from ibft.training.objective import IBHead, IBSettings, count_tokens, kl_to_standard_normal
from ibft.training.recipe import attention_for
from tests.tiny_model import make_adapter, make_tiny_model
from tests.training.test_loop import EXAMPLES, TRAINING, dies_after, run, weights

HALVES = ("bfloat16", "float16")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("model"))


@pytest.mark.parametrize("precision", HALVES)
@pytest.mark.parametrize("merged", [False, True])
def test_the_frequencies_of_rotary_embeddings_are_not_rounded(
    base: Path, tmp_path: Path, precision: str, merged: bool
) -> None:
    adapter = make_adapter(base, tmp_path / "adapter") if merged else None
    half, _ = load_model(base, adapter, precision, merge=merged)
    whole, _ = load_model(base, None, "float32")
    assert {parameter.dtype for parameter in half.parameters()} == {getattr(torch, precision)}
    assert torch.equal(half.model.rotary_emb.inv_freq, whole.model.rotary_emb.inv_freq)


def test_kl_is_computed_in_float32_at_least() -> None:
    mean_NZ, log_variance_NZ = 0.01 * torch.randn(2, 5, 64).bfloat16()
    found_N = kl_to_standard_normal(mean_NZ, log_variance_NZ).sum(-1)
    exact_N = kl_to_standard_normal(mean_NZ.double(), log_variance_NZ.double()).sum(-1)
    assert (found_N.dtype, exact_N.dtype) == (torch.float32, torch.float64)
    torch.testing.assert_close(found_N.double(), exact_N, rtol=1e-3, atol=0)


def test_a_mean_over_tokens_is_not_rounded_to_bfloat16() -> None:
    torch.manual_seed(0)
    hidden_ND = torch.randn(8, 16).bfloat16().requires_grad_()
    loss = linear_cross_entropy(hidden_ND, Head(torch.randn(50, 16).bfloat16()), torch.arange(8))
    [of_sum_ND] = torch.autograd.grad(loss, hidden_ND, retain_graph=True)
    [of_mean_ND] = torch.autograd.grad(loss / 509, hidden_ND)
    assert torch.equal(of_mean_ND, (of_sum_ND.float() / 509).bfloat16())


@pytest.mark.parametrize("training_precision", ["float32", "bfloat16"])
def test_weights_in_bfloat16_give_the_loss_of_float32(base: Path, training_precision: str) -> None:
    terms = {}
    for precision in ("float32", "bfloat16"):
        model, tokenizer = load_model(base, None, precision)
        torch.manual_seed(0)
        bottleneck = Bottleneck(IBHead(32, 8), IBSettings(alpha=0.1, beta=0.5), layer=2)
        ib_model = IBModel(model, bottleneck, "float32" if precision == "float32" else training_precision)
        batch = pack(encode_with_profile(tokenizer, EXAMPLES, "chat", 512))
        counts = count_tokens(batch.labels_BT, batch.valid_BT, "response")
        with torch.no_grad(), attention_for(model, packing=True):
            terms[precision] = torch.stack(ib_model(batch, counts, (0, 1))).double()
    torch.testing.assert_close(terms["bfloat16"], terms["float32"], rtol=1e-2, atol=0)


@pytest.mark.parametrize("kind", ["ft", "ibft"])
@pytest.mark.parametrize("training_precision", ["float32", "bfloat16"])
def test_weights_in_bfloat16_train(base: Path, tmp_path: Path, kind: str, training_precision: str) -> None:
    training = TRAINING.model_copy(update={"precision": training_precision})
    halved = run(base, tmp_path / "half", kind, training, frozen="bfloat16")
    whole = run(base, tmp_path / "whole", kind, TRAINING)
    assert [row["ce"] for row in halved] == pytest.approx([row["ce"] for row in whole], rel=0.05)


@pytest.mark.parametrize("precision", HALVES)
@pytest.mark.parametrize("killed_after", [2, 5])
def test_a_killed_run_in_half_precision_ends_in_the_same_bytes(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: str, killed_after: int
) -> None:
    """The loss scale of float16 begins so high, and grows so fast, that some steps are skipped and others are not."""
    scaler = partial(torch.amp.GradScaler, init_scale=2.0**18, growth_interval=1)
    monkeypatch.setattr(backend.torch.amp, "GradScaler", scaler)
    monkeypatch.setattr(
        recipe, "_make_backend", lambda ib_model, training, world, _: TorchBackend(ib_model, training, world)
    )
    training = TRAINING.model_copy(update={"precision": precision, "epochs": 4})
    undisturbed = run(base, tmp_path / "undisturbed", "ft", training)
    skipped = [not math.isfinite(row["gradient_norm"]) for row in undisturbed]
    assert any(skipped[:killed_after]) == (precision == "float16") and not all(skipped)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(loop, "progress", dies_after(killed_after))
        run(base, tmp_path / "killed", "ft", training)
    assert json.dumps(run(base, tmp_path / "killed", "ft", training)) == json.dumps(undisturbed)
    assert weights(tmp_path / "killed") == weights(tmp_path / "undisturbed")

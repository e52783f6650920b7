"""Packed rows: the same losses and gradients as padded ones, and no example sees another."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from ibft.config.sections import LoRA, Method, Training
from ibft.models.attention import packed_arguments
from ibft.models.encoding import EncodedExample
from ibft.models.lora import add_lora
from ibft.runtime.errors import UserError
from ibft.training import loop
from ibft.training.batches import Batch, batch_order, collate, micro_batches, pack
from ibft.training.model import IBModel
from ibft.training.objective import IGNORED, count_tokens
from ibft.training.recipe import Recipe, attention_for, make_bottleneck
from tests.tiny_model import make_tiny_llama, make_tiny_model
from tests.training.test_loop import TRAINING, run

EXAMPLES = [
    EncodedExample.join((11, 12, 13), (14, 15, 16, 17), index=4),
    EncodedExample.join((20,), (21, 22), index=0),
    # Nothing predicts the first token of this one, least of all the example before it.
    EncodedExample.join((), (23, 24, 25), index=9),
    EncodedExample.join((30, 31), (32, 33, 32, 34, 35, 36), index=7),
]


def make_ib_model(scope: str) -> IBModel:
    model = make_tiny_llama(64).double()
    torch.manual_seed(5)
    add_lora(model.requires_grad_(False), LoRA(rank=4, dropout=0)).double()
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_(std=0.05)
    bottleneck = make_bottleneck(
        model, Recipe(Method(kind="ibft", bottleneck=6, kl_scope=scope), 2, "chat", Training(), 0)
    )
    assert bottleneck is not None
    bottleneck.head.double()
    return IBModel(model, bottleneck)


def loss_and_gradients(batches: list[Batch], scope: str, *, packed: bool) -> tuple[Tensor, list[Tensor]]:
    ib_model = make_ib_model(scope)
    each = [count_tokens(batch.labels_BT, batch.valid_BT, scope) for batch in batches]
    counts = type(each[0])(sum(c.response for c in each), sum(c.kl for c in each))
    with attention_for(ib_model.model, packing=packed):
        total = torch.stack([ib_model(batch, counts, (1, 2)).total for batch in batches]).sum()
    return total, list(torch.autograd.grad(total, list(ib_model.trained().values())))


@pytest.mark.parametrize("scope", ["response", "sequence"])
def test_packed_and_padded_and_alone_are_the_same(scope: str) -> None:
    alone, gradients_alone = loss_and_gradients([collate([e], 0) for e in EXAMPLES], scope, packed=False)
    for batch in (collate(EXAMPLES, 0), pack(EXAMPLES)):
        loss, gradients = loss_and_gradients([batch], scope, packed=batch.packed)
        assert loss.item() == pytest.approx(alone.item(), rel=1e-10)
        for found, correct in zip(gradients, gradients_alone, strict=True):
            torch.testing.assert_close(found, correct, rtol=1e-8, atol=1e-12)


def test_no_example_sees_another() -> None:
    model = make_ib_model("response").model
    spans = tuple(len(example) for example in EXAMPLES)

    def states(first_token: int) -> Tensor:
        tokens_1T = pack(EXAMPLES).tokens_BT.clone()
        tokens_1T[0, 0] = first_token
        return model.get_decoder()(tokens_1T, use_cache=False, **packed_arguments(spans, model.device))[0]

    with attention_for(model, packing=True):
        changed, same = (states(40) - states(41))[0].abs().sum(-1).split([spans[0], sum(spans[1:])])
    assert (changed > 0).all()
    assert (same == 0).all()


def test_a_packed_row_has_labels_on_responses_only() -> None:
    batch = pack(EXAMPLES[:3])
    assert batch.labels_BT[0].tolist() == [IGNORED] * 3 + [14, 15, 16, 17, IGNORED, 21, 22, IGNORED, 24, 25]
    assert packed_arguments(batch.spans, torch.device("cpu"))["position_ids"][0, 5:9].tolist() == [5, 6, 0, 1]


def test_packed_runs_fill_the_token_budget() -> None:
    examples = [EncodedExample.join((1,) * n, (2,)) for n in (30, 5, 9, 100, 12)]
    assert [[len(e) for e in r] for r in micro_batches(examples, 60, packed=True)] == [[6, 10, 13, 31], [101]]


def test_a_packed_run_trains_as_a_padded_one_on_the_same_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "batch_order", lambda *order, packed: batch_order(*order, packed=False))
    base = make_tiny_model(tmp_path / "model")
    still = TRAINING.model_copy(update={"lora": LoRA(rank=4, dropout=0)})
    padded = run(base, tmp_path / "padded", "ibft", still.model_copy(update={"packing": False}))
    packed = run(base, tmp_path / "packed", "ibft", still)
    assert [row["loss"] for row in packed] == pytest.approx([row["loss"] for row in padded], rel=1e-4)


@pytest.mark.parametrize("change", [{"layer_types": ["sliding_attention"]}, {"sliding_window": 8}])
def test_attention_that_cannot_be_kept_apart_is_refused(change: dict[str, object]) -> None:
    model = make_tiny_llama(64)
    vars(model.config).update(change)
    with pytest.raises(UserError, match=r"training\.packing: the attention of llama"):
        attention_for(model, packing=True)


def test_a_model_without_exchangeable_attention_is_refused() -> None:
    config = SimpleNamespace(model_type="recurrent")
    config.get_text_config = lambda: config

    class Recurrent(SimpleNamespace):
        @staticmethod
        def is_backend_compatible() -> bool:
            return False

    with pytest.raises(UserError, match=r"training\.packing: the attention of recurrent"):
        attention_for(Recurrent(config=config), packing=True)  # type: ignore[arg-type]

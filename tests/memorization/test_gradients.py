"""GraNd and EL2N from one batched backward pass, against plain autograd on one example at a time."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn.functional import cross_entropy, one_hot
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ibft.config.sections import Gradients, LoRA, Training
from ibft.gradients import grand
from ibft.gradients.frugal import autocast_within, frugal_passes
from ibft.gradients.grand import GradientScoring, score_gradients
from ibft.gradients.lora_gradients import example_gradients, lora_linears
from ibft.gradients.warm_up import fresh_adapter, warm_up
from ibft.models.architecture import layers
from ibft.models.encoding import EncodedExample
from ibft.models.loading import load_model
from ibft.runtime.errors import UserError
from ibft.store.journal import Journal

LORA = LoRA(rank=4, dropout=0.1)
WARM_UP = Training(learning_rate=1e-2, packing=False)
PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
Tiny = tuple[PreTrainedModel, PreTrainedTokenizerBase]


@pytest.fixture
def model(tiny_folder: Path) -> Iterator[PreTrainedModel]:
    """The tiny model with an adapter on all seven projections of each layer whose B is not zero."""
    model, _ = load_model(tiny_folder, None, "float32")
    with fresh_adapter(model, LORA, seed=1):
        random = torch.Generator().manual_seed(2)
        for linear in lora_linears(model):
            linear.weight.data.normal_(0, 0.1, generator=random)
        yield model.eval()


@pytest.fixture(scope="session")
def texts() -> list[EncodedExample]:
    """Random texts of very different lengths, so that most of a batch of them is padding."""
    random = np.random.default_rng(0)
    lengths = (3, 5, 9, 17, 40, 90)
    return [EncodedExample(random.integers(3, 300, n).astype(np.int32), response_from=n // 3) for n in lengths]


def reference(model: PreTrainedModel, text: EncodedExample, reduction: str) -> tuple[float, float]:
    """(gradient norm over all trainable parameters, mean EL2N) of one example, from the model's own logits."""
    ids = torch.tensor(text.ids.tolist())
    model.zero_grad()
    logits = model(ids[None]).logits[0, text.first_predicted - 1 : -1]
    targets = ids[text.first_predicted :]
    cross_entropy(logits, targets, reduction=reduction).backward()
    squared = sum(p.grad.double().square().sum() for p in model.parameters() if p.grad is not None)
    error = logits.detach().softmax(-1) - one_hot(targets, logits.shape[-1])
    return float(squared) ** 0.5, error.norm(dim=-1).mean().item()


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_a_padded_batch_equals_autograd_on_each_example(
    reduction: str, model: PreTrainedModel, texts: list[EncodedExample]
) -> None:
    assert len(lora_linears(model)) == 2 * len(PROJECTIONS) * model.config.num_hidden_layers
    grand, el2n = example_gradients(model, texts, reduction)
    expected = [reference(model, text, reduction) for text in texts]
    np.testing.assert_allclose(np.stack([grand, el2n], axis=1), expected, rtol=1e-4)


def test_each_projection_takes_part(model: PreTrainedModel, texts: list[EncodedExample]) -> None:
    """Dropping any of the seven from the sum would be seen: each has a gradient of its own."""
    everything = example_gradients(model, texts[-1:], "mean")[0].item()
    for projection in PROJECTIONS:
        frozen = [p for name, p in model.named_parameters() if projection in name and "lora" in name]
        for parameter in frozen:
            parameter.requires_grad_(False)
        assert reference(model, texts[-1], "mean")[0] < everything * (1 - 1e-4)
        for parameter in frozen:
            parameter.requires_grad_(True)


def test_at_initialisation_the_gradient_of_a_is_zero(tiny: Tiny, texts: list[EncodedExample]) -> None:
    with fresh_adapter(tiny[0], LORA, seed=0):
        reference(tiny[0], texts[-1], "mean")
        of_a = [p.grad.norm().item() for name, p in tiny[0].named_parameters() if "lora_A" in name]
        assert of_a and max(of_a) == 0
        grand, _ = example_gradients(tiny[0], texts, "mean")
        np.testing.assert_allclose(grand, [reference(tiny[0], text, "mean")[0] for text in texts], rtol=1e-4)


def test_an_adapter_leaves_the_model_as_it_was(tiny: Tiny, texts: list[EncodedExample]) -> None:
    model = tiny[0]
    before = {name: parameter.clone() for name, parameter in model.named_parameters()}
    with fresh_adapter(model, LORA, seed=0):
        warm_up(model, [texts[:2]] * 2, WARM_UP.model_copy(update={"micro_batch_tokens": 64}))
    after = dict(model.named_parameters())
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_warming_up_lowers_the_loss_and_parts_do_not_change_it(tiny: Tiny, texts: list[EncodedExample]) -> None:
    """A group that does not fit one forward pass runs in parts, with the same gradient."""
    lora = LoRA(rank=4, dropout=0)
    errors = []
    for batch_tokens in (32, 4096):
        with fresh_adapter(tiny[0], lora, seed=0):
            start = example_gradients(tiny[0], texts, "mean")[1]
            warm_up(tiny[0], [texts] * 8, WARM_UP.model_copy(update={"micro_batch_tokens": batch_tokens}))
            errors.append(example_gradients(tiny[0], texts, "mean")[1])
    assert errors[0].mean() < start.mean() - 0.01
    torch.testing.assert_close(errors[0], errors[1], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_frugal_passes_give_the_same_and_keep_less(
    dtype: torch.dtype, model: PreTrainedModel, texts: list[EncodedExample]
) -> None:
    expected = torch.stack(example_gradients(model, texts, "mean"))
    for name, parameter in model.named_parameters():
        if "lora_" not in name:
            parameter.data = parameter.data.to(dtype)

    def kept_and_scores() -> tuple[int, torch.Tensor]:
        kept = 0

        def count(tensor: torch.Tensor) -> torch.Tensor:
            nonlocal kept
            kept += tensor.nbytes
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            hidden_BTD = model.get_decoder()(torch.arange(64)[None], use_cache=False).last_hidden_state
        del hidden_BTD
        return kept, torch.stack(example_gradients(model, texts, "mean"))

    plain, _ = kept_and_scores()
    with frugal_passes(model, on_cpu=True), autocast_within(model):
        frugal, found = kept_and_scores()
    assert frugal < plain / 4
    torch.testing.assert_close(found, expected, rtol=1e-6 if dtype == torch.float32 else 0.05, atol=1e-6)
    assert not any("forward" in vars(layer) for layer in layers(model))


def test_a_batch_that_a_gpu_does_not_hold_is_scored_in_parts(
    model: PreTrainedModel, texts: list[EncodedExample], monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = dict(enumerate(texts))
    whole = grand._rows(batch, grand.norms(model, "mean"), 4096)

    def small(model: PreTrainedModel, texts: list[EncodedExample], reduction: str) -> object:
        if len(texts) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return example_gradients(model, texts, reduction)

    monkeypatch.setattr(grand, "example_gradients", small)
    np.testing.assert_allclose(grand._rows(batch, grand.norms(model, "mean"), 4096), whole, rtol=1e-5)


def scoring(**settings: object) -> GradientScoring:
    return GradientScoring(
        settings=Gradients.model_validate({"warmup_steps": 2, "batch_tokens": 512} | settings),
        lora=LORA,
        profile="chat",
        max_length=256,
        learning_rate=1e-3,
        seed=0,
    )


def run(tiny: Tiny, examples: pd.DataFrame, how: GradientScoring, folder: Path) -> pd.DataFrame:
    with Journal(folder / "journal", repr(how)) as journal:
        return score_gradients(*tiny, examples, how, journal)


def test_scores_are_means_over_initialisations(tiny: Tiny, examples: pd.DataFrame, tmp_path: Path) -> None:
    one, two = (run(tiny, examples, scoring(initialisations=n), tmp_path) for n in (1, 2))
    assert two["example_id"].tolist() == examples["example_id"].tolist()
    assert (two[["grand", "el2n"]] > 0).all(axis=None)
    assert not np.allclose(one["grand"], two["grand"], rtol=1e-3)
    pd.testing.assert_frame_equal(run(tiny, examples, scoring(initialisations=2), tmp_path), two)


def test_an_example_without_room_for_its_response_has_no_gradient(
    tiny: Tiny, examples: pd.DataFrame, tmp_path: Path
) -> None:
    crowded = examples.copy()
    crowded.loc[3, "instruction"] = "x " * 500
    scores = run(tiny, crowded, scoring(initialisations=1), tmp_path)
    assert scores.loc[3, ["tokens", "grand", "el2n"]].tolist() == [0, 0, 0]
    assert (scores.drop(index=3)["grand"] > 0).all()


def test_a_dataset_without_any_response_is_refused(tiny: Tiny, examples: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no example has a response token"):
        run(tiny, examples.assign(instruction="x " * 500), scoring(), tmp_path)


def test_float16_does_not_lose_gradients_below_its_smallest_number(
    model: PreTrainedModel, texts: list[EncodedExample]
) -> None:
    """A head of small weights gives states gradients of about 1e-8, which float16 rounds to 0."""
    head = torch.nn.Linear(model.config.hidden_size, model.config.vocab_size, bias=False)
    head.weight.data = model.get_output_embeddings().weight.detach().half().float() * 1e-5
    model.set_output_embeddings(head)
    for name, parameter in model.named_parameters():
        if "lora_" not in name:
            parameter.data = parameter.data.half().float()
    expected, _ = example_gradients(model, texts, "mean")
    for name, parameter in model.named_parameters():
        if "lora_" not in name:
            parameter.data = parameter.data.half()
    found, _ = example_gradients(model, texts, "mean")
    np.testing.assert_allclose(found, expected, rtol=0.05)


def test_a_gradient_that_is_not_finite_is_refused(model: PreTrainedModel, texts: list[EncodedExample]) -> None:
    model.get_output_embeddings().weight.data[5] = torch.inf
    with pytest.raises(UserError, match=r"GraNd .* not finite .* models.NAME.precision"):
        example_gradients(model, texts, "mean")

"""Influence is a dot product of gradients, and says which way the held-out loss moves."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from ibft.config.jobs import MeasureInfluence
from ibft.config.sections import Gradients, LoRA
from ibft.gradients.grand import GradientScoring
from ibft.gradients.influence import mean_gradient, measure_influence, pulls_and_norms
from ibft.gradients.lora_gradients import lora_linears
from ibft.gradients.warm_up import fresh_adapter
from ibft.models.encoding import EncodedExample
from ibft.models.loading import load_model
from ibft.runtime.errors import UserError
from ibft.store.journal import Journal
from ibft.store.parquet import read_table, write_table
from ibft.store.schemas import EXAMPLES, INFLUENCE
from tests.memorization.conftest import script

LORA_SETTINGS = LoRA(rank=4, dropout=0)


@pytest.fixture
def model(tiny_folder: Path) -> Iterator[PreTrainedModel]:
    """The tiny model with an adapter whose B is not zero."""
    model, _ = load_model(tiny_folder, None, "float32")
    with fresh_adapter(model, LORA_SETTINGS, seed=1):
        random = torch.Generator().manual_seed(2)
        for linear in lora_linears(model):
            linear.weight.data.normal_(0, 0.1, generator=random)
        yield model.eval()


@pytest.fixture(scope="module")
def texts() -> list[EncodedExample]:
    random = np.random.default_rng(0)
    return [EncodedExample(random.integers(3, 300, n).astype(np.int32), response_from=n // 3) for n in (7, 40, 18, 25)]


def loss(model: PreTrainedModel, text: EncodedExample) -> Tensor:
    ids = torch.tensor(text.ids.tolist())
    logits = model(ids[None]).logits[0, text.first_predicted - 1 : -1]
    return cross_entropy(logits, ids[text.first_predicted :])


def autograd(model: PreTrainedModel, text: EncodedExample) -> dict[nn.Module, Tensor]:
    model.zero_grad()
    loss(model, text).backward()
    return {linear: linear.weight.grad.clone() for linear in lora_linears(model)}


@pytest.mark.parametrize("in_pass", [64, 4096])
def test_pulls_are_dot_products_of_autograds_gradients(
    model: PreTrainedModel, texts: list[EncodedExample], in_pass: int
) -> None:
    each = [autograd(model, text) for text in texts]
    mean = {linear: sum(of[linear] for of in each[2:]) / 2 for linear in each[0]}
    towards = mean_gradient(model, texts[2:], "mean", in_pass)
    for linear, expected in mean.items():
        torch.testing.assert_close(towards[linear], expected, rtol=1e-4, atol=1e-5)
    pulls, norms = pulls_and_norms(model, texts[:2], towards, "mean")
    dots = [float(sum((of[linear] * mean[linear]).sum() for linear in mean)) for of in each[:2]]
    np.testing.assert_allclose(pulls, dots, rtol=1e-3)
    np.testing.assert_allclose(
        norms, [float(sum(g.square().sum() for g in of.values())) ** 0.5 for of in each[:2]], 1e-4
    )


def test_a_small_step_moves_the_held_out_loss_by_minus_the_pull(
    model: PreTrainedModel, texts: list[EncodedExample]
) -> None:
    example, other, size = texts[1], texts[3], 1e-3
    pull = float(pulls_and_norms(model, [example], mean_gradient(model, [other], "mean", 4096), "mean")[0])
    gradient, losses = autograd(model, example), []
    for steps in (1, -2):  # against the gradient, then as far to the other side
        with torch.no_grad():
            for linear, of_layer in gradient.items():
                linear.weight -= steps * size * of_layer
            losses.append(float(loss(model, other)))
    assert (losses[0] - losses[1]) / (2 * size) == pytest.approx(-pull, rel=0.05, abs=2e-3)


def scoring(**settings: object) -> GradientScoring:
    chosen = Gradients.model_validate({"warmup_steps": 2, "batch_tokens": 512, "initialisations": 1} | settings)
    return GradientScoring(chosen, LORA_SETTINGS, "chat", 120, 1e-2, 0)


def test_an_example_that_is_also_held_out_has_the_highest_cosine_with_it(
    tiny_folder: Path, examples: pd.DataFrame, tmp_path: Path
) -> None:
    few = examples.head(6)
    model, tokenizer = load_model(tiny_folder, None, "float32")
    with Journal(tmp_path / "journal", "key") as journal:
        found = measure_influence(model, tokenizer, few, few.iloc[[2]], scoring(), journal)
        assert found["example_id"].tolist() == few["example_id"].tolist()
        assert found["cosine"].idxmax() == 2 and found["cosine"][2] == pytest.approx(1, abs=1e-4)
        again = measure_influence(model, tokenizer, few, few.iloc[[2]], scoring(), journal)
    pd.testing.assert_frame_equal(found, again)
    with Journal(tmp_path / "other", "key") as journal, pytest.raises(UserError, match="no held-out example"):
        short = GradientScoring(scoring().settings, LORA_SETTINGS, "chat", 3, 1e-2, 0)
        measure_influence(model, tokenizer, few, few.iloc[[2]], short, journal)


def test_the_stage_writes_a_row_for_each_example(tiny_folder: Path, examples: pd.DataFrame, tmp_path: Path) -> None:
    for name, rows in (("training", examples.head(6)), ("held_out", examples.tail(3))):
        write_table(tmp_path / f"{name}.parquet", EXAMPLES, rows.assign(history=None)[EXAMPLES.schema.names])
    job = MeasureInfluence(gradients=scoring().settings, lora=LORA_SETTINGS, max_length=120, learning_rate=1e-2)
    arguments = ["--job", job.as_json(), "--model", tiny_folder, "--output", tmp_path / "influence.parquet"]
    arguments += ["--examples", tmp_path / "training.parquet", "--held-out", tmp_path / "held_out.parquet"]
    script("measure_influence")(arguments)
    found = read_table(tmp_path / "influence.parquet", INFLUENCE)
    assert found["example_id"].tolist() == examples["example_id"].head(6).tolist()
    assert found["cosine"].abs().max() <= 1 and found["pull"].abs().min() > 0

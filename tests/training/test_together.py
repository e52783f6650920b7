"""Variants of one base that are trained together learn what they learn alone."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from ibft.config.sections import LoRA, Method, Training
from ibft.models.loading import load_model
from ibft.store.manifests import write_manifest
from ibft.training import together
from ibft.training.checkpoint import Checkpoints
from ibft.training.recipe import Recipe, Task, fine_tune
from tests.tiny_model import make_tiny_model
from tests.training.test_loop import EXAMPLES, HELD_OUT

TRAINING = Training(
    epochs=2, batch_size=4, learning_rate=1e-2, micro_batch_tokens=100, watch_every=2, lora=LoRA(rank=4, dropout=0.05)
)
METHODS: dict[str, dict[str, Any]] = {
    "ft": {"kind": "ft"},
    "ibft": {"kind": "ibft", "bottleneck": 8},
    "warm": {"kind": "ibft", "bottleneck": 8, "head_warmup_steps": 3, "clip": "apart", "layer": 1},
    "noise": {"kind": "noise"},
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_tiny_model(tmp_path_factory.mktemp("base"))
    write_manifest(folder)
    return folder


def task(folder: Path, name: str, number: int) -> Task:
    """Each has its own seed, rank and share of the examples, so that no two take equally many steps."""
    training = TRAINING.model_copy(update={"lora": LoRA(rank=4 + number, dropout=0.05), "epochs": 1 + number})
    method = Method(**METHODS[name])
    recipe = Recipe(method, int(method.layer) if name == "warm" else 2, "chat", training, seed=number)
    checkpoints = Checkpoints(folder / name / "checkpoint.safetensors", 2, recipe.key)
    return Task(recipe, EXAMPLES.iloc[number:], folder / name / "adapter", checkpoints, HELD_OUT, 2)


def tasks(folder: Path) -> list[Task]:
    return [task(folder, name, number) for number, name in enumerate(METHODS)]


@pytest.fixture(scope="module")
def alone(base: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Any]]:
    folder = tmp_path_factory.mktemp("alone")
    return folder, [fine_tune(*load_model(base, None, "float32"), [each])[0] for each in tasks(folder)]


def assert_as_alone(found: list[Any], folder: Path, alone: tuple[Path, list[Any]]) -> None:
    expected_in, expected = alone
    for name, own, other in zip(METHODS, found, expected, strict=True):
        for table in ("log", "held_out"):
            pd.testing.assert_frame_equal(
                pd.DataFrame(getattr(own, table)), pd.DataFrame(getattr(other, table)), rtol=1e-4, atol=1e-5
            )
        files = sorted(file.name for file in (expected_in / name / "adapter").iterdir())
        assert sorted(file.name for file in (folder / name / "adapter").iterdir()) == files
        for file in files:
            at, other_at = (place / name / "adapter" / file for place in (folder, expected_in))
            if file.endswith(".safetensors"):
                weights, other_weights = load_file(at), load_file(other_at)
                assert weights.keys() == other_weights.keys()
                for key, weight in weights.items():
                    torch.testing.assert_close(weight, other_weights[key], rtol=1e-5, atol=1e-5)
            else:
                assert at.read_bytes() == other_at.read_bytes()


def test_variants_together_learn_what_they_learn_alone(
    base: Path, alone: tuple[Path, list[Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes: list[int] = []
    shared = together.backward_together

    def counted(parts: Any, *others: Any) -> Any:
        passes.append(len(parts))
        return shared(parts, *others)

    monkeypatch.setattr(together, "backward_together", counted)
    found = fine_tune(*load_model(base, None, "float32"), tasks(tmp_path))
    assert max(passes) == len(METHODS) and min(passes) == 1
    assert_as_alone(found, tmp_path, alone)


def test_killed_and_resumed_together_they_learn_the_same(
    base: Path, alone: tuple[Path, list[Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kill comes between the checkpoints of two variants, so that they go on from different steps."""
    left, take = [9], together.take_steps

    def killed(asked: Any) -> Any:
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        return take(asked)

    monkeypatch.setattr(together, "take_steps", killed)
    with pytest.raises(KeyboardInterrupt):
        fine_tune(*load_model(base, None, "float32"), tasks(tmp_path))
    monkeypatch.setattr(together, "take_steps", take)
    assert_as_alone(fine_tune(*load_model(base, None, "float32"), tasks(tmp_path)), tmp_path, alone)


def test_where_memory_does_not_hold_a_shared_pass_each_takes_its_own(
    base: Path, alone: tuple[Path, list[Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_much(*_: Any) -> Any:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(together, "backward_together", too_much)
    assert_as_alone(fine_tune(*load_model(base, None, "float32"), tasks(tmp_path)), tmp_path, alone)

"""Rows of the steps lie in a journal, a pass that a GPU does not hold is halved, and neither changes a result."""

from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from ibft.runtime.errors import UserError
from ibft.training import loop
from ibft.training.batches import Batch
from ibft.training.checkpoint import Checkpoints
from ibft.training.distributed import ALONE
from ibft.training.model import IBModel
from ibft.training.step_rows import StepRows
from tests.training.test_loop import TRAINING, LoRA, base, dies_after, run, weights

__all__ = ["base"]  # the fixture


def entry(step: int) -> dict[str, dict[str, int]]:
    return {"log": {"step": step, "response_tokens": 10 * step}, "speed": {"seconds": 1}}


def test_a_checkpoint_does_not_grow_with_the_steps(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KeyboardInterrupt), monkeypatch.context() as patch:
        patch.setattr(loop, "progress", dies_after(3))
        run(base, tmp_path, "ft")
    with safe_open(tmp_path / "checkpoint.safetensors", "pt") as checkpoint:
        assert set(checkpoint.metadata()) == {"key", "step", "scaler"}


def test_rows_ahead_of_the_checkpoint_are_made_again(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "checkpoint.safetensors", 2, "key")
    rows = StepRows(checkpoints, ALONE, finished=0)
    for step in (1, 2, 3):
        rows.append(entry(step))
    rows.close()
    whole = checkpoints.rows.read_bytes()
    with checkpoints.rows.open("ab") as torn:
        torn.write(b"0123456789abcdef {half")
    again = StepRows(checkpoints, ALONE, finished=2)
    assert again.response_tokens == 20
    again.append(entry(3))
    again.close()
    assert checkpoints.rows.read_bytes() == whole
    with pytest.raises(UserError, match="lacks rows of the 4 steps"):
        StepRows(checkpoints, ALONE, finished=4)


@pytest.mark.parametrize("kind", ["ft", "ibft"])
def test_a_pass_that_a_gpu_does_not_hold_is_halved(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    still = TRAINING.model_copy(update={"lora": LoRA(rank=4, dropout=0), "epochs": 1})
    whole = run(base, tmp_path / "whole", kind, still)
    passes: list[int] = []
    forward = IBModel.forward

    def small(ib_model: IBModel, batch: Batch, *arguments: object) -> object:
        passes.append(len(batch.indices))
        if len(batch.indices) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(ib_model, batch, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(IBModel, "forward", small)
    halved = run(base, tmp_path / "halved", kind, still)
    assert passes[0] > 2
    assert sum(size > 2 for size in passes) <= 2  # later steps begin small
    for found, expected in zip(halved, whole, strict=True):
        assert found["loss"] == pytest.approx(expected["loss"], rel=1e-5)
        assert found["gradient_norm"] == pytest.approx(expected["gradient_norm"], rel=1e-4)
    assert set(weights(tmp_path / "halved")) == set(weights(tmp_path / "whole"))

    monkeypatch.setattr(IBModel, "forward", lambda *_: (_ for _ in ()).throw(torch.OutOfMemoryError("CUDA")))
    with pytest.raises(torch.OutOfMemoryError):
        run(base, tmp_path / "none", kind, still)

"""TensorBoard and Weights & Biases, for those who ask for them; the Parquet log is always written."""

import importlib
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ibft.runtime.errors import UserError

Tracker = Callable[[int, dict[str, float]], None]  # takes a step and its numbers


def check_trackers(tensorboard: bool, wandb: str | None) -> None:
    """Raise `UserError` where a package is missing: call it before any work starts."""
    for key, package, wanted in (
        ("compute.tensorboard", "tensorboard", tensorboard),
        ("compute.wandb", "wandb", wandb is not None),
    ):
        if wanted and importlib.util.find_spec(package) is None:
            raise UserError(
                f"{key}: package {package} is not installed: run `uv pip install {package}`, or unset the key"
            )


def open_trackers(tensorboard: Path | None, wandb: str | None, settings: dict[str, Any]) -> list[Tracker]:
    """Writers of event files to the folder `tensorboard`, and of a run in the W&B project `wandb`."""
    trackers: list[Tracker] = []
    if tensorboard is not None:
        writer = importlib.import_module("torch.utils.tensorboard").SummaryWriter(str(tensorboard))

        def to_tensorboard(step: int, numbers: dict[str, float]) -> None:
            for name, number in numbers.items():
                writer.add_scalar(f"training/{name}", number, step)
            writer.flush()

        trackers.append(to_tensorboard)
    if wandb is not None:
        run = importlib.import_module("wandb").init(project=wandb, config=settings)
        trackers.append(lambda step, numbers: run.log(numbers, step=step))
    return trackers

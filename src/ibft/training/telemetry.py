"""Speed and memory of each step, and curves for TensorBoard and Weights & Biases where somebody asks for them.

Both are kept apart from TRAINING_LOG, which is always written: no two runs agree in their speed.
"""

import importlib
import importlib.util
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import torch

from ibft.runtime.errors import UserError
from ibft.training.distributed import World

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


@contextmanager
def stopwatch(step: int, response_tokens: int, world: World) -> Iterator[dict[str, Any]]:
    """A row that is complete on leaving. Tokens are those of all processes, memory is this one's.

    `resident_mib` is after the step, `gpu_peak_mib` up to it; without a GPU the latter is None. A GPU is still at work
    when a step's commands are given: it is waited for one step later, so that times are right on the whole.
    """
    row: dict[str, Any] = {"step": step}
    started = time.perf_counter()
    yield row
    seconds = time.perf_counter() - started
    row |= {
        "seconds": seconds,
        "response_tokens_per_s": response_tokens / seconds,
        "processes": world.size,
        "resident_mib": psutil.Process().memory_info().rss / 2**20,
        "gpu_peak_mib": torch.cuda.max_memory_allocated() / 2**20 if torch.cuda.is_available() else None,
    }

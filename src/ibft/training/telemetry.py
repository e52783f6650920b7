"""Speed and memory of each step, kept apart from TRAINING_LOG: no two runs agree in their speed."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import torch

from ibft.training.distributed import World


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

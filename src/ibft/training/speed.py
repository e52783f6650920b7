"""How fast steps are and how much memory they take: kept apart from TRAINING_LOG, because no two runs agree in it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import torch

from ibft.training.distributed import World

Row = dict[str, Any]


@contextmanager
def stopwatch(step: int, response_tokens: int, world: World) -> Iterator[Row]:
    """A row that is complete on leaving. Tokens are those of all processes, memory is this one's.

    `resident_mib` is after the step, `gpu_peak_mib` up to it; without a GPU the latter is None.
    """
    row: Row = {"step": step}
    started = time.perf_counter()
    yield row
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    seconds = time.perf_counter() - started
    row |= {
        "seconds": seconds,
        "response_tokens_per_s": response_tokens / seconds,
        "processes": world.size,
        "resident_mib": psutil.Process().memory_info().rss / 2**20,
        "gpu_peak_mib": torch.cuda.max_memory_allocated() / 2**20 if torch.cuda.is_available() else None,
    }

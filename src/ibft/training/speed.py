"""How fast steps are and how much memory they take: TRAINING_SPEED, apart from the log, which must repeat itself."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import torch

from ibft.training.processes import Processes

Row = dict[str, Any]


@contextmanager
def stopwatch(step: int, response_tokens: int, processes: Processes) -> Iterator[Row]:
    """A row of TRAINING_SPEED that is complete on leaving. Tokens are those of all processes, memory is this one's."""
    row: Row = {"step": step}
    started = time.perf_counter()
    yield row
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    seconds = time.perf_counter() - started
    row |= {
        "seconds": seconds,
        "response_tokens_per_s": response_tokens / seconds,
        "processes": processes.count,
        "resident_mib": psutil.Process().memory_info().rss / 2**20,
        "gpu_peak_mib": torch.cuda.max_memory_allocated() / 2**20 if torch.cuda.is_available() else None,
    }

"""Seconds and peak memory of a piece of work, and the least time that its matrix products could take."""

import ctypes
import gc
import resource
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import psutil
import torch
from transformers import PreTrainedModel

Result = TypeVar("Result")
MIB = 2**20


@dataclass(frozen=True)
class Cost:
    seconds: float
    peak_mib: float  # above what was in use before: GPU memory on a GPU, resident memory on a CPU


def measured(work: Callable[[], Result], device: torch.device) -> tuple[Result, Cost]:
    """Do `work` once and say what it cost."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        started = time.perf_counter()
        result = work()
        torch.cuda.synchronize()
        seconds = time.perf_counter() - started
        return result, Cost(seconds, (torch.cuda.max_memory_allocated() - before) / MIB)
    _return_freed_memory()
    with _ResidentPeak() as peak:
        started = time.perf_counter()
        result = work()
        seconds = time.perf_counter() - started
    return result, Cost(seconds, peak.bytes / MIB)


def forward_flops(model: PreTrainedModel, lengths: Sequence[int], head_tokens: int) -> float:
    """Operations of one forward pass over texts of these lengths, without padding.

    Two per weight and token in the decoder's linear layers, the causal half of the attention products, and the head at
    the `head_tokens` positions where it is needed.
    """
    config = model.config
    linear = sum(m.weight.numel() for m in model.get_decoder().modules() if isinstance(m, torch.nn.Linear))
    width = config.num_attention_heads * (
        getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    )
    attention = config.num_hidden_layers * 2 * width * sum(length**2 for length in lengths)
    return 2.0 * linear * sum(lengths) + attention + 2.0 * config.hidden_size * config.vocab_size * head_tokens


def matmul_rate(model: PreTrainedModel, tokens: int) -> float:
    """Operations per second of this machine on the model's largest matrix product, best of several runs."""
    config = model.config
    left = torch.randn(tokens, config.hidden_size, device=model.device, dtype=model.dtype)
    right = torch.randn(config.hidden_size, config.intermediate_size, device=model.device, dtype=model.dtype)
    repeats = max(1, round(2e9 / left.numel() / config.intermediate_size))

    def multiply() -> None:
        for _ in range(repeats):
            left @ right

    seconds = min(measured(multiply, model.device)[1].seconds for _ in range(5))
    return 2.0 * left.numel() * config.intermediate_size * repeats / seconds


def print_comparison(costs: dict[str, list[Cost]], tokens: int, floor_seconds: float) -> None:
    """One line per way of doing the same work, the fastest of its runs, and how near the first comes to the floor."""
    best = {name: min(runs, key=lambda cost: cost.seconds) for name, runs in costs.items()}
    first = next(iter(best.values()))
    print(f"{'':28}{'seconds':>10}{'tokens/s':>10}{'peak MiB':>10}{'speed':>8}")
    for name, cost in best.items():
        speed = cost.seconds / first.seconds
        print(f"{name:28}{cost.seconds:10.2f}{tokens / cost.seconds:10.0f}{cost.peak_mib:10.0f}{1 / speed:7.2f}x")
    print(f"{'floor (matrix products)':28}{floor_seconds:10.2f}{tokens / floor_seconds:10.0f}")
    print(f"the first runs at {floor_seconds / first.seconds:.0%} of the floor's speed")
    print(f"peak memory of the process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


def _return_freed_memory() -> None:
    """Have the C library give freed memory back, or the second piece of work would reuse what the first one left."""
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)


class _ResidentPeak:
    """Samples the resident memory of this process every few milliseconds."""

    def __init__(self) -> None:
        self.bytes = 0
        self._process = psutil.Process()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self) -> None:
        while not self._stop.wait(0.005):
            self.bytes = max(self.bytes, self._process.memory_info().rss - self._before)

    def __enter__(self) -> "_ResidentPeak":
        self._before = self._process.memory_info().rss
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

"""These measurements time the real steps on this device, at the paper's sizes, and count how often one waits for it."""

import importlib
import importlib.util
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, get_args

import torch
from transformers import PreTrainedModel

from ibft.config.sections import LoRA, Method, Training
from ibft.gradients.frugal import frugal_passes
from ibft.gradients.lora_gradients import example_gradients
from ibft.memorization.scoring import token_statistics
from ibft.models import attention
from ibft.models.architecture import decoder
from ibft.models.attention import packed_attention
from ibft.models.encoding import EncodedExample
from ibft.models.lora import add_lora
from ibft.models.pass_memory import Stage, tokens_of_pass
from ibft.training.backend import TorchBackend
from ibft.training.distributed import ALONE
from ibft.training.fused_lora import fuse_lora
from ibft.training.model import IBModel
from ibft.training.recipe import Recipe, make_trainable
from ibft.training.step import Order, Stepper
from measuring.shapes import Shape, texts

Found = dict[str, Any]
LENGTH = 400  # tokens of an example, as in the paper's data
_GIB = 2**30


def gemm_peak(device: torch.device, size: int) -> float:
    """Operations per second of a square product in bfloat16."""
    a, b = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    return 2 * size**3 / seconds_of(lambda: a @ b, device, repeats=10)


def seconds_of(run: Callable[[], Any], device: torch.device, repeats: int = 5) -> float:
    """Seconds of one call on the average, after two to warm up. The device is waited for at the end alone."""
    for _ in range(2):
        run()
    _wait(device)
    started = time.perf_counter()
    for _ in range(repeats):
        run()
    _wait(device)
    return (time.perf_counter() - started) / repeats


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


@contextmanager
def stepping(
    model: PreTrainedModel, kind: str, examples: Sequence[EncodedExample], *, checkpointing: bool = False
) -> Iterator[Callable[[], None]]:
    """Inside, the function given out takes one whole step of FT or IB-FT over all of `examples` in one pass."""
    settings = Training(precision="bfloat16", micro_batch_tokens=2**30, gradient_checkpointing=checkpointing)
    recipe = Recipe(Method(kind=kind), max(1, 2 * model.config.num_hidden_layers // 3), "chat", settings, seed=0)
    with_lora, [ib_model] = make_trainable(model, [recipe])
    stepper = Stepper(TorchBackend(ib_model, settings, ALONE), ib_model, settings, 0, ALONE)
    ib_model.train()
    steps = 0

    def step() -> None:
        nonlocal steps
        steps += 1
        stepper.take(Order(examples, (0, steps), 1e-4))

    try:
        with packed_attention(model):
            yield step
    finally:
        if checkpointing:
            model.gradient_checkpointing_disable()
            model.disable_input_require_grads()
        with_lora.unload()
        decoder(model)._forward_pre_hooks.clear()  # of the fused layers that are gone
        model.eval()


def waits(shape: Shape, device: torch.device) -> Found:
    """Count how often a step waits for the device, and how many kernels it starts."""
    model = shape.model(device)
    with stepping(model, "ibft", texts(4 * LENGTH, LENGTH)) as step:
        step()
        if device.type != "cuda":
            return {"left out": "a CPU is never waited for"}
        torch.cuda.set_sync_debug_mode("warn")
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                step()
        finally:
            torch.cuda.set_sync_debug_mode("default")
        found = [str(w.message) + f" ({w.filename}:{w.lineno})" for w in caught if "synchroniz" in str(w.message)]
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
            step()
            torch.cuda.synchronize()
    kernels = sum(event.count for event in profile.key_averages())
    return {"waits": len(found), "most": 2, "right": len(found) <= 2, "kernels": kernels, "where": sorted(set(found))}


def operations(shape: Shape, tokens: int, length: int, heads: int, *, trained: bool) -> float:
    """Operations of one pass: LoRA needs no gradient of the weights, so 4 per weight and token instead of 6."""
    times = 2 if trained else 1
    products = 2 * times * shape.parameters() * tokens
    of_attention = 2 * times * shape.layers * shape.width * tokens * length  # causal: half of all pairs
    return products + of_attention + 2 * times * heads * shape.width * shape.vocabulary * tokens * 2 / 3


class Bench:
    """Measurements at one size. The model is made with the first of them, on the device."""

    def __init__(self, shape: Shape, device: torch.device, peak: float, repeats: int) -> None:
        """
        Args:
            peak: operations per second of the device, of which utilisation is a share.
        """
        self.shape, self.device, self.peak, self.repeats = shape, device, peak, repeats

    @cached_property
    def model(self) -> PreTrainedModel:
        return self.shape.model(self.device)

    def _texts(self, tokens: int) -> list[EncodedExample]:
        return texts(tokens, min(LENGTH, tokens), self.shape.vocabulary)

    def training(self, kind: str, tokens: int, *, varlen: bool = True) -> Found:
        examples = self._texts(tokens)
        has = attention.has_varlen
        if not varlen:
            attention.has_varlen = lambda _: False
        try:
            with _peak_memory(self.device) as memory, stepping(self.model, kind, examples) as step:
                seconds = seconds_of(step, self.device, self.repeats)
        finally:
            attention.has_varlen = has
        return self._row(examples, seconds, memory, heads=1 if kind == "ft" else 2)

    def scoring(self, tokens: int) -> Found:
        examples = self._texts(tokens)
        ids = [text.ids for text in examples]

        def score() -> None:
            token_statistics(self.model, ids, [1] * len(ids), packed=True)

        with _peak_memory(self.device) as memory, packed_attention(self.model):
            seconds = seconds_of(score, self.device, self.repeats)
        return self._row(examples, seconds, memory, trained=False)

    def grand(self, tokens: int) -> Found:
        examples = self._texts(tokens)
        with_lora = add_lora(self.model, LoRA())
        self.model.eval()
        try:
            with _peak_memory(self.device) as memory, frugal_passes(self.model):
                seconds = seconds_of(lambda: example_gradients(self.model, examples, "mean"), self.device, self.repeats)
        finally:
            with_lora.unload()
        return self._row(examples, seconds, memory)

    def padded_peft(self, tokens: int) -> Found:
        """The usual way: transformers and peft, a padded batch, logits of every position, AdamW."""
        examples = self._texts(tokens)
        ids_BT = torch.stack([torch.from_numpy(text.ids).long() for text in examples]).to(self.device)
        labels_BT = ids_BT.clone()
        labels_BT[:, : examples[0].response_from] = -100
        with_lora = add_lora(self.model, LoRA())
        trained = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        optimizer = torch.optim.AdamW(trained, lr=1e-4, fused=True)
        self.model.train()

        def step() -> None:
            with torch.autocast(self.device.type, torch.bfloat16):
                loss = self.model(input_ids=ids_BT, labels=labels_BT, use_cache=False).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()
            optimizer.zero_grad()

        try:
            with _peak_memory(self.device) as memory:
                seconds = seconds_of(step, self.device, self.repeats)
        finally:
            with_lora.unload()
            self.model.eval()
        return self._row(examples, seconds, memory)

    def with_liger(self, tokens: int) -> Found:
        """The same with Liger's kernels, by which TRL trains; left out where they are not installed.

        The last of all: the model keeps them.
        """
        if importlib.util.find_spec("liger_kernel") is None:
            return {"left out": "liger_kernel is not installed"}
        importlib.import_module("liger_kernel.transformers").apply_liger_kernel_to_llama(model=self.model)
        return self.padded_peft(tokens)

    def auto_sizes(self) -> Found:
        """Return the sizes that `auto` chooses with this model loaded and nothing else on the device."""
        stages = get_args(Stage)
        return {"sizes": {stage: tokens_of_pass("auto", self.model, stage) for stage in stages}}

    def _row(
        self,
        examples: Sequence[EncodedExample],
        seconds: float,
        memory: dict[str, float | None],
        *,
        heads: int = 1,
        trained: bool = True,
    ) -> Found:
        tokens = sum(map(len, examples))
        work = operations(self.shape, tokens, len(examples[0]), heads, trained=trained)
        return {
            "tokens": tokens,
            "ms": 1000 * seconds,
            "tokens_per_s": tokens / seconds,
            "mfu": work / seconds / self.peak,
            **memory,
        }


def precisions(shape: Shape, device: torch.device, steps: int) -> Found:
    """Losses of FT in bfloat16 against float32, on the same float32 weights and the same batches."""
    losses: dict[str, list[float]] = {}
    examples = texts(4 * 64, 64, shape.vocabulary)
    for precision in ("float32", "bfloat16"):
        model = shape.model(device, torch.float32)
        settings = Training.model_validate({"precision": precision, "lora": {"dropout": 0.0}})
        torch.manual_seed(0)
        add_lora(model, settings.lora)
        fuse_lora(model)
        ib_model = IBModel(model, None, precision)
        stepper = Stepper(TorchBackend(ib_model, settings, ALONE), ib_model, settings, 0, ALONE)
        with packed_attention(model):
            taken = [stepper.take(Order(examples, (0, step), 1e-3)) for step in range(steps)]
        losses[precision] = [each.read(step)["ce"] for step, each in enumerate(taken)]
    pairs = zip(losses["float32"], losses["bfloat16"], strict=True)
    furthest = max(abs(half / whole - 1) for whole, half in pairs)
    ends = {name: round(found[-1], 4) for name, found in losses.items()}
    return {"value": furthest, "most": 0.05, "right": furthest <= 0.05, "last losses": ends}


@contextmanager
def _peak_memory(device: torch.device) -> Iterator[dict[str, float | None]]:
    """GiB of the device's memory at the highest, everything counted; None on a CPU."""
    memory: dict[str, float | None] = {"peak_gib": None}
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    yield memory
    if device.type == "cuda":
        memory["peak_gib"] = torch.cuda.max_memory_allocated() / _GIB

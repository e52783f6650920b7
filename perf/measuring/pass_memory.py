"""The meta device computes nothing and holds nothing, but knows sizes and dtypes: bytes are counted on it, at any size.

The passes are those that a GPU runs, in half precision. Left out are what a GPU's allocator rounds up, CUDA's own
memory, and what kernels take for themselves; attention runs text by text, as its one kernel for all exists on CUDA alone.
"""

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ibft.config.sections import LoRA
from ibft.gradients.frugal import frugal_passes
from ibft.gradients.lora_gradients import example_gradients
from ibft.memorization.scoring import token_statistics
from ibft.models.attention import packed_attention
from ibft.models.lora import add_lora
from ibft.models.pass_memory import Stage, bytes_of_head, bytes_per_token
from measuring.gpu_speed import LENGTH, stepping
from measuring.shapes import Shape, texts

META = torch.device("meta")
FEW, MANY = 4 * LENGTH, 12 * LENGTH  # tokens of two passes, the difference of which is what tokens take
STAGES: tuple[Stage, ...] = ("memorization", "gradients", "training", "training_checkpointed")


class LiveBytes(TorchDispatchMode):
    """Counts the bytes of tensors on the meta device that are made inside and live, and the most of them at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.live = self.peak = 0
        self._counted: weakref.WeakSet[torch.UntypedStorage] = weakref.WeakSet()

    def __torch_dispatch__(
        self, function: Callable[..., Any], _types: Any, arguments: Any = (), options: Any = None
    ) -> Any:
        made = function(*arguments, **(options or {}))
        for tensor in tree_leaves(made):
            if isinstance(tensor, Tensor) and tensor.is_meta:
                self._count(tensor.untyped_storage())
        return made

    def _count(self, storage: torch.UntypedStorage) -> None:
        if storage in self._counted:
            return
        self._counted.add(storage)
        size = storage.nbytes()
        self.live += size
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._forget, size)

    def _forget(self, size: int) -> None:
        self.live -= size


@contextmanager
def as_on_a_gpu() -> Iterator[None]:
    """Inside, what the meta device lacks is replaced by what takes as many bytes: autocast, noise, attention's kernel."""

    def noise(_batch: Any, scope_BT: Tensor, width: int, like: Tensor, _seed: Any) -> Tensor:
        return torch.empty(int(scope_BT.sum()), width, dtype=torch.float32, device=like.device)

    with (
        patch("torch.autocast", lambda *_, **__: nullcontext()),
        patch("torch.is_autocast_enabled", lambda *_: False),
        patch("ibft.models.attention.has_varlen", lambda _: False),
        patch("ibft.training.model.draw_noise", noise),
    ):
        yield


def peak_bytes(shape: Shape, stage: Stage, tokens: int, kind: str = "ft") -> int:
    """Bytes that one pass of so many tokens takes beside the weights, at the highest."""
    model = shape.model(META)
    examples = texts(tokens, LENGTH, shape.vocabulary)
    with as_on_a_gpu():
        if stage == "memorization":
            with packed_attention(model), LiveBytes() as counted:
                ids = [text.ids for text in examples]
                token_statistics(model, ids, [1] * len(ids), packed=True)
        elif stage == "gradients":
            add_lora(model, LoRA())
            with frugal_passes(model), LiveBytes() as counted:
                example_gradients(model.eval(), examples, "mean")
        else:
            checkpointing = stage == "training_checkpointed"
            with stepping(model, kind, examples, checkpointing=checkpointing) as step, LiveBytes() as counted:
                step()
    return counted.peak


def compared(shape: Shape, stage: Stage) -> tuple[float, float]:
    """Bytes that each token takes beyond the first ones, as counted and by the formula of `auto`."""
    few, many = (peak_bytes(shape, stage, tokens) for tokens in (FEW, MANY))
    return (many - few) / (MANY - FEW), bytes_per_token(shape.model(META), stage)


def weights(shape: Shape) -> int:
    """Bytes of the weights, in half precision."""
    return sum(parameter.numel() * parameter.itemsize for parameter in shape.model(META).parameters())


def fixed(shape: Shape) -> float:
    """Bytes that a pass takes however short it is: the logits that exist at a time."""
    return bytes_of_head(shape.model(META))

"""The meta device computes nothing and holds nothing, but knows sizes and dtypes: bytes are counted on it, at any size.

The passes are those that a GPU runs, in half precision, with an attention that keeps what FlashAttention does. Left out
are what a GPU's allocator rounds up, CUDA's own memory, and what kernels take for the moment.
"""

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from itertools import chain
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import PreTrainedModel

from ibft.config.sections import LoRA
from ibft.gradients.frugal import frugal_passes
from ibft.gradients.lora_gradients import example_gradients
from ibft.memorization.scoring import token_statistics
from ibft.models.attention import packed_attention
from ibft.models.lora import add_lora
from ibft.models.pass_memory import Stage, tokens_within
from measuring.gpu_speed import LENGTH, stepping
from measuring.shapes import Shape, texts

META = torch.device("meta")
STAGES: tuple[Stage, ...] = ("memorization", "gradients", "training", "training_checkpointed")


class LiveBytes(TorchDispatchMode):
    """Counts the bytes of tensors on the meta device that are made inside and live, and the most of them at a time.

    What is taken to the CPU arrives there as zeros, and a single number that Python asks for is 1.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        """
        Args:
            model: its weights do not count, of which operations make views.
        """
        super().__init__()
        self.live = self.peak = 0
        self._counted = weakref.WeakSet(p.untyped_storage() for p in chain(model.parameters(), model.buffers()))

    def __torch_dispatch__(
        self, function: Callable[..., Any], _types: Any, arguments: Any = (), options: Any = None
    ) -> Any:
        options = options or {}
        first = arguments[0] if arguments else None
        if isinstance(first, Tensor) and first.is_meta:
            if function is torch.ops.aten._local_scalar_dense.default:
                return 1
            if options.get("device") == torch.device("cpu"):
                return torch.zeros(first.shape, dtype=options.get("dtype") or first.dtype)
        made = function(*arguments, **options)
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


class _Attention(torch.autograd.Function):
    """Keeps what FlashAttention keeps for the backward pass: query, key, value, output, and a sum for each row."""

    @staticmethod
    def forward(context: Any, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        output = torch.empty_like(query)
        sums = torch.empty(query.shape[:-1], dtype=torch.float32, device=query.device)
        context.save_for_backward(query, key, value, output, sums)
        return output

    @staticmethod
    def backward(context: Any, *_: Tensor) -> tuple[Tensor, ...]:
        query, key, value, *_ = context.saved_tensors
        return torch.empty_like(query), torch.empty_like(key), torch.empty_like(value)


@contextmanager
def as_on_a_gpu() -> Iterator[None]:
    """Replace what the meta device lacks by what takes as many bytes: autocast, noise, kernels."""

    def attention(query: Tensor, key: Tensor, value: Tensor, **_: Any) -> Any:
        return _Attention.apply(query, key, value)

    def noise(_batch: Any, scope_BT: Tensor, width: int, like: Tensor, _seed: Any) -> Tensor:
        return torch.empty(int(scope_BT.sum()), width, dtype=torch.float32, device=like.device)

    with (
        patch("torch.autocast", lambda *_, **__: nullcontext()),
        patch("torch.is_autocast_enabled", lambda *_: False),
        patch("torch.nn.functional.scaled_dot_product_attention", attention),
        patch("torch.optim.adam._device_dtype_check_for_fused", lambda *_, **__: None),
        patch("transformers.masking_utils.find_packed_sequence_indices", lambda _: None),
        patch("ibft.models.attention.has_varlen", lambda _: False),
        patch("ibft.training.model.draw_noise", noise),
    ):
        yield


def peak_bytes(shape: Shape, stage: Stage, tokens: int, kind: str = "ft") -> int:
    """Count the bytes that one pass of so many tokens takes beside the weights, at the highest."""
    model = shape.model(META)
    examples = texts(tokens, LENGTH, shape.vocabulary)
    with as_on_a_gpu():
        if stage == "memorization":
            with packed_attention(model), LiveBytes(model) as counted:
                ids = [text.ids for text in examples]
                token_statistics(model, ids, [1] * len(ids), packed=True)
        elif stage == "gradients":
            add_lora(model, LoRA())
            with frugal_passes(model), LiveBytes(model) as counted:
                example_gradients(model.eval(), examples, "mean")
        else:
            checkpointing = stage == "training_checkpointed"
            with stepping(model, kind, examples, checkpointing=checkpointing) as step, LiveBytes(model) as counted:
                step()
    return counted.peak


def tokens_chosen(shape: Shape, stage: Stage, free: float) -> int:
    """Return how many tokens `auto` puts into a pass with so many bytes free, once the adapter is there."""
    model = shape.model(META)
    if stage != "memorization":
        add_lora(model, LoRA())
    return tokens_within(free, model, stage)


def bytes_of_weights(shape: Shape) -> int:
    """Count the bytes of the weights, in half precision."""
    return sum(parameter.numel() * parameter.itemsize for parameter in shape.model(META).parameters())

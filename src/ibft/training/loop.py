"""The training loop for FT and IB-FT, top to bottom.

A plain loop rather than transformers' Trainer (docs/adr/0002-plain-training-loop.md): logits only where a response
token is predicted, the state of layer l* by a hook, means over the exact global token counts, and a resume that ends
in the same bytes are each a few lines here.
"""

import logging
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel, get_cosine_schedule_with_warmup

from ibft.config import Training
from ibft.errors import UserError
from ibft.models.loading import DTYPES
from ibft.progress import track
from ibft.training.attention import packed_arguments
from ibft.training.batches import Batch, EncodedExample, batch_order, collate, micro_batches, pack
from ibft.training.checkpoint import load_checkpoint, save_checkpoint
from ibft.training.objective import (
    IBHead,
    IBSettings,
    Loss,
    TokenCounts,
    count_tokens,
    ib_ft_loss,
    kl_tokens,
)

logger = logging.getLogger(__name__)

_LOG_EVERY_STEPS = 10


@dataclass(frozen=True)
class Bottleneck:
    """What makes FT into IB-FT: the head, its settings, and the layer l* (an index from 1) that it reads."""

    head: IBHead
    settings: IBSettings
    layer: int


@dataclass(frozen=True)
class Checkpoints:
    """Where a run saves itself, how often, and the digest of everything that its result depends on."""

    path: Path
    every_steps: int
    key: str


def train(
    model: PreTrainedModel,
    examples: Sequence[EncodedExample],
    settings: Training,
    *,
    seed: int,
    pad_token: int,
    bottleneck: Bottleneck | None = None,
    checkpoints: Checkpoints,
) -> list[dict[str, Any]]:
    """Train the parameters of `model` (and of the bottleneck) that require gradients, in place.

    Args:
        model: a causal language model whose trunk carries LoRA layers; its head must be frozen.
        checkpoints: where to resume from and to save to; the caller removes the file when the result is safe.

    Returns:
        One row per optimizer step, as in `ibft.tables.TRAINING_LOG`.

    Raises:
        UserError: float16 on a CPU, an example that has no response token left, or a loss that is not finite.
    """
    _check(model, examples, settings)
    parameters = trainable_parameters(model, bottleneck)
    optimizer = _optimizer(parameters, settings)
    steps_per_epoch = math.ceil(len(examples) / settings.batch_size)
    steps = max(1, round(settings.epochs * steps_per_epoch))
    done, log = load_checkpoint(checkpoints.path, checkpoints.key, parameters, optimizer)
    warmup_steps = math.ceil(settings.warmup_ratio * steps)
    schedule = get_cosine_schedule_with_warmup(optimizer, warmup_steps, steps, last_epoch=done - 1)
    scaler = torch.amp.GradScaler(enabled=settings.precision == "float16")
    if done:
        logger.info("resuming after step %d of %d", done, steps)

    model.train()
    pad_to = settings.max_length if bottleneck and bottleneck.settings.kl_scope == "padded" else 0
    response_tokens = int(log[-1]["response_tokens"]) if log else 0
    remaining = _batches(examples, settings, seed, range(done, steps), steps_per_epoch)
    for step, chosen in track(remaining, "training", unit="steps", total=steps, done=done):
        runs = micro_batches(chosen, settings.micro_batch_tokens, pad_to=pad_to, packed=settings.packing)
        batches = [pack(run) if settings.packing else collate(run, pad_token, pad_to) for run in runs]
        counts = _global_counts(batches, bottleneck)
        torch.manual_seed(_step_seed(seed, step))
        parts = [_backward(model, batch, counts, bottleneck, settings, scaler, (seed, step)) for batch in batches]
        _check_finite(step, parts)
        scaler.unscale_(optimizer)
        norm = nn.utils.clip_grad_norm_(parameters.values(), settings.max_gradient_norm)
        rate = schedule.get_last_lr()[0]
        scaler.step(optimizer)
        scaler.update()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)

        response_tokens += counts.response
        log.append(_log_row(step, step / steps_per_epoch, parts, rate, norm, response_tokens))
        if step % _LOG_EVERY_STEPS == 0 or step == steps:
            logger.info("step %d/%d %s", step, steps, _readable(log[-1]))
        if step % checkpoints.every_steps == 0 and step < steps:
            save_checkpoint(checkpoints.path, checkpoints.key, step, parameters, optimizer, log)
    model.eval()
    return log


def _optimizer(parameters: dict[str, nn.Parameter], settings: Training) -> torch.optim.AdamW:
    """AdamW; the schedule of a resumed run needs to be told the initial rate."""
    group = {"params": list(parameters.values()), "initial_lr": settings.learning_rate}
    return torch.optim.AdamW([group], lr=settings.learning_rate, betas=(0.9, 0.999), weight_decay=settings.weight_decay)


def _batches(
    examples: Sequence[EncodedExample], settings: Training, seed: int, finished_before: range, steps_per_epoch: int
) -> Iterator[tuple[int, list[EncodedExample]]]:
    """(step, its examples) for each remaining step; an epoch's order is made once, as it takes long on large data.

    `finished_before` holds, for each remaining step, how many steps come before it.
    """
    lengths = [len(example) for example in examples]
    order: list[list[int]] = []
    order_epoch = -1
    for finished in finished_before:
        epoch, position = divmod(finished, steps_per_epoch)
        if epoch != order_epoch:
            order, order_epoch = batch_order(lengths, settings.batch_size, seed, epoch), epoch
        yield finished + 1, [examples[index] for index in order[position]]


def _backward(
    model: PreTrainedModel,
    batch: Batch,
    counts: TokenCounts,
    bottleneck: Bottleneck | None,
    settings: Training,
    scaler: torch.amp.GradScaler,
    noise_seed: tuple[int, int],
) -> Loss:
    """Add the gradient of one micro-batch, and return its loss."""
    with torch.autocast(model.device.type, DTYPES[settings.precision], settings.precision != "float32"):
        loss = micro_batch_loss(model, batch.to(model.device), counts, bottleneck, noise_seed)
    scaler.scale(loss.total).backward()  # type: ignore[no-untyped-call]
    return loss


def micro_batch_loss(
    model: PreTrainedModel,
    batch: Batch,
    counts: TokenCounts,
    bottleneck: Bottleneck | None,
    noise_seed: tuple[int, int],
) -> Loss:
    """One forward pass through the trunk, and the objective on top of it."""
    layout = packed_arguments(batch.spans, model.device) if batch.packed else {}
    if batch.states_of_padding:
        layout["attention_mask"] = batch.valid_BT
    with _captured_layer(model, bottleneck) as captured:
        output = model.get_decoder()(input_ids=batch.tokens_BT, use_cache=False, **layout)
    head_weight_VD = model.get_output_embeddings().weight
    if bottleneck is None:
        return ib_ft_loss(output.last_hidden_state, batch.labels_BT, head_weight_VD, counts)
    layer_hidden_BTD = captured[0]
    scope_BT = kl_tokens(batch.labels_BT, batch.valid_BT, bottleneck.settings.kl_scope)
    return ib_ft_loss(
        output.last_hidden_state,
        batch.labels_BT,
        head_weight_VD,
        counts,
        ib_head=bottleneck.head,
        settings=bottleneck.settings,
        layer_hidden_BTD=layer_hidden_BTD,
        valid_BT=batch.valid_BT,
        noise_NZ=draw_noise(batch, scope_BT, bottleneck.head.decoder.in_features, layer_hidden_BTD.dtype, noise_seed),
    )


def draw_noise(batch: Batch, scope_BT: Tensor, width: int, dtype: torch.dtype, noise_seed: tuple[int, int]) -> Tensor:
    """eps_NZ for the tokens in scope, from one stream per (training seed, step, example).

    So it does not depend on which examples share a micro-batch, a row or a process.
    """
    noise = []
    for index, in_scope in zip(batch.indices, torch.split(scope_BT.flatten(), list(batch.spans)), strict=True):
        [stream] = np.random.SeedSequence([*noise_seed, index]).generate_state(1, np.uint64)
        generator = torch.Generator(scope_BT.device).manual_seed(int(stream))
        noise.append(torch.randn(int(in_scope.sum()), width, generator=generator, device=scope_BT.device, dtype=dtype))
    return torch.cat(noise)


def trainable_parameters(model: PreTrainedModel, bottleneck: Bottleneck | None) -> dict[str, nn.Parameter]:
    """Parameters that require gradients, by name, those of the bottleneck under `ib_head.`."""
    named = [(f"model.{name}", parameter) for name, parameter in model.named_parameters()]
    if bottleneck:
        named += [(f"ib_head.{name}", parameter) for name, parameter in bottleneck.head.named_parameters()]
    return {name: parameter for name, parameter in named if parameter.requires_grad}


@contextmanager
def _captured_layer(model: PreTrainedModel, bottleneck: Bottleneck | None) -> Iterator[list[Tensor]]:
    """Catch the output of layer l* while the trunk runs, instead of keeping the states of all layers."""
    captured: list[Tensor] = []
    if bottleneck is None:
        yield captured
        return

    def keep(_layer: nn.Module, _arguments: Any, output: Any) -> None:
        captured.append(output[0] if isinstance(output, tuple) else output)

    handle = model.get_decoder().layers[bottleneck.layer - 1].register_forward_hook(keep)
    try:
        yield captured
    finally:
        handle.remove()


def _check(model: PreTrainedModel, examples: Sequence[EncodedExample], settings: Training) -> None:
    if settings.precision == "float16" and model.device.type == "cpu":
        raise UserError("training.precision: float16 does not train on a CPU; use float32 or bfloat16")
    empty = sum(not example.response for example in examples)
    if empty:
        raise UserError(
            f"training.max_length: {empty} of {len(examples)} examples have no response token within "
            f"{settings.max_length} tokens; raise max_length"
        )


def _check_finite(step: int, parts: Sequence[Loss]) -> None:
    """Stop at the first bad number: everything after it would be wasted."""
    for name in ("ce", "kl", "ce_ib"):
        values = [getattr(part, name) for part in parts]
        if any(value is not None and not value.isfinite() for value in values):
            raise UserError(
                f"training diverged at step {step}: {name} is not finite; lower training.learning_rate, or for KL set "
                "the method's `normalize_hidden: true`"
            )


def _global_counts(batches: Sequence[Batch], bottleneck: Bottleneck | None) -> TokenCounts:
    scope = bottleneck.settings.kl_scope if bottleneck else "response"
    counts = [count_tokens(batch.labels_BT, batch.valid_BT, scope) for batch in batches]
    return TokenCounts(sum(count.response for count in counts), sum(count.kl for count in counts))


def _step_seed(seed: int, step: int) -> int:
    """Distinct for every (seed, step), so that a resumed run draws the same dropout masks."""
    return (seed << 32) + step


def _log_row(
    step: int, epoch: float, parts: Sequence[Loss], rate: float, norm: Tensor, response_tokens: int
) -> dict[str, Any]:
    def total(name: str) -> float | None:
        values = [getattr(part, name) for part in parts]
        return None if values[0] is None else sum(value.item() for value in values)

    return {
        "step": step,
        "epoch": epoch,
        "loss": total("total"),
        "ce": total("ce"),
        "kl": total("kl"),
        "ce_ib": total("ce_ib"),
        "learning_rate": rate,
        "gradient_norm": float(norm),
        "response_tokens": response_tokens,
    }


def _readable(row: dict[str, Any]) -> str:
    shown = ("loss", "ce", "kl", "ce_ib", "learning_rate", "gradient_norm")
    return ", ".join(f"{name} {row[name]:.4g}" for name in shown if row[name] is not None)

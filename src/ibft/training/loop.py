"""The training loop for FT and IB-FT, top to bottom.

A plain loop rather than transformers' Trainer (docs/adr/0002-plain-training-loop.md): logits only where a response
token is predicted, the state of layer l* by a hook, means over the exact global token counts, and a resume that ends
in the same bytes are each a few lines here.
"""

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ibft.config.sections import Training
from ibft.models.encoding import EncodedExample
from ibft.runtime.errors import UserError
from ibft.runtime.progress import progress
from ibft.training.backend import Backend, Norms
from ibft.training.batches import Batch, batch_order, collate, micro_batches, pack
from ibft.training.checkpoint import Checkpoints
from ibft.training.distributed import World
from ibft.training.held_out import HeldOutExamples
from ibft.training.model import IBModel, StepSeed, seed_words
from ibft.training.objective import Loss, TokenCounts, count_tokens
from ibft.training.regimes import WATCHED
from ibft.training.telemetry import Tracker, stopwatch
from ibft.training.watch import GradientWatch, kl_facts, shares_and_cosine, yardsticks

logger = logging.getLogger(__name__)

Row = dict[str, Any]
Parts = dict[str, float | None]  # of the loss, by the names of `Loss`

_LOG_EVERY_STEPS = 10
_TERMS = Loss.terms()


@dataclass(frozen=True)
class Trained:
    """A run leaves its parameters by name, rows of TRAINING_LOG and of `stopwatch` for each step, and of HELD_OUT."""

    learned: dict[str, Tensor]
    log: list[Row]
    speed: list[Row]
    held_out: list[Row]


def train(
    ib_model: IBModel,
    backend: Backend,
    examples: Sequence[EncodedExample],
    settings: Training,
    *,
    seed: int,
    pad_token: int,
    checkpoints: Checkpoints,
    world: World,
    held_out: HeldOutExamples | None = None,
    trackers: Sequence[Tracker] = (),
) -> Trained:
    """Train the parameters of `ib_model` that require gradients, in place.

    Args:
        ib_model: a causal language model whose trunk carries LoRA layers, its head frozen, and its bottleneck.
        backend: turns gradients into updates.

    Steps of the warm-up of the bottleneck's head come before step 1: their numbers end at 0. They see the batches that
    the first steps see again, so that FT and IB-FT train LoRA on the same ones in each step.

    Raises:
        UserError: an example has no response token left, or a loss is not finite.
    """
    _check([example.response_tokens for example in examples], settings)
    _check(held_out.tokens if held_out else [], settings)
    steps_per_epoch = math.ceil(len(examples) / settings.batch_size)
    steps = settings.updates or max(1, round(settings.epochs * steps_per_epoch))
    before = ib_model.bottleneck.training.warmup_steps if ib_model.bottleneck else 0
    done, rows = backend.resume(checkpoints)
    if done:
        logger.info("resuming after step %d of %d", done - before, steps)
    watched_by = _yardsticks_if_watched(ib_model, backend, examples, settings)

    ib_model.train()
    response_tokens = rows[-1]["log"]["response_tokens"] if rows else 0
    at_first = {"0": held_out.score(ib_model)} if held_out and not rows else {}
    remaining = _batches(examples, settings, seed, range(done - before, steps), steps_per_epoch, before)
    with progress("training", unit="steps", total=before + steps, done=done) as bar:
        for step, chosen in remaining:
            ib_model.head_alone = step < 1
            watch = GradientWatch(ib_model) if watched_by and is_watched(step, steps, settings) else None
            shares, counts = prepare(chosen, settings, ib_model, pad_token, world)
            with stopwatch(step, counts.response, world) as speed:
                torch.manual_seed(_dropout_seed(seed, step, world.rank))
                rate = learning_rate(step, steps, settings)
                parts, norms = take_step(backend, shares, counts, (seed, step), rate, world, watch)
                seen = watched_by | _seen(watch, world) if watch else {}

            response_tokens += counts.response
            row = _log_row(step, max(0, step) / steps_per_epoch, parts, rate, norms, response_tokens, seen)
            scores = {str(step): held_out.score(ib_model)} if held_out and held_out.is_due(step, steps) else {}
            rows.append({"log": row, "speed": speed, "held_out": ({} if rows else at_first) | scores})
            _tell(step, steps, row | speed, trackers)
            if (before + step) % checkpoints.every_steps == 0 and step < steps:
                backend.save(checkpoints, before + step, rows)
            bar.advance()
    ib_model.eval()
    scored = [each for row in rows for each in held_out.rows(row["held_out"])] if held_out else []
    return Trained(backend.learned(), [row["log"] for row in rows], [row["speed"] for row in rows], scored)


def _tell(step: int, steps: int, row: Row, trackers: Sequence[Tracker]) -> None:
    """Hand a step's numbers to the trackers, and write them to the log now and then."""
    for tracker in trackers:
        tracker(step, {name: value for name, value in row.items() if value is not None})
    if step % _LOG_EVERY_STEPS == 0 or step == steps:
        logger.info("step %d/%d %s", step, steps, _readable(row))


def learning_rate(step: int, steps: int, settings: Training) -> float:
    """Return the rate of `step`, from 1: linear warm-up from 0, then half a cosine down to 0 after the last step.

    Before step 1, in the warm-up of the bottleneck's head, it is constant.
    """
    if step < 1:
        return settings.learning_rate
    warmup = math.ceil(settings.warmup_ratio * steps)
    before = step - 1
    if before < warmup:
        return settings.learning_rate * before / warmup
    return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * (before - warmup) / max(1, steps - warmup)))


def _batches(
    examples: Sequence[EncodedExample],
    settings: Training,
    seed: int,
    finished_before: range,
    steps_per_epoch: int,
    head_warmup: int,
) -> Iterator[tuple[int, list[EncodedExample]]]:
    """Yield each remaining step and its examples; an epoch's order is made once, as it takes long on large data.

    `finished_before` holds, for each remaining step, how many steps come before it, negative in the head's warm-up.
    """
    lengths = [len(example) for example in examples]
    order: list[list[int]] = []
    order_epoch = -1
    for finished in finished_before:
        epoch, position = divmod(finished if finished >= 0 else finished + head_warmup, steps_per_epoch)
        if epoch != order_epoch:
            order, order_epoch = batch_order(lengths, settings.batch_size, seed, epoch), epoch
        yield finished + 1, [examples[index] for index in order[position]]


def prepare(
    chosen: Sequence[EncodedExample], settings: Training, ib_model: IBModel, pad_token: int, world: World
) -> tuple[list[list[Batch]], TokenCounts]:
    """Cut the examples of one step into micro-batches for each process, and count the tokens that enter each mean."""
    scope = ib_model.bottleneck.settings.kl_scope if ib_model.bottleneck else "response"
    pad_to = settings.max_length if scope == "padded" else 0

    def batches(share: Sequence[EncodedExample]) -> list[Batch]:
        runs = micro_batches(share, settings.micro_batch_tokens, pad_to=pad_to, packed=settings.packing)
        return [pack(run) if settings.packing else collate(run, pad_token, pad_to) for run in runs]

    shares = [batches(share) for share in world.shares(sorted(chosen, key=len, reverse=True))]
    counts = [count_tokens(batch.labels_BT, batch.valid_BT, scope) for share in shares for batch in share]
    return shares, TokenCounts(sum(count.response for count in counts), sum(count.kl for count in counts))


def is_watched(step: int, steps: int, settings: Training) -> bool:
    """Return true for the first and the last step, and for every `watch_every`-th between them."""
    return step in (1, steps) or (step > 1 and step % settings.watch_every == 0)


def _yardsticks_if_watched(
    ib_model: IBModel, backend: Backend, examples: Sequence[EncodedExample], settings: Training
) -> dict[str, float]:
    """Return what CE_IB is measured by; nothing where no step is to be watched, or none can be."""
    if not settings.watch_every or ib_model.bottleneck is None:
        return {}
    if not backend.watches:
        logger.warning("training.watch_every: DeepSpeed holds gradients in parts, so that no step is watched")
        return {}
    return yardsticks(ib_model, examples)


def _seen(watch: GradientWatch, world: World) -> Row:
    facts = shares_and_cosine(watch.gradients(world))
    return facts | (kl_facts(world.all_reduce(watch.kl_Z)) if watch.kl_Z is not None else {})


def take_step(
    backend: Backend,
    shares: list[list[Batch]],
    counts: TokenCounts,
    seed: StepSeed,
    rate: float,
    world: World,
    watch: GradientWatch | None = None,
) -> tuple[Parts, Norms]:
    """Update the parameters once; return the parts of the global batch's loss and the gradient's norms before clipping.

    Args:
        shares, counts: as `prepare` returns them.

    Raises:
        UserError: a loss is not finite.
    """
    parts = _backward(backend, shares, counts, seed, world, watch)
    _check_finite(seed[1], parts)
    return parts, backend.update(rate)


def _backward(
    backend: Backend,
    shares: list[list[Batch]],
    counts: TokenCounts,
    seed: StepSeed,
    world: World,
    watch: GradientWatch | None,
) -> Parts:
    """Add up the gradient of this process's share, and return the parts of the loss of the global batch.

    All processes run equally many micro-batches, as ZeRO meets in each of them: who has fewer repeats one idly.
    """
    own = shares[world.rank]
    rounds = max(map(len, shares))
    losses: list[Loss] = []
    for turn in range(rounds):
        idle = turn >= len(own)
        batch, last = shares[0][0] if idle else own[turn], turn == rounds - 1
        loss = backend.backward(batch, counts, seed, idle=idle, last=last, watch=watch if turn == 0 else None)
        if not idle:
            losses.append(loss)
    if watch:
        watch.add_kl(losses, loss)
    present = [name for name in ("total", *_TERMS) if getattr(loss, name) is not None]
    sums = [sum(getattr(loss, name).item() for loss in losses) for name in present]
    added = world.all_reduce(torch.tensor(sums, dtype=torch.float64, device=loss.total.device))
    return dict.fromkeys(("total", *_TERMS)) | dict(zip(present, added.tolist(), strict=True))


def _check(response_tokens: Sequence[int], settings: Training) -> None:
    empty = response_tokens.count(0)
    if empty:
        raise UserError(
            f"training.max_length: {empty} of {len(response_tokens)} examples have no response token within "
            f"{settings.max_length} tokens; raise max_length"
        )


def _check_finite(step: int, parts: Parts) -> None:
    """Stop at the first bad number: everything after it would be wasted."""
    for name in _TERMS:
        value = parts[name]
        if value is not None and not math.isfinite(value):
            raise UserError(
                f"training diverged at step {step}: {name} is not finite; lower training.learning_rate, or for KL set "
                "the method's `normalize_hidden: true`"
            )


def _dropout_seed(seed: int, step: int, rank: int) -> int:
    """Distinct for every (seed, step, process), so that a resumed run draws the same dropout masks."""
    [state] = np.random.SeedSequence([*seed_words(seed, step), rank]).generate_state(1, np.uint64)
    return int(state)


def _log_row(step: int, epoch: float, parts: Parts, rate: float, norms: Norms, response_tokens: int, seen: Row) -> Row:
    return {
        "step": step,
        "epoch": epoch,
        "loss": parts["total"],
        **{name: parts[name] for name in _TERMS},
        "learning_rate": rate,
        "gradient_norm": norms.gradient,
        "lora_gradient_norm": norms.lora,
        "head_gradient_norm": norms.head,
        "response_tokens": response_tokens,
        **{name: seen.get(name) for name in WATCHED},
    }


def _readable(row: Row) -> str:
    shown = ("loss", *_TERMS, "learning_rate", "gradient_norm", "response_tokens_per_s")
    return ", ".join(f"{name} {row[name]:.4g}" for name in shown if row[name] is not None)

"""The training loop for FT and IB-FT, top to bottom.

A plain loop rather than transformers' Trainer (docs/adr/0002-plain-training-loop.md): logits only where a response
token is predicted, the state of layer l* by a hook, means over the exact global token counts, and a resume that ends
in the same bytes are each a few lines here.
"""

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ibft.config.sections import Training
from ibft.models.encoding import EncodedExample
from ibft.runtime.errors import UserError
from ibft.runtime.progress import progress
from ibft.training.backend import Backend
from ibft.training.batches import Batch, batch_order, collate, micro_batches, pack
from ibft.training.checkpoint import Checkpoints
from ibft.training.distributed import World
from ibft.training.model import IBModel, StepSeed
from ibft.training.objective import Loss, TokenCounts, count_tokens
from ibft.training.step_rows import Row, StepRows
from ibft.training.telemetry import Tracker, stopwatch

logger = logging.getLogger(__name__)

Parts = dict[str, float | None]  # of the loss, by the names of `Loss`

_LOG_EVERY_STEPS = 10
_TERMS = Loss._fields[1:]  # after the total


@dataclass(frozen=True)
class Trained:
    """A run leaves its parameters by name, and a row of TRAINING_LOG and of `stopwatch` for each step."""

    learned: dict[str, Tensor]
    log: list[Row]
    speed: list[Row]


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
    trackers: Sequence[Tracker] = (),
) -> Trained:
    """Train the parameters of `ib_model` that require gradients, in place.

    Args:
        ib_model: a causal language model whose trunk carries LoRA layers, its head frozen, and its bottleneck.
        backend: turns gradients into updates.

    Raises:
        UserError: an example has no response token left, or a loss is not finite.
    """
    _check(examples, settings)
    steps_per_epoch = math.ceil(len(examples) / settings.batch_size)
    steps = max(1, round(settings.epochs * steps_per_epoch))
    done = backend.resume(checkpoints)
    rows = StepRows(checkpoints, world, done)
    if done:
        logger.info("resuming after step %d of %d", done, steps)

    ib_model.train()
    stepper = Stepper(backend, ib_model, settings, pad_token, world)
    response_tokens = rows.response_tokens
    remaining = _batches(examples, settings, seed, range(done, steps), steps_per_epoch)
    with progress("training", unit="steps", total=steps, done=done) as bar:

        def record(step: Row, taken: Taken, speed: Row) -> None:
            """Read what a step's losses were, for which this process waits until a GPU has come so far."""
            row = step | taken.read(step["step"])
            rows.append({"log": row, "speed": speed})
            _tell(row["step"], steps, row | speed, trackers)
            bar.advance()

        unread: tuple[Row, Taken, Row] | None = None  # of the step before, so that a GPU never idles between steps
        for step, chosen in remaining:
            rate = learning_rate(step, steps, settings)
            tokens = sum(example.response_tokens for example in chosen)
            with stopwatch(step, tokens, world) as speed:
                dropout_seed = _dropout_seed(seed, step, world.rank)
                taken = stepper.take(chosen, (seed, step), rate, dropout_seed=dropout_seed)
            if unread:
                record(*unread)
            response_tokens += tokens
            row = {"step": step, "epoch": step / steps_per_epoch, "learning_rate": rate}
            unread = {**row, "response_tokens": response_tokens}, taken, speed
            if step % checkpoints.every_steps == 0 and step < steps:
                record(*unread)
                unread = None
                rows.sync()
                backend.save(checkpoints, step)
        if unread:
            record(*unread)
    ib_model.eval()
    entries = list(rows.entries())
    rows.close()
    return Trained(backend.learned(), [entry["log"] for entry in entries], [entry["speed"] for entry in entries])


def _tell(step: int, steps: int, row: Row, trackers: Sequence[Tracker]) -> None:
    """Hand a step's numbers to the trackers, and write them to the log now and then."""
    for tracker in trackers:
        tracker(step, {name: value for name, value in row.items() if value is not None})
    if step % _LOG_EVERY_STEPS == 0 or step == steps:
        logger.info("step %d/%d %s", step, steps, _readable(row))


def learning_rate(step: int, steps: int, settings: Training) -> float:
    """Return the rate of `step`, from 1: linear warm-up from 0, then half a cosine down to 0 after the last step."""
    warmup = math.ceil(settings.warmup_ratio * steps)
    before = step - 1
    if before < warmup:
        return settings.learning_rate * before / warmup
    return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * (before - warmup) / max(1, steps - warmup)))


def _batches(
    examples: Sequence[EncodedExample], settings: Training, seed: int, finished_before: range, steps_per_epoch: int
) -> Iterator[tuple[int, list[EncodedExample]]]:
    """Yield each remaining step and its examples; an epoch's order is made once, as it takes long on large data.

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


def prepare(
    chosen: Sequence[EncodedExample], settings: Training, ib_model: IBModel, pad_token: int, world: World
) -> tuple[list[list[Batch]], TokenCounts]:
    """Cut the examples of one step into micro-batches for each process, and count the tokens that enter each mean."""
    scope = ib_model.bottleneck.settings.kl_scope if ib_model.bottleneck else "response"
    pad_to = settings.max_length if scope == "padded" else 0

    def batches(share: Sequence[EncodedExample]) -> list[Batch]:
        runs = micro_batches(share, int(settings.micro_batch_tokens), pad_to=pad_to, packed=settings.packing)
        return [pack(run) if settings.packing else collate(run, pad_token, pad_to) for run in runs]

    shares = [batches(share) for share in world.shares(sorted(chosen, key=len, reverse=True))]
    counts = [count_tokens(batch.labels_BT, batch.valid_BT, scope) for share in shares for batch in share]
    return shares, TokenCounts(sum(count.response for count in counts), sum(count.kl for count in counts))


@dataclass(frozen=True)
class Taken:
    """A step leaves the parts of the global batch's loss and the gradient's norm before clipping, not yet read."""

    names: tuple[str, ...]  # of the parts that there are, fields of `Loss`
    parts_P: Tensor  # float64
    norm: Tensor

    def read(self, step: int) -> Row:
        """Wait until the device has computed them.

        Raises:
            UserError: a loss is not finite.
        """
        parts: Parts = dict.fromkeys(Loss._fields) | dict(zip(self.names, self.parts_P.tolist(), strict=True))
        _check_finite(step, parts)
        terms = {name: parts[name] for name in _TERMS}
        return {"loss": parts["total"], **terms, "gradient_norm": float(self.norm)}


@dataclass
class Stepper:
    """Takes the steps of a run. A pass that a GPU's memory does not hold is halved, and so are all that follow.

    That changes nothing beyond rounding and which activations dropout hits. Several processes cannot do so, because the
    others would wait for ever for the one that starts over.
    """

    backend: Backend
    ib_model: IBModel
    settings: Training
    pad_token: int
    world: World

    def take(
        self, chosen: Sequence[EncodedExample], seed: StepSeed, rate: float, *, dropout_seed: int | None = None
    ) -> Taken:
        """Take the step of these examples. On a GPU this gives the commands, and waits for none.

        Args:
            dropout_seed: None leaves torch's global generator as it is.

        Raises:
            torch.OutOfMemoryError: a GPU does not hold a single example, or several processes train.
        """
        while True:
            shares, counts = prepare(chosen, self.settings, self.ib_model, self.pad_token, self.world)
            if dropout_seed is not None:
                torch.manual_seed(dropout_seed)
            try:
                names, parts_P = _backward(self.backend, shares, counts, seed, self.world)
            except torch.OutOfMemoryError:
                if all(len(batch.indices) == 1 for batch in shares[self.world.rank]) or not self.backend.forget():
                    raise
            else:
                return Taken(names, parts_P, self.backend.update(rate))
            # Outside of the handler, whose traceback would keep the failed pass's tensors.
            torch.cuda.empty_cache()
            tokens = max(batch.tokens_BT.numel() for batch in shares[self.world.rank]) // 2
            logger.warning("the GPU's memory does not hold a pass; from here on passes are of %d tokens", tokens)
            self.settings = self.settings.model_copy(update={"micro_batch_tokens": tokens})


def _backward(
    backend: Backend, shares: list[list[Batch]], counts: TokenCounts, seed: StepSeed, world: World
) -> tuple[tuple[str, ...], Tensor]:
    """Add up the gradient of this process's share, and return the parts of the loss of the global batch, with names.

    All processes run equally many micro-batches, as ZeRO meets in each of them: who has fewer repeats one idly.
    """
    own = shares[world.rank]
    rounds = max(map(len, shares))
    losses: list[Loss] = []
    for turn in range(rounds):
        idle = turn >= len(own)
        loss = backend.backward(shares[0][0] if idle else own[turn], counts, seed, idle=idle, last=turn == rounds - 1)
        if not idle:
            losses.append(loss)
    present = tuple(name for name in Loss._fields if getattr(loss, name) is not None)
    parts_P = torch.zeros(len(present), dtype=torch.float64, device=loss.total.device)
    for own_loss in losses:
        parts_P += torch.stack([getattr(own_loss, name).detach().double() for name in present])
    return present, world.all_reduce(parts_P)


def _check(examples: Sequence[EncodedExample], settings: Training) -> None:
    empty = sum(not len(example.response) for example in examples)
    if empty:
        raise UserError(
            f"training.max_length: {empty} of {len(examples)} examples have no response token within "
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
    [state] = np.random.SeedSequence([seed, step, rank]).generate_state(1, np.uint64)
    return int(state)


def _readable(row: Row) -> str:
    shown = ("loss", *_TERMS, "learning_rate", "gradient_norm", "response_tokens_per_s")
    return ", ".join(f"{name} {row[name]:.4g}" for name in shown if row[name] is not None)

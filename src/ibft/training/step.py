"""One step of training: its micro-batches, their passes through the model, the update, and the numbers that it leaves.

On a GPU a step is given as commands and never waited for: its numbers are read when the next one has been given.
"""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from ibft.config.sections import Training
from ibft.models.encoding import EncodedExample
from ibft.runtime.errors import UserError
from ibft.training.backend import Backend, Norms
from ibft.training.batches import Batch, collate, micro_batches, pack
from ibft.training.distributed import World
from ibft.training.model import IBModel, StepSeed
from ibft.training.objective import Loss, TokenCounts, count_tokens
from ibft.training.step_rows import Row
from ibft.training.watch import GradientWatch

logger = logging.getLogger(__name__)

TERMS = Loss.terms()


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
    """The parts of the global batch's loss and the gradient's norms before clipping, on their way from the device."""

    names: tuple[str, ...]  # of the numbers that there are: `total`, fields of `Loss` and of `Norms`
    numbers_P: Tensor  # float64, on the CPU
    arrival: torch.cuda.Event | None

    @classmethod
    def sent(cls, numbers: Mapping[str, Tensor]) -> Self:
        """Send them at once: a copy that is asked for later would wait for the step that was given since."""
        there_P = torch.stack([number.detach().double() for number in numbers.values()])
        here_P = there_P.to("cpu", non_blocking=True)
        arrival = torch.cuda.Event() if there_P.is_cuda else None  # type: ignore[no-untyped-call]
        if arrival:
            arrival.record(torch.cuda.current_stream(there_P.device))
        return cls(tuple(numbers), here_P, arrival)

    def read(self, step: int) -> Row:
        """Wait until the device has computed them, and return them as columns of TRAINING_LOG.

        Raises:
            UserError: a loss is not finite.
        """
        if self.arrival:
            self.arrival.synchronize()
        numbers = dict(zip(self.names, self.numbers_P.tolist(), strict=True))
        _check_finite(step, numbers)
        return {"loss": numbers["total"], **{name: numbers.get(name) for name in (*TERMS, *Norms._fields)}}


@dataclass(frozen=True)
class Order:
    """An order asks for one step.

    Attributes:
        chosen: the examples that it trains on.
        seed: the training seed, and the step.
        dropout_seed: None leaves torch's global generator as it is.
        watch: is given the first micro-batch of this process, and KL of all.
    """

    chosen: Sequence[EncodedExample]
    seed: StepSeed
    rate: float
    dropout_seed: int | None = None
    watch: GradientWatch | None = None


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

    def take(self, order: Order) -> Taken:
        """Take the step. On a GPU this gives the commands, and waits for none.

        Raises:
            torch.OutOfMemoryError: a GPU does not hold a single example, or several processes train.
        """
        while True:
            shares, counts = self.prepare(order)
            if order.dropout_seed is not None:
                torch.manual_seed(order.dropout_seed)
            try:
                parts = _backward(self.backend, shares, counts, order.seed, self.world, order.watch)
            except torch.OutOfMemoryError:
                if all(len(batch.indices) == 1 for batch in shares[self.world.rank]) or not self.backend.forget():
                    raise
            else:
                return self.update(order, parts)
            # Outside of the handler, whose traceback would keep the failed pass's tensors.
            torch.cuda.empty_cache()
            tokens = max(batch.tokens_BT.numel() for batch in shares[self.world.rank]) // 2
            logger.warning("the GPU's memory does not hold a pass; from here on passes are of %d tokens", tokens)
            self.settings = self.settings.model_copy(update={"micro_batch_tokens": tokens})

    def prepare(self, order: Order) -> tuple[list[list[Batch]], TokenCounts]:
        """Cut the step's examples into micro-batches for each process, and count the tokens that enter each mean."""
        return prepare(order.chosen, self.settings, self.ib_model, self.pad_token, self.world)

    def update(self, order: Order, parts: Mapping[str, Tensor]) -> Taken:
        """Change the parameters by the gradients that they have; `parts` are those of the loss."""
        norms = self.backend.update(order.rate)._asdict()
        return Taken.sent({**parts, **{name: norm for name, norm in norms.items() if norm is not None}})


def _backward(
    backend: Backend,
    shares: list[list[Batch]],
    counts: TokenCounts,
    seed: StepSeed,
    world: World,
    watch: GradientWatch | None,
) -> dict[str, Tensor]:
    """Add up the gradient of this process's share, and return the parts of the loss of the global batch, by name.

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
    return added_up(losses, loss, world)


def added_up(losses: Sequence[Loss], loss: Loss, world: World) -> dict[str, Tensor]:
    """Return the parts of the loss of the global batch, by name; `loss` is any, which says what parts there are."""
    present = [name for name in ("total", *TERMS) if getattr(loss, name) is not None]
    parts_P = torch.zeros(len(present), dtype=torch.float64, device=loss.total.device)
    for own_loss in losses:
        parts_P += torch.stack([getattr(own_loss, name).detach().double() for name in present])
    return dict(zip(present, world.all_reduce(parts_P), strict=True))


def _check_finite(step: int, numbers: Mapping[str, float]) -> None:
    """Stop at the first bad number: everything after it would be wasted."""
    for name in TERMS:
        if not math.isfinite(numbers.get(name, 0.0)):
            raise UserError(
                f"training diverged at step {step}: {name} is not finite; lower training.learning_rate, or for KL set "
                "the method's `normalize_hidden: true`"
            )

"""Steps of several variants of one base, taken together: their tokens pass the frozen weights at once.

Each variant has its own LoRA layers, bottleneck, optimizer, noise, dropout, batches and checkpoints, and all that it
learns is what it learns alone, but for rounding. The idea is mLoRA's (Ye et al., VLDB 2025), which is for plain LoRA.
"""

import logging
from collections.abc import Generator, Mapping, Sequence
from typing import NamedTuple, TypeVar, cast

import torch

from ibft.training.backend import TorchBackend, backward_together
from ibft.training.model import Part
from ibft.training.objective import Loss
from ibft.training.step import Order, Stepper, Taken, added_up
from ibft.training.watch import GradientWatch

logger = logging.getLogger(__name__)

Result = TypeVar("Result")
Run = Generator[Order, Taken, Result]


def run_alone(run: "Run[Result]", stepper: Stepper) -> Result:
    """Take every step that `run` asks for."""
    return run_together({"": run}, {"": stepper})[""]


def run_together(runs: "Mapping[str, Run[Result]]", steppers: Mapping[str, Stepper]) -> dict[str, Result]:
    """Take the next step of every run that has one, until none has; return what each came to, by name.

    Several train in one process, with a `TorchBackend` each.
    """
    results: dict[str, Result] = {}
    orders: dict[str, Order] = {}

    def go_on(name: str, taken: Taken | None) -> None:
        try:
            orders[name] = next(runs[name]) if taken is None else runs[name].send(taken)
        except StopIteration as end:
            orders.pop(name, None)
            results[name] = end.value

    for name in runs:
        go_on(name, None)
    while orders:
        names = list(orders)
        taken = take_steps([(steppers[name], orders[name]) for name in names])
        for name, own in zip(names, taken, strict=True):
            go_on(name, own)
    return results


def take_steps(asked: Sequence[tuple[Stepper, Order]]) -> list[Taken]:
    """Take a step of each, in passes that they share. A GPU that does not hold these takes one step after the other."""
    for stepper, _ in asked:
        if not stepper.ib_model.model.training:  # the one that another variant has ended with
            stepper.ib_model.train()
    if len(asked) > 1:
        try:
            return _take_together(asked)
        except torch.OutOfMemoryError:
            for stepper, _ in asked:
                stepper.backend.forget()
        torch.cuda.empty_cache()
        logger.warning("the GPU's memory does not hold the passes of %d variants; each takes its own", len(asked))
    return [stepper.take(order) for stepper, order in asked]


def _take_together(asked: Sequence[tuple[Stepper, Order]]) -> list[Taken]:
    turns: list[list[_Own]] = []
    losses: list[list[Loss]] = [[] for _ in asked]
    for number, (stepper, order) in enumerate(asked):
        (own,), counts = stepper.prepare(order)
        dropout = torch.Generator(stepper.ib_model.device).manual_seed(order.dropout_seed or 0)
        for place, batch in enumerate(own):
            if place == len(turns):
                turns.append([])
            part = Part(stepper.ib_model, batch, counts, order.seed, dropout)
            turns[place].append(_Own(number, part, cast(TorchBackend, stepper.backend), None if place else order.watch))
    for turn in turns:
        # A watched pass is taken apart by its terms, which others' would hide.
        for together in ([part for part in turn if not part.watch], *([part] for part in turn if part.watch)):
            if together:
                found = backward_together(
                    [each.part for each in together], [each.backend for each in together], together[0].watch
                )
                for own_part, loss in zip(together, found, strict=True):
                    losses[own_part.number].append(loss)
    taken = []
    for (stepper, order), own_losses in zip(asked, losses, strict=True):
        if order.watch:
            order.watch.add_kl(own_losses, own_losses[0])
        taken.append(stepper.update(order, added_up(own_losses, own_losses[0], stepper.world)))
    return taken


class _Own(NamedTuple):
    """A turn passes one micro-batch of each variant; this is one variant's."""

    number: int
    part: Part
    backend: TorchBackend
    watch: GradientWatch | None

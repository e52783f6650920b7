"""Turn the losses of one step's micro-batches into new parameters: with torch alone, in one or several processes."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from ibft.config.sections import Training
from ibft.training.batches import Batch
from ibft.training.checkpoint import Checkpoints, load_checkpoint, save_checkpoint
from ibft.training.distributed import World
from ibft.training.model import IBModel, StepSeed
from ibft.training.objective import Loss, TokenCounts


class Backend(Protocol):
    """The optimizer of a run, with the state that it keeps: `TorchBackend` here, `DeepSpeedBackend` with ZeRO."""

    def resume(self, checkpoints: Checkpoints) -> int:
        """Restore the last checkpoint; return how many steps are finished."""

    def backward(self, batch: Batch, counts: TokenCounts, seed: StepSeed, *, idle: bool, last: bool) -> Loss:
        """Add the gradient of one micro-batch; of an `idle` one, run only to keep step with others, add zero.

        `last` says that no other follows before `update`.
        """

    def forget(self) -> bool:
        """Drop the gradient of a step that broke off; return false where the step cannot be taken again."""

    def update(self, rate: float) -> Tensor:
        """Change the parameters; return the norm of the gradient over all processes, before clipping."""

    def save(self, checkpoints: Checkpoints, step: int) -> None:
        """Write a checkpoint after `step`."""

    def learned(self) -> dict[str, Tensor]:
        """Return the trained parameters, whole, in float32 on the CPU; every process must ask."""


def make_optimizer(ib_model: IBModel, settings: Training) -> torch.optim.AdamW:
    parameters = list(ib_model.trained().values())
    return torch.optim.AdamW(
        parameters, lr=settings.learning_rate, betas=(0.9, 0.999), weight_decay=settings.weight_decay, fused=True
    )


class TorchBackend:
    """AdamW on parameters that every process holds; gradients are added up over the processes."""

    def __init__(self, ib_model: IBModel, settings: Training, world: World) -> None:
        self._ib_model = ib_model
        self._parameters = ib_model.trained()
        self._settings = settings
        self._world = world
        self._optimizer = make_optimizer(ib_model, settings)
        self._scaler = torch.amp.GradScaler(ib_model.device.type, enabled=ib_model.dtype == torch.float16)

    def resume(self, checkpoints: Checkpoints) -> int:
        return load_checkpoint(checkpoints.path, checkpoints.key, self._parameters, self._optimizer, self._scaler)

    def backward(self, batch: Batch, counts: TokenCounts, seed: StepSeed, *, idle: bool, last: bool) -> Loss:
        loss: Loss = self._ib_model(batch, counts, seed)
        if not idle:
            self._scaler.scale(loss.total).backward()  # type: ignore[no-untyped-call]
        return loss

    def forget(self) -> bool:
        self._optimizer.zero_grad(set_to_none=True)
        return self._world.size == 1  # the others would go on without this process

    def update(self, rate: float) -> Tensor:
        _add_gradients(list(self._parameters.values()), self._world)
        self._scaler.unscale_(self._optimizer)
        norm = nn.utils.clip_grad_norm_(self._parameters.values(), self._settings.max_gradient_norm)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self._optimizer.zero_grad(set_to_none=True)
        return norm

    def save(self, checkpoints: Checkpoints, step: int) -> None:
        if self._world.is_main:
            save_checkpoint(checkpoints.path, checkpoints.key, step, self._parameters, self._optimizer, self._scaler)
        self._world.barrier()

    def learned(self) -> dict[str, Tensor]:
        return {name: parameter.detach().float().cpu() for name, parameter in self._parameters.items()}


def _add_gradients(parameters: Sequence[nn.Parameter], world: World) -> None:
    """Sum the gradients over the processes in one message: losses are shares of global means, so sums are right."""
    if world.size == 1:
        return
    gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
    message = world.all_reduce(torch.cat([gradient.flatten() for gradient in gradients]))
    for parameter, part in zip(parameters, torch.split(message, [p.numel() for p in parameters]), strict=True):
        parameter.grad = part.view_as(parameter)

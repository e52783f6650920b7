"""Turn the losses of one step's micro-batches into new parameters: with torch alone, in one or several processes."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from ibft.config.sections import Training
from ibft.training.batches import Batch
from ibft.training.checkpoint import Checkpoints, load_checkpoint, save_checkpoint
from ibft.training.distributed import World
from ibft.training.model import IBModel, Part, StepSeed, losses_of_one_pass
from ibft.training.objective import Loss, TokenCounts
from ibft.training.watch import GradientWatch


class Norms(NamedTuple):
    """Norms of the gradient over all processes, before clipping; None where there is no such part.

    They are tensors on the model's device, called like their columns of TRAINING_LOG.
    """

    gradient_norm: Tensor
    lora_gradient_norm: Tensor | None = None
    head_gradient_norm: Tensor | None = None


class Backend(Protocol):
    """The optimizer of a run, with the state that it keeps: `TorchBackend` here, `DeepSpeedBackend` with ZeRO."""

    def resume(self, checkpoints: Checkpoints) -> int:
        """Restore the last checkpoint; return how many steps are finished."""

    watches: bool  # whether `backward` serves a `GradientWatch`

    def backward(
        self,
        batch: Batch,
        counts: TokenCounts,
        seed: StepSeed,
        *,
        idle: bool,
        last: bool,
        watch: GradientWatch | None = None,
    ) -> Loss:
        """Add the gradient of one micro-batch; of an `idle` one, run only to keep step with others, add zero.

        `last` says that no other follows before `update`; `watch` takes the first of a step apart.
        """

    def forget(self) -> bool:
        """Drop the gradient of a step that broke off; return false where the step cannot be taken again."""

    def update(self, rate: float) -> Norms:
        """Change the parameters, at `rate` times the `ratio` of their group."""

    def save(self, checkpoints: Checkpoints, step: int) -> None:
        """Write a checkpoint after `step`."""

    def learned(self) -> dict[str, Tensor]:
        """Return the trained parameters, whole, in float32 on the CPU; every process must ask."""


def make_optimizer(ib_model: IBModel, settings: Training) -> torch.optim.Optimizer:
    """Return the optimizer with LoRA in its first group, and the bottleneck's head, where there is one, in a second."""
    lora, of_head = parts_of(ib_model)
    groups: list[dict[str, Any]] = [{"params": lora, "ratio": 1.0}]
    if of_head and ib_model.bottleneck:
        groups.append({"params": of_head, "ratio": ib_model.bottleneck.training.learning_rate})
    if settings.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True)
    return torch.optim.AdamW(
        groups, lr=settings.learning_rate, betas=(0.9, 0.999), weight_decay=settings.weight_decay, fused=True
    )


def parts_of(ib_model: IBModel) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Return the trained parameters of LoRA, and those of the bottleneck's head."""
    trained = ib_model.trained()
    of_head = [parameter for name, parameter in trained.items() if name.startswith("ib_head.")]
    return [parameter for name, parameter in trained.items() if not name.startswith("ib_head.")], of_head


def set_rate(optimizer: Any, rate: float) -> None:
    """Set the learning rate of every group, each by its own `ratio`."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["ratio"]


class TorchBackend:
    """AdamW or SGD on parameters that every process holds; gradients are added up over the processes."""

    watches = True

    def __init__(self, ib_model: IBModel, settings: Training, world: World) -> None:
        self._ib_model = ib_model
        self._parameters = ib_model.trained()
        self._lora, self._of_head = parts_of(ib_model)
        self._settings = settings
        self._world = world
        self._optimizer = make_optimizer(ib_model, settings)
        self._scaler = torch.amp.GradScaler(ib_model.device.type, enabled=ib_model.dtype == torch.float16)

    def resume(self, checkpoints: Checkpoints) -> int:
        return load_checkpoint(checkpoints.path, checkpoints.key, self._parameters, self._optimizer, self._scaler)

    def backward(
        self,
        batch: Batch,
        counts: TokenCounts,
        seed: StepSeed,
        *,
        idle: bool,
        last: bool,
        watch: GradientWatch | None = None,
    ) -> Loss:
        loss: Loss = self._ib_model(batch, counts, seed)
        if idle:
            return loss
        if watch:
            watch.before(loss, self.scale)
        self.scale(loss.total).backward()  # type: ignore[no-untyped-call]
        if watch:
            watch.after()
        return loss

    def scale(self, loss: Tensor) -> Tensor:
        """Scale a loss as float16 needs it."""
        scaled: Tensor = self._scaler.scale(loss)
        return scaled

    def forget(self) -> bool:
        self._optimizer.zero_grad(set_to_none=True)
        return self._world.size == 1  # the others would go on without this process

    def update(self, rate: float) -> Norms:
        # In the warm-up of the head, LoRA has no gradient, and gets none from other processes either.
        trained = self._of_head if self._ib_model.head_alone else list(self._parameters.values())
        _add_gradients(trained, self._world)
        self._scaler.unscale_(self._optimizer)
        norms = self._clip()
        set_rate(self._optimizer, rate)
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self._optimizer.zero_grad(set_to_none=True)
        return norms

    def _clip(self) -> Norms:
        """Clip the gradient as a whole, or that of LoRA and that of the head each on its own."""
        groups = [[p for p in group if p.grad is not None] for group in (self._lora, self._of_head)]
        norms = [nn.utils.get_total_norm([p.grad for p in group if p.grad is not None]) for group in groups]
        whole = torch.linalg.vector_norm(torch.stack([n for n, group in zip(norms, groups, strict=True) if group]))
        bottleneck = self._ib_model.bottleneck
        together = bottleneck is None or bottleneck.training.clip == "together"
        for group, norm in zip(groups, norms, strict=True):
            if group:
                nn.utils.clip_grads_with_norm_(group, self._settings.max_gradient_norm, whole if together else norm)
        return Norms(whole, norms[0] if groups[0] else None, norms[1] if groups[1] else None)

    def save(self, checkpoints: Checkpoints, step: int) -> None:
        if self._world.is_main:
            save_checkpoint(checkpoints.path, checkpoints.key, step, self._parameters, self._optimizer, self._scaler)
        self._world.barrier()

    def learned(self) -> dict[str, Tensor]:
        return {name: parameter.detach().float().cpu() for name, parameter in self._parameters.items()}


def backward_together(
    parts: Sequence[Part], backends: Sequence[TorchBackend], watch: GradientWatch | None = None
) -> list[Loss]:
    """Add the gradient of one micro-batch of each variant, whose backends these are, by one pass.

    Args:
        watch: of the variant, where it is the only one.
    """
    losses = losses_of_one_pass(parts)
    if watch:
        watch.before(losses[0], backends[0].scale)
    scaled = [backend.scale(loss.total) for loss, backend in zip(losses, backends, strict=True)]
    torch.stack(scaled).sum().backward()  # type: ignore[no-untyped-call]
    if watch:
        watch.after()
    for part in parts:
        if part.ib_model.head_alone:  # the pass that it shared has left zeros, and no gradient is none
            for parameter in parts_of(part.ib_model)[0]:
                parameter.grad = None
    return losses


def _add_gradients(parameters: Sequence[nn.Parameter], world: World) -> None:
    """Sum the gradients over the processes in one message: losses are shares of global means, so sums are right."""
    if world.size == 1:
        return
    gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
    message = world.all_reduce(torch.cat([gradient.flatten() for gradient in gradients]))
    for parameter, part in zip(parameters, torch.split(message, [p.numel() for p in parameters]), strict=True):
        parameter.grad = part.view_as(parameter)

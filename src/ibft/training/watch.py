"""A watched step takes apart what each term of the objective does to LoRA below layer l*.

The gradient of each term but CE is had by a backward pass of its own through the layers below l*, of the first
micro-batch of each process alone, so that a watched step costs little more than others. CE's is what remains of the
whole. Nothing that is trained changes by it.
"""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from ibft.models.architecture import head, layers
from ibft.models.encoding import EncodedExample
from ibft.training.distributed import World
from ibft.training.model import IBModel
from ibft.training.objective import Loss
from ibft.training.regimes import ACTIVE_NATS, unigram_entropy

Scale = Callable[[Tensor], Tensor]  # of losses, as float16 needs it; shares do not depend on it


class GradientWatch:
    """LoRA's gradient below l*, by term: `before` and `after` stand round the backward pass of one micro-batch."""

    def __init__(self, ib_model: IBModel) -> None:
        """Watch `ib_model`.

        Raises:
            ValueError: it learns by FT, which adds nothing to CE.
        """
        if ib_model.bottleneck is None:
            raise ValueError("FT has one term alone: there is nothing to take apart")
        below = layers(ib_model.model)[: ib_model.bottleneck.layer]
        own = set(ib_model.trained().values())
        self._parameters = [p for layer in below for p in layer.parameters() if p in own]
        self._names = ["ce", *ib_model.bottleneck.settings.weights]
        self._added: dict[str, Tensor] = {}
        self._ce: Tensor | None = None
        self.kl_Z: Tensor | None = None

    def before(self, loss: Loss, scale: Scale) -> None:
        """Take the gradients of what is added to CE; the graph of `loss` stays."""
        for name in self._names[1:]:
            gradients = torch.autograd.grad(
                scale(loss.weighted[name]), self._parameters, retain_graph=True, allow_unused=True
            )
            self._added[name] = _flat(self._parameters, gradients)

    def after(self) -> None:
        """Take CE's gradient out of that of the whole, which is the first that the parameters got in this step."""
        whole = _flat(self._parameters, [parameter.grad for parameter in self._parameters])
        self._ce = whole - torch.stack(list(self._added.values())).sum(0)

    def gradients(self, world: World) -> dict[str, Tensor]:
        """Return LoRA's gradient from each term, over all processes; every process must ask."""
        if self._ce is None:  # this process had no micro-batch in this step
            zero = torch.zeros(sum(p.numel() for p in self._parameters), device=self._parameters[0].device)
            self._ce, self._added = zero, dict.fromkeys(self._names[1:], zero)
        stacked = world.all_reduce(torch.stack([self._ce, *self._added.values()]))
        return dict(zip(self._names, stacked, strict=True))

    def add_kl(self, losses: Sequence[Loss], any_loss: Loss) -> None:
        """Keep this process's part of KL per dimension; `any_loss` says where there is one."""
        if any_loss.kl_Z is not None:
            zero = torch.zeros_like(any_loss.kl_Z)
            self.kl_Z = torch.stack([zero, *(loss.kl_Z for loss in losses if loss.kl_Z is not None)]).sum(0)


def _flat(parameters: Sequence[nn.Parameter], gradients: Sequence[Tensor | None]) -> Tensor:
    pairs = zip(parameters, gradients, strict=True)
    return torch.cat([(torch.zeros_like(p) if g is None else g).flatten().float() for p, g in pairs])


def shares_and_cosine(gradients: Mapping[str, Tensor]) -> dict[str, float]:
    """Return `share_NAME`, the norm of each term's gradient over the sum of these norms, and `cosine`.

    `cosine` is that of CE's gradient and the sum of all others.
    """
    norms = torch.stack([gradient.norm() for gradient in gradients.values()])
    shares = (norms / norms.sum().clamp_min(torch.finfo(norms.dtype).tiny)).tolist()
    added = torch.stack([gradient for name, gradient in gradients.items() if name != "ce"]).sum(0)
    cosine = torch.nn.functional.cosine_similarity(gradients["ce"], added, dim=0)
    return {f"share_{name}": share for name, share in zip(gradients, shares, strict=True)} | {"cosine": float(cosine)}


def kl_facts(kl_Z: Tensor) -> dict[str, float]:
    """Return KL per token, summed over dimensions whatever the objective does, and how many dimensions are active."""
    return {"kl_nats": float(kl_Z.sum()), "active_dimensions": int((kl_Z > ACTIVE_NATS).sum())}


def yardsticks(ib_model: IBModel, examples: Sequence[EncodedExample]) -> dict[str, float]:
    """Return what CE_IB is measured by, in nats: a uniform guess, and one by the frequencies of response tokens."""
    tokens = np.concatenate([example.ids[example.first_predicted :] for example in examples])
    return {
        "uniform_nats": math.log(head(ib_model.model).vocabulary),
        "unigram_nats": unigram_entropy(np.bincount(tokens)),
    }

"""The model and its bottleneck as one module, whose forward pass is the objective of one micro-batch."""

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from ibft.models.architecture import decoder, head
from ibft.models.attention import packed_arguments
from ibft.models.batching import send
from ibft.models.head import accumulating
from ibft.models.layers import layer_output
from ibft.models.loading import DTYPES
from ibft.training.batches import Batch
from ibft.training.objective import IBHead, IBSettings, Loss, NoisyHead, TokenCounts, ib_ft_loss, kl_tokens

_PASS = {**DTYPES, "nf4": torch.bfloat16}

StepSeed = tuple[int, int]  # training seed and optimizer step


@dataclass(frozen=True)
class HeadTraining:
    """These settings train the bottleneck's head beside LoRA.

    Attributes:
        warmup_steps: steps before the first, in which the head alone is trained, at a constant rate.
        learning_rate: peak rate of the head, as a multiple of `training.learning_rate`.
        clip: gradients of head and LoRA as one vector (`together`), or each on its own (`apart`).
    """

    warmup_steps: int = 0
    learning_rate: float = 1.0
    clip: Literal["together", "apart"] = "together"


@dataclass(frozen=True)
class Bottleneck:
    """The bottleneck makes FT into IB-FT: a head, its settings, and the layer l* (an index from 1) that it reads.

    The control `rms` reads the layer without a head.
    """

    head: IBHead | NoisyHead | None
    settings: IBSettings
    layer: int
    training: HeadTraining = HeadTraining()


class IBModel(nn.Module):
    """A language model and its bottleneck, trained together. Without a bottleneck it learns by FT.

    Attributes:
        dtype: of the forward and backward pass: that of `training.precision`, for nf4 bfloat16; of float32, that of
            the frozen weights, beyond which no pass is precise.
        head_alone: the trunk gets no gradient, as in the warm-up of the head.
    """

    def __init__(self, model: PreTrainedModel, bottleneck: Bottleneck | None, precision: str = "float32") -> None:
        super().__init__()
        self.model = model
        self.ib_head = bottleneck.head if bottleneck else None
        self.bottleneck = bottleneck
        self.head_alone = False
        self.dtype: torch.dtype = model.dtype if precision == "float32" else _PASS[precision]

    @property
    def device(self) -> torch.device:
        found: torch.device = self.model.device
        return found

    def trained(self) -> dict[str, nn.Parameter]:
        """Parameters that require gradients, by name: `model...` and `ib_head...`."""
        return {name: parameter for name, parameter in self.named_parameters() if parameter.requires_grad}

    def forward(self, batch: Batch, counts: TokenCounts, seed: StepSeed) -> Loss:
        """Run the trunk once, and the objective on top of it."""
        with torch.autocast(self.device.type, self.dtype, self.dtype.itemsize == 2):
            return self._loss(batch.to(self.device), counts, seed)

    def _loss(self, batch: Batch, counts: TokenCounts, seed: StepSeed) -> Loss:
        layout = packed_arguments(batch.spans, self.device) if batch.packed else {}
        if batch.states_of_padding:
            layout["attention_mask"] = send(batch.valid_BT, self.device)
        bottleneck = self.bottleneck
        catching = layer_output(self.model, bottleneck.layer) if bottleneck else nullcontext(list[Tensor]())
        with catching as caught, torch.set_grad_enabled(torch.is_grad_enabled() and not self.head_alone):
            output = decoder(self.model)(input_ids=batch.tokens_BT, use_cache=False, **layout)
        if self.bottleneck is None:
            return ib_ft_loss(output.last_hidden_state, batch.labels_BT, head(self.model), counts)
        ib_head, settings, layer_hidden_BTD = self.bottleneck.head, self.bottleneck.settings, caught[0]
        noise_NZ = None
        if ib_head is not None:
            scope_BT = kl_tokens(batch.labels_BT, batch.valid_BT, settings.kl_scope)
            noise_NZ = draw_noise(batch, scope_BT, ib_head.noise_width, layer_hidden_BTD, seed)
        return ib_ft_loss(
            output.last_hidden_state,
            batch.labels_BT,
            head(self.model),
            counts,
            ib_head=ib_head,
            settings=settings,
            layer_hidden_BTD=layer_hidden_BTD,
            valid_BT=batch.valid_BT,
            noise_NZ=noise_NZ,
        )


def seed_words(seed: int, step: int) -> tuple[int, int]:
    """Return the two as a seed takes them: without a sign, as steps of the head's warm-up are below 1."""
    return seed, step % 2**32


def draw_noise(batch: Batch, scope_BT: Tensor, width: int, like: Tensor, seed: StepSeed) -> Tensor:
    """eps_NZ for the tokens in scope, from one stream per (training seed, step, example), on the device of `like`.

    So it does not depend on which examples share a micro-batch, a row or a process.
    """
    noise: list[Tensor] = []
    device, dtype = like.device, accumulating(like)
    for index, in_scope in zip(batch.indices, torch.split(scope_BT.flatten(), list(batch.spans)), strict=True):
        [stream] = np.random.SeedSequence([*seed_words(*seed), index]).generate_state(1, np.uint64)
        generator = torch.Generator(device).manual_seed(int(stream))
        noise.append(torch.randn(int(in_scope.sum()), width, generator=generator, device=device, dtype=dtype))
    return torch.cat(noise)

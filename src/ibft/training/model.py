"""The model and its bottleneck as one module, whose forward pass is the objective of one micro-batch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from ibft.models.architecture import decoder, head
from ibft.models.attention import packed_arguments
from ibft.models.batching import send
from ibft.models.head import accumulating
from ibft.models.layers import layer_outputs
from ibft.models.loading import DTYPES
from ibft.training.batches import Batch, joined
from ibft.training.fused_lora import ADAPTER, Route, Stretch
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
        adapter: peft's name of its LoRA layers, where several variants have theirs in one model.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        bottleneck: Bottleneck | None,
        precision: str = "float32",
        *,
        adapter: str = ADAPTER,
        route: Route | None = None,
    ) -> None:
        """Put them together; `route` is that of the fused layers, where they hold the adapters of several variants."""
        super().__init__()
        self.model = model
        self.adapter, self.route = adapter, route or Route()
        self.ib_head = bottleneck.head if bottleneck else None
        self.bottleneck = bottleneck
        self.head_alone = False
        self.dtype: torch.dtype = model.dtype if precision == "float32" else _PASS[precision]

    @property
    def device(self) -> torch.device:
        found: torch.device = self.model.device
        return found

    def trained(self) -> dict[str, nn.Parameter]:
        """Parameters that require gradients, by the names of a variant alone: `model...` and `ib_head...`."""
        return {
            name.replace(f".{self.adapter}.weight", f".{ADAPTER}.weight"): parameter
            for name, parameter in self.named_parameters()
            if parameter.requires_grad and (".lora_" not in name or f".{self.adapter}." in name)
        }

    def forward(self, batch: Batch, counts: TokenCounts, seed: StepSeed) -> Loss:
        """Run the trunk once, and the objective on top of it."""
        [loss] = losses_of_one_pass([Part(self, batch, counts, seed, None)])
        return loss

    def loss(
        self,
        last_hidden_BTD: Tensor,
        layer_hidden_BTD: Tensor | None,
        batch: Batch,
        counts: TokenCounts,
        seed: StepSeed,
    ) -> Loss:
        """Compute the objective on the states of the trunk; those of layer l* are for the bottleneck."""
        if self.bottleneck is None or layer_hidden_BTD is None:
            return ib_ft_loss(last_hidden_BTD, batch.labels_BT, head(self.model), counts)
        ib_head, settings = self.bottleneck.head, self.bottleneck.settings
        noise_NZ = None
        if ib_head is not None:
            scope_BT = kl_tokens(batch.labels_BT, batch.valid_BT, settings.kl_scope)
            noise_NZ = draw_noise(batch, scope_BT, ib_head.noise_width, layer_hidden_BTD, seed)
        return ib_ft_loss(
            last_hidden_BTD,
            batch.labels_BT,
            head(self.model),
            counts,
            ib_head=ib_head,
            settings=settings,
            layer_hidden_BTD=layer_hidden_BTD,
            valid_BT=batch.valid_BT,
            noise_NZ=noise_NZ,
        )


class Part(NamedTuple):
    """A part is the micro-batch of one variant in a pass that several may share."""

    ib_model: IBModel
    batch: Batch
    counts: TokenCounts
    seed: StepSeed
    dropout: torch.Generator | None  # None: torch's global generator


def losses_of_one_pass(parts: Sequence[Part]) -> list[Loss]:
    """Pass the micro-batches of variants of one base through its weights at once, packed if there are several.

    Each variant's tokens pass its own LoRA layers and meet its own objective, and every text attends to itself alone:
    so the losses and gradients are those of passes of their own, but for rounding.
    """
    first = parts[0].ib_model
    model, device = first.model, first.device
    batches = [part.batch.to(device) for part in parts]
    whole = batches[0] if len(batches) == 1 else joined(batches)
    layout = packed_arguments(whole.spans, device) if whole.packed else {}
    if whole.states_of_padding:
        layout["attention_mask"] = send(whole.valid_BT, device)
    wanted = {part.ib_model.bottleneck.layer for part in parts if part.ib_model.bottleneck}
    stretches = [Stretch(part.ib_model.adapter, part.batch.tokens_BT.numel(), part.dropout) for part in parts]
    trains_trunk = torch.is_grad_enabled() and not all(part.ib_model.head_alone for part in parts)
    with (
        torch.autocast(device.type, first.dtype, first.dtype.itemsize == 2),
        first.route.through(stretches),
        layer_outputs(model, wanted) as caught,
    ):
        with torch.set_grad_enabled(trains_trunk):
            last_hidden_BTD = decoder(model)(input_ids=whole.tokens_BT, use_cache=False, **layout).last_hidden_state
        losses, start = [], 0
        for part, batch in zip(parts, batches, strict=True):
            own = slice(start, start := start + batch.tokens_BT.shape[1])
            last_own_BTD, layer_own_BTD = last_hidden_BTD[:, own], None
            if part.ib_model.bottleneck:
                layer_own_BTD = caught[part.ib_model.bottleneck.layer][0][:, own]
            if part.ib_model.head_alone:
                last_own_BTD = last_own_BTD.detach()
                layer_own_BTD = None if layer_own_BTD is None else layer_own_BTD.detach()
            losses.append(part.ib_model.loss(last_own_BTD, layer_own_BTD, batch, part.counts, part.seed))
    return losses


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

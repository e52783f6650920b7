"""The model and its bottleneck as one module, whose forward pass is the objective of one micro-batch."""

from contextlib import nullcontext
from dataclasses import dataclass

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
from ibft.training.objective import IBHead, IBSettings, Loss, TokenCounts, ib_ft_loss, kl_tokens

StepSeed = tuple[int, int]  # training seed and optimizer step


@dataclass(frozen=True)
class Bottleneck:
    """The bottleneck makes FT into IB-FT: a head, its settings, and the layer l* (an index from 1) that it reads."""

    head: IBHead
    settings: IBSettings
    layer: int


class IBModel(nn.Module):
    """A language model and its bottleneck, trained together. Without a bottleneck it learns by FT.

    Attributes:
        dtype: of the forward and backward pass: that of `training.precision`; of float32, that of the frozen weights,
            beyond which no pass is precise.
    """

    def __init__(self, model: PreTrainedModel, bottleneck: Bottleneck | None, precision: str = "float32") -> None:
        super().__init__()
        self.model = model
        self.ib_head = bottleneck.head if bottleneck else None
        self.bottleneck = bottleneck
        self.dtype: torch.dtype = model.dtype if precision == "float32" else DTYPES[precision]

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
        with catching as caught:
            output = decoder(self.model)(input_ids=batch.tokens_BT, use_cache=False, **layout)
        if self.bottleneck is None:
            return ib_ft_loss(output.last_hidden_state, batch.labels_BT, head(self.model), counts)
        settings, layer_hidden_BTD = self.bottleneck.settings, caught[0]
        scope_BT = kl_tokens(batch.labels_BT, batch.valid_BT, settings.kl_scope)
        width = self.bottleneck.head.decoder.in_features
        return ib_ft_loss(
            output.last_hidden_state,
            batch.labels_BT,
            head(self.model),
            counts,
            ib_head=self.bottleneck.head,
            settings=settings,
            layer_hidden_BTD=layer_hidden_BTD,
            valid_BT=batch.valid_BT,
            noise_NZ=draw_noise(batch, scope_BT, width, layer_hidden_BTD, seed),
        )


def draw_noise(batch: Batch, scope_BT: Tensor, width: int, like: Tensor, seed: StepSeed) -> Tensor:
    """eps_NZ for the tokens in scope, from one stream per (training seed, step, example), on the device of `like`.

    So it does not depend on which examples share a micro-batch, a row or a process.
    """
    noise: list[Tensor] = []
    device, dtype = like.device, accumulating(like)
    for index, in_scope in zip(batch.indices, torch.split(scope_BT.flatten(), list(batch.spans)), strict=True):
        [stream] = np.random.SeedSequence([*seed, index]).generate_state(1, np.uint64)
        generator = torch.Generator(device).manual_seed(int(stream))
        noise.append(torch.randn(int(in_scope.sum()), width, generator=generator, device=device, dtype=dtype))
    return torch.cat(noise)

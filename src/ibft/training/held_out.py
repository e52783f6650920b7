"""Negative log-likelihood of held-out examples, a few times in a training: before it, on the way, and after it.

Inside the training job the model is there already, so that a point of the curve costs one forward pass over the
examples (docs/adr/0025-held-out-nll-is-taken-in-training.md).
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ibft.config.sections import Training
from ibft.models.architecture import decoder, head
from ibft.models.attention import packed_arguments
from ibft.models.batching import send, states_at
from ibft.models.encoding import EncodedExample
from ibft.models.head import chunk_of, logit_chunks
from ibft.training.batches import Batch, collate, micro_batches, pack
from ibft.training.distributed import World
from ibft.training.fused_lora import Stretch
from ibft.training.model import IBModel
from ibft.training.objective import predicts_response

Scores = list[float]  # nats per response token, by example


class HeldOutExamples:
    """Held-out examples of one training, in batches that every evaluation passes through the model."""

    def __init__(
        self,
        example_ids: Sequence[str],
        examples: Sequence[EncodedExample],
        settings: Training,
        *,
        points: int,
        pad_token: int,
        world: World,
    ) -> None:
        """Take `points` evaluations in a training, evenly spaced, the last one after its last step."""
        self.example_ids = list(example_ids)
        self.tokens = [example.response_tokens for example in examples]
        self._points = points
        self._world = world
        runs = micro_batches(examples, int(settings.micro_batch_tokens), packed=settings.packing)
        self._batches = [pack(run) if settings.packing else collate(run, pad_token) for run in runs]

    def is_due(self, step: int, steps: int) -> bool:
        """Return true after the steps at which an evaluation is to be taken."""
        return step in {max(1, round(steps * point / self._points)) for point in range(1, self._points + 1)}

    @torch.no_grad()
    def score(self, ib_model: IBModel) -> Scores:
        """Return each example's NLL; every process must ask, and as many batches run in each.

        Dropout is off. The model is in training mode before and after.
        """
        ib_model.eval()
        own = self._batches[self._world.rank :: self._world.size]
        totals = torch.zeros(len(self.tokens), dtype=torch.float64, device=ib_model.device)
        for turn in range(-(-len(self._batches) // self._world.size)):
            batch = own[turn] if turn < len(own) else self._batches[0]
            totals_of_batch = nll_by_example(ib_model, batch)
            if turn < len(own):
                totals[list(batch.indices)] = totals_of_batch
        ib_model.train()
        nats = self._world.all_reduce(totals).tolist()
        return [total / tokens for total, tokens in zip(nats, self.tokens, strict=True)]

    def rows(self, scores: dict[str, Scores]) -> list[dict[str, Any]]:
        """Return rows of HELD_OUT, of scores by step."""
        return [
            {"step": int(step), "example_id": name, "tokens": tokens, "nll": nll}
            for step, of_step in scores.items()
            for name, tokens, nll in zip(self.example_ids, self.tokens, of_step, strict=True)
        ]


def nll_by_example(ib_model: IBModel, batch: Batch) -> Tensor:
    """Sum over the response tokens of each example of -log p, in nats: float64, one per entry of `batch.indices`."""
    batch = batch.to(ib_model.device)
    model = ib_model.model
    layout = packed_arguments(batch.spans, ib_model.device) if batch.packed else {}
    predicts_BT = predicts_response(batch.labels_BT)
    targets_N = send(batch.labels_BT[:, 1:][predicts_BT[:, :-1]], ib_model.device)
    with (
        torch.autocast(ib_model.device.type, ib_model.dtype, ib_model.dtype.itemsize == 2),
        ib_model.route.through([Stretch(ib_model.adapter, batch.tokens_BT.numel())]),
    ):
        output = decoder(model)(input_ids=batch.tokens_BT, use_cache=False, **layout)
        hidden_ND = states_at(output.last_hidden_state, predicts_BT)
        nll_N = torch.empty(len(targets_N), dtype=torch.float64, device=ib_model.device)
        for rows, logits_nV in logit_chunks(head(model), hidden_ND, chunk_of(head(model))):
            target_n = logits_nV.gather(1, targets_N[rows, None])[:, 0]
            nll_N[rows] = (logits_nV.logsumexp(-1) - target_n).double()
    counts = [int(own.sum()) for own in torch.split(predicts_BT.flatten(), list(batch.spans))]
    return torch.stack([own.sum() for own in torch.split(nll_N, counts)])

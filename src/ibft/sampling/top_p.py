"""Drawing a token from logits: temperature, then top-p, then the inverse of the cumulative distribution."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class Nucleus:
    """The tokens that may be drawn next, most likely first, and what each of them costs.

    Attributes:
        tokens: their ids.
        cumulative: their cumulative probability; the last entry is the mass of the nucleus.
        log_probabilities: of each under the unmodified model, in nats.
    """

    tokens: NDArray[np.int64]
    cumulative: NDArray[np.float64]
    log_probabilities: NDArray[np.float64]

    def draw(self, uniform: float) -> int:
        """The index into `tokens` that `uniform`, in [0, 1), falls on."""
        index = int(np.searchsorted(self.cumulative, uniform * self.cumulative[-1], side="right"))
        return min(index, len(self.tokens) - 1)


def nuclei(logits_RV: Tensor, temperature: float, top_p: float) -> Iterator[Nucleus]:
    """Each row's nucleus: the fewest most likely tokens whose probability reaches `top_p`.

    The same set as transformers' and vLLM's warpers leave, but without sorting the vocabulary: a token less likely than
    (1 - top_p) / V cannot be in it, since all such tokens together have less than the 1 - top_p that is cut off.
    Temperature 0 leaves the most likely token alone.
    """
    exact_RV = logits_RV.double()
    model_RV = exact_RV - exact_RV.logsumexp(dim=-1, keepdim=True)
    if temperature == 0:
        for log_V, token in zip(model_RV, logits_RV.argmax(dim=-1).tolist(), strict=True):
            yield _nucleus(torch.tensor([token]), torch.ones(1, dtype=torch.float64), log_V)
        return
    for log_V, probability_V in zip(model_RV, torch.softmax(exact_RV / temperature, dim=-1), strict=True):
        likely = (probability_V > (1 - top_p) / probability_V.numel()).nonzero().squeeze(-1)
        probability, order = probability_V[likely].sort(descending=True, stable=True)
        before = probability.cumsum(0) - probability
        kept = max(int((before < top_p).sum()), 1) if top_p < 1 else len(order)
        yield _nucleus(likely[order[:kept]], probability[:kept], log_V)


def _nucleus(tokens: Tensor, probability: Tensor, log_V: Tensor) -> Nucleus:
    tokens = tokens.to(log_V.device)
    return Nucleus(tokens.cpu().numpy(), probability.cumsum(0).cpu().numpy(), log_V[tokens].cpu().numpy())

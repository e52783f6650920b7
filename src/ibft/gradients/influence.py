"""Influence: does a step on an example lower the loss of examples that are held out, or raise it?

To first order, a small step against the gradient g of one example changes the held-out loss by minus its size times the
dot product of g with the held-out gradient (the one-checkpoint case of TracIn, Pruthi et al. 2020, arXiv 2002.08484).
Both are gradients of a LoRA adapter that was warmed up for a few steps, as for GraNd: at initialisation, B = 0, only
half of the adapter speaks.
"""

from collections.abc import Sequence

import pandas as pd
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ibft.gradients.grand import Encoder, GradientScoring, Measure, measure_examples
from ibft.gradients.lora_gradients import Reduction, check_finite, pass_gradients, squared_norms
from ibft.models.batching import length_batches
from ibft.models.device import in_halves
from ibft.models.encoding import EncodedExample
from ibft.runtime.errors import UserError
from ibft.store.journal import Journal

Gradient = dict[nn.Module, Tensor]
"""The gradient [O, I] of the weight of each LoRA layer."""


def measure_influence(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    examples: pd.DataFrame,
    held_out: pd.DataFrame,
    scoring: GradientScoring,
    journal: Journal,
) -> pd.DataFrame:
    """Measure how each of `examples` pulls on the loss of `held_out` (both of table EXAMPLES), on the base `model`.

    The adapter is warmed up on `examples` alone. The model is given back as it was found.

    Returns:
        Rows of table INFLUENCE in the dataset's order.

    Raises:
        UserError: as `ibft.gradients.grand.score_gradients`, or no held-out example has a response token.
    """
    reduction = scoring.settings.reduction
    others = Encoder(held_out, tokenizer, scoring.profile, scoring.max_length)
    texts = list(others.learnable(range(len(held_out))).values())
    if not texts:
        raise UserError(f"no held-out example has a response token within training.max_length = {scoring.max_length}")

    def prepare(model: PreTrainedModel, in_pass: int) -> Measure:
        towards = mean_gradient(model, texts, reduction, in_pass)
        length = sum(float(of_layer.double().square().sum()) for of_layer in towards.values()) ** 0.5

        def pulls(texts: Sequence[EncodedExample]) -> list[tuple[float, float]]:
            pull_B, norm_B = pulls_and_norms(model, texts, towards, reduction)
            cosine_B = pull_B / (norm_B * length).clamp_min(torch.finfo(torch.float64).tiny)
            return list(zip(pull_B.tolist(), cosine_B.tolist(), strict=True))

        return pulls

    encoder = Encoder(examples, tokenizer, scoring.profile, scoring.max_length)
    return measure_examples(model, encoder, scoring, prepare, ("pull", "cosine"), journal)


def mean_gradient(
    model: PreTrainedModel, texts: Sequence[EncodedExample], reduction: Reduction, in_pass: int
) -> Gradient:
    """Return the mean of the gradients of `texts`, in passes of at most `in_pass` tokens."""

    def summed(chosen: Sequence[EncodedExample]) -> list[Gradient]:
        sums: Gradient = {}

        def add(layer: nn.Module, gradient_BOI: Tensor) -> None:
            sums[layer] = gradient_BOI.float().sum(0)

        pass_gradients(model, chosen, reduction, add)
        return [sums]

    whole: Gradient = {}
    longest_first = sorted(texts, key=len, reverse=True)
    for chosen in length_batches([len(text) for text in longest_first], in_pass):
        for part in in_halves(summed, [longest_first[index] for index in chosen]):
            whole = {layer: whole.get(layer, 0) + of_layer / len(texts) for layer, of_layer in part.items()}
    return whole


def pulls_and_norms(
    model: PreTrainedModel, texts: Sequence[EncodedExample], towards: Gradient, reduction: Reduction
) -> tuple[Tensor, Tensor]:
    """Return the dot product of each text's gradient with `towards`, and its norm: float64, [B]."""
    pull_B, squared_B = torch.zeros((2, len(texts)), dtype=torch.float64, device=model.device)

    def add(layer: nn.Module, gradient_BOI: Tensor) -> None:
        pull_B.add_(torch.einsum("boi,oi->b", gradient_BOI.float(), towards[layer]).double())
        squared_B.add_(squared_norms(gradient_BOI))

    pass_gradients(model, texts, reduction, add)
    check_finite(model, squared_B)
    return pull_B.cpu(), squared_B.sqrt().cpu()

"""Our way through a model against the model's own, on one short text, before anything is computed with it.

Every stage reads the decoder and the head apart (`ibft.models.architecture`) and lets PyTorch attend. Where a family
does something else in between, the numbers would be wrong without a word; this is the word.
"""

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ibft.models.architecture import decoder, head, model_type
from ibft.models.attention import TOLERANCE, attention_of
from ibft.models.head import accumulating
from ibft.runtime.errors import UserError

_TEXT = "def add(first, second):\n    return first + second\n"
_MOST_TOKENS = 32


def check_agreement(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Raise unless the log-probabilities that stages compute are those of `model` itself, with its own attention.

    Raises:
        UserError: they differ by more than rounding in the precision of the weights explains.
    """
    ids_1T = torch.tensor([short_text(tokenizer)], device=model.device)
    own_TV, reference_TV = own_logits(model, ids_1T), reference_logits(model, ids_1T)
    rounding = rounding_of(model, reference_TV)
    furthest = float((own_TV.log_softmax(-1) - reference_TV.log_softmax(-1)).abs().max())
    if not furthest <= rounding:
        raise UserError(
            f"a model of type {model_type(model)} gives other log-probabilities than ibft computes from its decoder "
            f"and head: they differ by {furthest:.3g}, where rounding explains {rounding:.3g}; use another model, or "
            "teach ibft.models.architecture what this type does to its logits"
        )


def short_text(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Return the token ids of the text that is compared."""
    return list(tokenizer(_TEXT)["input_ids"][:_MOST_TOKENS])


def rounding_of(model: PreTrainedModel, logits: Tensor) -> float:
    """Return how far log-probabilities may be apart that were computed from these logits in another order."""
    return TOLERANCE[model.dtype] * max(1.0, float(logits.abs().max()))


@torch.inference_mode()
def reference_logits(model: PreTrainedModel, ids_1T: Tensor) -> Tensor:
    """Return the logits [T, V] of one text by the model's whole forward pass, its attention in plain operations."""
    with attention_of(model, "eager"):
        logits_TV: Tensor = model(input_ids=ids_1T, use_cache=False).logits[0]
    return logits_TV.to(accumulating(logits_TV))


@torch.inference_mode()
def own_logits(model: PreTrainedModel, ids_1T: Tensor) -> Tensor:
    """Return the logits [T, V] of one text as stages compute them, in float32 (float64 of a float64 model)."""
    hidden_TD = decoder(model)(input_ids=ids_1T, use_cache=False).last_hidden_state[0]
    return head(model).logits(hidden_TD)

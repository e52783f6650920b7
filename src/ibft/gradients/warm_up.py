"""A freshly initialised LoRA adapter, taken a few steps into plain fine-tuning: where GraNd is measured."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from transformers import PreTrainedModel

from ibft.config.training import LoRA
from ibft.gradients.lora_gradients import head_gradient, response_mask
from ibft.models.batching import length_batches, pad_right
from ibft.models.encoding import EncodedExample
from ibft.models.lora import add_lora


@contextmanager
def fresh_adapter(model: PreTrainedModel, lora: LoRA, seed: int) -> Iterator[None]:
    """Inside, `model` carries a LoRA adapter drawn with `seed`, in evaluation mode; afterwards it is as before."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        with_lora = add_lora(model, lora)
        model.eval()  # new LoRA layers begin with their dropout on
        try:
            yield
        finally:
            with_lora.unload()


def warm_up(
    model: PreTrainedModel, steps: Sequence[Sequence[EncodedExample]], learning_rate: float, batch_tokens: int
) -> None:
    """Fine-tune the adapter of `model` with AdamW at a constant rate, one optimizer step for each group in `steps`.

    The loss is the mean cross-entropy over the response tokens of the group; LoRA dropout is on. The group runs through
    the model in parts of at most `batch_tokens`. Leaves the model in evaluation mode.
    """
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trainable, lr=learning_rate, weight_decay=0.0)
    model.train()
    for group in steps:
        tokens = sum(text.response_tokens for text in group)
        for part in length_batches([len(text) for text in group], batch_tokens):
            _backward(model, [group[index] for index in part], 1 / tokens)
        optimizer.step()
        optimizer.zero_grad()
    model.eval()


def _backward(model: PreTrainedModel, texts: Sequence[EncodedExample], token_weight: float) -> None:
    ids_BT = pad_right([text.ids for text in texts], model.device)
    loss_BT = response_mask(texts, ids_BT)
    hidden_BTD = model.get_decoder()(input_ids=ids_BT, use_cache=False).last_hidden_state
    hidden_ND = hidden_BTD[:, :-1][loss_BT[:, 1:]]
    weight_N = torch.full((len(hidden_ND),), token_weight, device=model.device)
    head = head_gradient(model, hidden_ND.detach(), ids_BT[loss_BT], weight_N)
    hidden_ND.backward(head.hidden_ND)

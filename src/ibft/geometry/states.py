"""One pooled hidden state per text, from one layer, without keeping the states of any other."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedModel

from ibft.models.architecture import decoder, layers
from ibft.models.batching import length_batches, pad_right
from ibft.models.layers import layer_output
from ibft.runtime.errors import UserError
from ibft.runtime.progress import progress

Pooling = Literal["mean", "last"]


@torch.inference_mode()
def pooled_states(
    model: PreTrainedModel, texts: Sequence[NDArray[np.int32]], layer: int, pooling: Pooling, batch_tokens: int
) -> NDArray[np.float64]:
    """Pool the output of decoder layer `layer` (an index from 1) over each text's tokens: [len(texts), D].

    It is the residual stream after that layer, before any final norm: what the bottleneck of IB-FT reads.

    Args:
        pooling: the mean over the tokens from the second on, or the state of the last one. The first token is left
            out, as it is in scoring: decoders use it as an attention sink, with states a hundred times longer than all
            others (Sun et al. 2024, arXiv 2402.17762), so that the mean would measure little but 1 / length.
        batch_tokens: tokens per forward pass, padding included.

    Raises:
        UserError: the model has no such layer, or a text has fewer than two tokens.
    """
    depth = len(layers(model))
    if not 1 <= layer <= depth:
        raise UserError(f"layer {layer} is out of range: the model has layers 1 to {depth}")
    if any(len(text) < 2 for text in texts):
        raise UserError("an example of fewer than two tokens has no state to compare: drop it from the dataset")
    batches = length_batches([len(text) for text in texts], batch_tokens)
    states: dict[int, NDArray[np.float64]] = {}
    with progress("hidden states", unit="examples", total=len(texts)) as bar:
        for batch in batches:
            rows = [texts[index] for index in batch]
            with layer_output(model, layer) as caught:
                decoder(model)(input_ids=pad_right(rows, model.device), use_cache=False)
            pooled_BD = _pool(caught[0], [len(row) for row in rows], pooling)
            states |= dict(zip(batch, pooled_BD.cpu().numpy(), strict=True))
            bar.advance(len(batch))
    return np.stack([states[index] for index in range(len(texts))])


def _pool(hidden_BTD: Tensor, lengths: Sequence[int], pooling: Pooling) -> Tensor:
    hidden_BTD = hidden_BTD.double()
    length_B = torch.tensor(lengths, device=hidden_BTD.device)
    if pooling == "last":
        return hidden_BTD[torch.arange(len(lengths), device=hidden_BTD.device), length_B - 1]
    index_T = torch.arange(hidden_BTD.shape[1], device=hidden_BTD.device)
    pooled_BT = (index_T > 0) & (index_T < length_B[:, None])
    return torch.einsum("btd,bt->bd", hidden_BTD, pooled_BT.double()) / (length_B[:, None] - 1)

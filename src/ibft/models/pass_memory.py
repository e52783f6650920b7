"""The value `auto` of `batch_tokens` and `micro_batch_tokens` stands for as many tokens as one pass may have.

On a GPU that follows from the memory that is free when the model is loaded, and from what a token takes in the passes
of the stage: `_KEPT` and `_WORKING`. These are counted at the shapes of 7B models (perf/pass_memory.py), and none has
been compared with a GPU yet, which is a part of perf/gpu.py. Where they are too small, a pass is halved
(`ibft.models.device`). On a CPU, whose memory is the job's, it is a number that is stated here.
"""

import logging
from typing import Literal

import torch
from transformers import PreTrainedModel

from ibft.models.architecture import head, layers, text_config, width
from ibft.models.head import CHUNK_BYTES_ELSEWHERE

logger = logging.getLogger(__name__)

Stage = Literal["memorization", "gradients", "training", "training_checkpointed"]

ON_CPU: dict[Stage, int] = {
    "memorization": 4096,
    "gradients": 4096,
    "training": 8192,
    "training_checkpointed": 8192,
}
# A batch of scoring is a unit of work: it goes to one shard, and into one entry of a journal. It may take several
# passes, so that neither depends on the machine.
BATCH: dict[Stage, int] = {"memorization": 65536, "gradients": 16384}
MOST = 65536  # beyond, a GPU gains nothing
_GRANULE = 256  # passes are of a multiple of this
_SHARE = 0.9  # of the free memory that is used: the rest goes to the allocator's gaps and to libraries
# Bytes for each token and unit of width: D of the states, and F inside the MLP. `_KEPT` is what each layer keeps for
# the backward pass, as counted. `_WORKING` is what one layer, or what stands before and after all, takes for a moment,
# and a quarter more than counted, for what no counting sees: gaps between tensors, and what kernels take themselves.
_KEPT: dict[Stage, tuple[float, float]] = {
    "memorization": (0, 0),
    "gradients": (2, 0),
    "training": (28, 9),
    "training_checkpointed": (2, 0),
}
_WORKING: dict[Stage, tuple[float, float]] = {
    "memorization": (10, 8),
    "gradients": (34, 15),
    "training": (28, 2),
    "training_checkpointed": (38, 16),
}
_AT_HEAD = 12  # bytes for each token and unit of D, when the head works and all layers rest
_BYTES_OF_TRAINED = 14  # a parameter's gradient, Adam's two means, and its copy in half precision


def tokens_of_pass(asked: int | Literal["auto"], model: PreTrainedModel, stage: Stage) -> int:
    """Return how many tokens a pass of `model` on its device may have, for `asked` in the configuration."""
    if asked != "auto":
        return asked
    tokens = ON_CPU[stage]
    if model.device.type == "cuda":
        torch.cuda.empty_cache()
        tokens = tokens_within(torch.cuda.mem_get_info(model.device)[0], model, stage)
    logger.info("auto: passes of %d tokens", tokens)
    return tokens


def tokens_of_batch(asked: int | Literal["auto"], stage: Stage) -> int:
    """Return how many tokens a batch of scoring has, which is the same on every machine."""
    return BATCH[stage] if asked == "auto" else asked


def tokens_within(free: float, model: PreTrainedModel, stage: Stage) -> int:
    """Return how many tokens fit into `free` bytes; at least `_GRANULE`, as less does not help."""
    room = _SHARE * free - bytes_of_trained(model)
    fitting = min(
        room / bytes_per_token(model, stage, _WORKING[stage]),
        (room - bytes_of_logits(model)) / bytes_per_token(model, stage, (_AT_HEAD, 0)),
    )
    return int(min(MOST, max(_GRANULE, fitting // _GRANULE * _GRANULE)))


def bytes_per_token(model: PreTrainedModel, stage: Stage, working: tuple[float, float]) -> float:
    """Count the bytes of GPU memory that each token of a pass takes, in half precision; twice that in float32."""
    inner = getattr(text_config(model), "intermediate_size", None) or 4 * width(model)
    (kept_D, kept_F), (working_D, working_F) = _KEPT[stage], working
    kept = len(layers(model)) * (kept_D * width(model) + kept_F * inner)
    return float((kept + working_D * width(model) + working_F * inner) * model.dtype.itemsize / 2)


def bytes_of_logits(model: PreTrainedModel) -> float:
    """Count the bytes of the logits that exist at a time, in float32 and half precision, and of what reduces them."""
    rows = max(1024, CHUNK_BYTES_ELSEWHERE // (4 * head(model).vocabulary))
    return 12.0 * rows * head(model).vocabulary


def bytes_of_trained(model: PreTrainedModel) -> int:
    """Count the bytes that training holds for its parameters, beyond themselves."""
    trained: int = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    return _BYTES_OF_TRAINED * trained

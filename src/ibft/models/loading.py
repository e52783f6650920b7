"""Load a prepared model folder, with or without a LoRA adapter, for scoring, training or sampling."""

import logging
from pathlib import Path
from typing import cast

import torch
from peft import PeftModel
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging as transformers_logging

from ibft.models.agreement import check_agreement
from ibft.models.allocator import keep_freed_memory
from ibft.models.device import device
from ibft.models.loaders import read_adapter, read_model, read_tokenizer, save_model
from ibft.models.products import use_faster_products
from ibft.models.quantization import nf4
from ibft.store.manifests import verify

logger = logging.getLogger(__name__)

_CPU = torch.device("cpu")
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def load_model(
    folder: Path, adapter: Path | None, precision: str, *, merge: bool = False
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Return the model in `folder` in evaluation mode on the best device, and its tokenizer.

    Args:
        folder: what `ibft.models.prepare` wrote.
        adapter: a LoRA adapter folder to put on top.
        precision: float32, bfloat16 or float16.
        merge: fold the adapter into the weights. It is added in float32 and only then cast, because a small
            update is lost when it is added to half-precision weights.

    Raises:
        UserError: the folder or the adapter is missing or damaged, the architecture is one that stages would compute
            wrongly, or the job asks for a GPU that cannot be used.
    """
    keep_freed_memory()
    use_faster_products()
    place = device()
    if adapter and merge:
        model = _merged(folder, adapter, precision)
    else:
        model = _with_adapter(folder, adapter, precision, place)
    model = cast_parameters(model.to(place), DTYPES[precision]).requires_grad_(False).eval()
    tokenizer = read_tokenizer(folder)
    check_agreement(model, tokenizer)
    logger.info("loaded %s%s in %s on %s", folder, f" with {adapter}" if adapter else "", precision, model.device)
    return model, tokenizer


def load_quantized(folder: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Return the model in `folder` as `load_model` does, its linear layers in 4 bits and the rest in bfloat16.

    The weights are quantized one by one on the GPU, so that the whole model never is in memory in 16 bits.

    Raises:
        UserError: as `load_model`, and `ibft.models.quantization.nf4`.
    """
    quantization = nf4()
    verify(folder)
    transformers_logging.disable_progress_bar()
    model = read_model(folder, torch.bfloat16, place=device(), quantization=quantization).requires_grad_(False).eval()
    tokenizer = read_tokenizer(folder)
    check_agreement(model, tokenizer)
    logger.info("loaded %s in nf4 on %s", folder, model.device)
    return model, tokenizer


def save_merged(folder: Path, adapter: Path, precision: str, target: Path) -> None:
    """Write the model in `folder` with the adapter folded into its weights to `target`, for an engine that loads it.

    Added in float32 and then cast, as in `load_model`; computed on the CPU, where the engine leaves room.
    """
    keep_freed_memory()
    save_model(_merged(folder, adapter, precision), target)
    logger.info("merged %s into %s in %s", adapter, folder, precision)


def _merged(folder: Path, adapter: Path, precision: str) -> PreTrainedModel:
    merged = cast(PeftModel, _with_adapter(folder, adapter, "float32")).merge_and_unload()
    return cast_parameters(cast(PreTrainedModel, merged), DTYPES[precision])


def cast_parameters(model: PreTrainedModel, dtype: torch.dtype) -> PreTrainedModel:
    """Give the weights of `model` a dtype, but those that its family keeps in float32, and no buffer.

    The frequencies of rotary embeddings are a buffer: rounded to bfloat16 they are off by up to 0.3%, which at position
    1,000 turns queries and keys by more than a radian. vLLM keeps them in float32, too.
    """
    kept = tuple(model._get_dtype_plan(dtype))  # parts of names
    for name, parameter in model.named_parameters():
        if not any(part in name for part in kept):
            parameter.data = parameter.data.to(dtype)
    return model


def _with_adapter(folder: Path, adapter: Path | None, precision: str, place: torch.device = _CPU) -> PreTrainedModel:
    """Read the weights to their `place`, past the CPU's memory; the adapter is kept apart."""
    verify(folder)
    transformers_logging.disable_progress_bar()  # weights load in a second; the bars only clutter logs
    model = read_model(folder, DTYPES[precision], place=place)
    if adapter:
        verify(adapter)
        return cast(PreTrainedModel, read_adapter(model, adapter))
    return model


def use_threads(threads: int) -> None:
    """Give torch the cores that the workflow gave this job; two jobs with all cores each run ten times slower."""
    torch.set_num_threads(threads)

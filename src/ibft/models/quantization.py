"""Frozen weights in 4 bits, for training alone: QLoRA (Dettmers et al. 2023, arXiv 2305.14314)."""

import importlib.util

import torch
from transformers import BitsAndBytesConfig

from ibft.runtime.errors import UserError


def nf4() -> BitsAndBytesConfig:
    """NormalFloat of 4 bits with its scales quantized, too, multiplied in bfloat16. The head keeps its 16 bits.

    Raises:
        UserError: there is no GPU, or bitsandbytes is not installed.
    """
    if not torch.cuda.is_available():
        raise UserError("training.precision: nf4 trains on a GPU alone, and torch finds none; use bfloat16 or float32")
    if importlib.util.find_spec("bitsandbytes") is None:
        raise UserError("training.precision: nf4 needs bitsandbytes: run `uv sync --extra nf4`")
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )

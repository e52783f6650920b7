"""The only places where transformers, peft and vLLM read a model: whatever would be left to chance is said here.

Each load is told: nothing but this folder, nothing but safetensors, no code of the model's authors (unless it is told
so, transformers asks on the terminal), which attention, and which dtype.
"""

import importlib
import json
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from peft import LoraConfig, PeftModel
from transformers import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    GgufConfig,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from ibft.models.wording import listed, shown
from ibft.runtime.errors import UserError

_RETRAIN = "delete it and rerun Snakemake, which makes it anew"
_CPU = torch.device("cpu")
_LOCAL: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}


def read_config(folder: Path) -> PretrainedConfig:
    return AutoConfig.from_pretrained(folder, **_LOCAL)


def read_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    return cast(PreTrainedTokenizerBase, AutoTokenizer.from_pretrained(folder, **_LOCAL))


def save_model(model: PreTrainedModel, folder: Path) -> None:
    """Write `model` as transformers does.

    accelerate, which is asked whether the model is in a wrapper, imports DeepSpeed for that. Unless it is told the
    device, DeepSpeed warns on stdout of a machine that has no GPU.
    """
    if not torch.cuda.is_available():
        os.environ.setdefault("DS_ACCELERATOR", "cpu")
    model.save_pretrained(folder)


def causal_class(config: PretrainedConfig) -> type[PreTrainedModel] | None:
    """Return the language model that transformers builds from `config`; None if it knows none."""
    return cast("type[PreTrainedModel] | None", MODEL_FOR_CAUSAL_LM_MAPPING.get(type(config), None))


def read_model(
    folder: Path,
    dtype: torch.dtype,
    *,
    place: torch.device = _CPU,
    quantization: BitsAndBytesConfig | None = None,
) -> PreTrainedModel:
    """Return the model of a folder with exactly the tensors that its architecture has.

    Args:
        place: the device that tensors are read to, one by one, so that a GPU's model never lies in the CPU's memory.
            On the meta device, names and shapes are compared and no tensor is read.
        quantization: of the linear layers' weights, while they are read.

    Raises:
        UserError: a tensor is missing (transformers would draw it at random), unknown, or of another shape.
    """
    config = read_config(folder)
    model, found = AutoModelForCausalLM.from_pretrained(
        folder,
        config=config,
        dtype=dtype,
        attn_implementation=_attention(config),
        use_safetensors=True,
        device_map=None if place.type == "cpu" else {"": place},
        quantization_config=quantization,
        output_loading_info=True,
        ignore_mismatched_sizes=True,  # they are refused below, with their names
        **_LOCAL,
    )
    refuse_misfits(found, type(model).__name__)
    return cast(PreTrainedModel, model)


def read_gguf(file: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Model, dequantized to float32, and tokenizer of a GGUF file.

    Raises:
        UserError: as `read_model`.
    """
    tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name, **_LOCAL)
    config = AutoConfig.from_pretrained(file.parent, gguf_file=file.name, **_LOCAL)
    model, found = AutoModelForCausalLM.from_pretrained(
        file.parent,
        gguf_file=file.name,
        quantization_config=GgufConfig(dequantize=True),
        dtype=torch.float32,
        attn_implementation=_attention(config),
        output_loading_info=True,
        **_LOCAL,
    )
    refuse_misfits(found, type(model).__name__)
    return model, tokenizer


def read_adapter(model: PreTrainedModel, folder: Path) -> PeftModel:
    """Return `model` with the LoRA adapter of a folder, kept apart.

    Raises:
        UserError: the folder lacks one of the adapter's files (peft would look for a pickle, or on the hub) or one of
            its tensors, or holds another kind of adapter.
    """
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        if not (folder / name).is_file():
            raise UserError(f"adapter {folder} has no {name}: {_RETRAIN}")
    config = json.loads((folder / "adapter_config.json").read_bytes())
    if not is_lora(config):
        raise UserError(f"adapter {folder} is no plain LoRA adapter: {_RETRAIN}")
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Found missing adapter keys")
        try:
            return cast(PeftModel, PeftModel.from_pretrained(model, folder, is_trainable=False, local_files_only=True))
        except UserWarning:
            raise UserError(f"adapter {folder} lacks tensors that its configuration asks for: {_RETRAIN}") from None


def is_lora(config: Mapping[str, Any]) -> bool:
    """Return true if an adapter_config.json is of LoRA beside layers of transformers."""
    mapping = config.get("auto_mapping") or {}
    library = str(mapping.get("parent_library", "transformers")) if isinstance(mapping, dict) else ""
    return config.get("peft_type") == "LORA" and library.partition(".")[0] == "transformers"


def read_lora_config(folder: Path) -> LoraConfig:
    return cast(LoraConfig, LoraConfig.from_pretrained(str(folder), local_files_only=True))


def start_vllm(folder: Path, precision: str, **settings: Any) -> Any:
    """`vllm.LLM` on the model of a folder. vLLM chooses its attention by the GPU, from those it was built with."""
    return importlib.import_module("vllm").LLM(
        model=str(folder),
        dtype=precision,
        trust_remote_code=False,
        config_format="hf",
        load_format="safetensors",
        tokenizer_mode="hf",
        generation_config="vllm",  # not the model's own defaults for temperature and top-k
        **settings,
    )


def refuse_misfits(found: dict[str, Any], architecture: str) -> None:
    """Raise unless transformers has found each tensor of the architecture, and no other.

    `found` is its loading info: tied weights, and those that the architecture itself lets be absent, are no misfits.
    """
    if found["mismatched_keys"]:
        name, here, there = min(found["mismatched_keys"])
        raise UserError(
            f"tensor {shown(name)} has the shape {list(here)}, and {architecture} with this config.json has "
            f"{list(there)}: take config.json and weights of one model"
        )
    if found["missing_keys"]:
        raise UserError(
            f"the weights lack {listed(found['missing_keys'])}, which {architecture} with this config.json has: "
            "fetch the whole model"
        )
    if found["unexpected_keys"]:
        raise UserError(
            f"the weights hold {listed(found['unexpected_keys'])}, which {architecture} with this config.json has not: "
            "take config.json and weights of one model"
        )


def _attention(config: PretrainedConfig) -> str:
    """PyTorch's own attention where it computes what the architecture asks for; transformers' plain one elsewhere.

    Gemma 2 caps its attention's logits, which PyTorch's attention would leave out without a word.
    """
    architecture = causal_class(config)
    soft_capped = bool(getattr(config.get_text_config(), "attn_logit_softcapping", None))
    return "sdpa" if architecture is not None and architecture._supports_sdpa and not soft_capped else "eager"

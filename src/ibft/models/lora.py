"""LoRA layers on a frozen base model, as the config describes them."""

import logging
from collections.abc import Sequence
from typing import cast

from peft import LoraConfig, PeftModel, get_peft_model
from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from ibft.config.sections import LoRA
from ibft.models.architecture import decoder, model_type
from ibft.runtime.errors import UserError

logger = logging.getLogger(__name__)

# peft takes these for the experts (and their router), where those are fused parameters.
_NAMES_OF_EXPERTS = {"gate", "gate_proj", "up_proj", "down_proj", "w1", "w2", "w3"}
# peft refuses `out_proj` of these, whose kernels read its weight without calling the layer.
_MAMBA_TYPES = {"falcon_h1", "falcon_mamba", "mamba", "mamba2", "nemotron_h"}


def add_lora(model: PreTrainedModel, lora: LoRA) -> PeftModel:
    """Put trainable float32 LoRA layers into `model`, in place, and return peft's view of it.

    A is drawn from torch's global generator, B is zero.

    Raises:
        UserError: a name in `lora.target_modules` is that of no linear layer of the decoder that can have LoRA.
    """
    return cast(PeftModel, get_peft_model(model, peft_config(model, lora)))


def peft_config(model: PreTrainedModel, lora: LoRA) -> LoraConfig:
    """Return peft's settings of LoRA layers for `model`, which has none yet. Raises as `add_lora` does."""
    linear = linear_layers(model)
    asked = _kinds(linear) if lora.target_modules == "auto" else list(lora.target_modules)
    for target in asked:  # peft leaves names that match nothing out silently, as long as one matches
        if not any(_matches(name, target) for name in linear):
            raise UserError(
                f"training.lora.target_modules: a model of type {model_type(model)} has no linear layer {target!r} for "
                f"LoRA; it has {', '.join(_kinds(linear))}"
            )
    logger.info("LoRA on %s%s", ", ".join(asked), " and not on the experts" if fuses_experts(model) else "")
    return LoraConfig(
        task_type="CAUSAL_LM",
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=_within_decoder(model, asked, linear),
        fan_in_fan_out=any(isinstance(module, Conv1D) for module in linear.values()),  # GPT-2 keeps weights transposed
    )


def linear_layers(model: PreTrainedModel) -> dict[str, nn.Module]:
    """Return the linear layers of the decoder that LoRA can stand beside, by name in `model`; the head is none of them.

    Experts that are one fused parameter are no layers, and a router's output is more than a product.
    """
    trunk = {id(module) for module in decoder(model).modules()}
    barred = _NAMES_OF_EXPERTS if fuses_experts(model) else set[str]()
    barred = barred | ({"out_proj"} if model_type(model) in _MAMBA_TYPES else set())
    return {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear | Conv1D)
        and id(module) in trunk
        and _last(name) not in barred
        and "Router" not in type(module).__name__
    }


def fuses_experts(model: PreTrainedModel) -> bool:
    """Return true if the weights of experts are parameters [experts, ...] of one module."""
    return any(
        weight.ndim == 3 and ("expert" in name or "moe" in name) for name, weight in decoder(model).named_parameters()
    )


def _kinds(linear: dict[str, nn.Module]) -> list[str]:
    """Return the last parts of the names, such as q_proj, each once."""
    return sorted({_last(name) for name in linear})


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _within_decoder(model: PreTrainedModel, asked: Sequence[str], linear: dict[str, nn.Module]) -> list[str]:
    """Return `asked`; where other modules are called so, too (of a model that also sees), the whole names instead."""
    others = (name for name, _ in model.named_modules() if name not in linear)
    if not any(_matches(name, target) for name in others for target in asked):
        return list(asked)
    return [name for name in linear if any(_matches(name, target) for target in asked)]


def _matches(name: str, target: str) -> bool:
    return name == target or name.endswith(f".{target}")

"""LoRA layers on a frozen base model, as the config describes them."""

from collections.abc import Sequence
from typing import cast

from peft import LoraConfig, PeftModel, get_peft_model
from torch import nn
from transformers import PreTrainedModel

from ibft.config.sections import LoRA
from ibft.runtime.errors import UserError


def add_lora(model: PreTrainedModel, lora: LoRA) -> PeftModel:
    """Put trainable float32 LoRA layers into `model`, in place, and return peft's view of it.

    A is drawn from torch's global generator, B is zero.

    Raises:
        UserError: a name in `lora.target_modules` is that of no module.
    """
    _check_targets(model, lora.target_modules)
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=list(lora.target_modules),
    )
    return cast(PeftModel, get_peft_model(model, config))


def _check_targets(model: PreTrainedModel, targets: Sequence[str]) -> None:
    """peft leaves names that match nothing out silently, as long as one matches."""
    linear = [name for name, module in model.get_decoder().named_modules() if isinstance(module, nn.Linear)]
    for target in targets:
        if not any(name == target or name.endswith(f".{target}") for name in linear):
            offered = sorted({name.rpartition(".")[2] for name in linear})
            raise UserError(
                f"training.lora.target_modules: {type(model).__name__} has no linear layer {target!r}; "
                f"it has {', '.join(offered)}"
            )

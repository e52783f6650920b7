"""LoRA layers on a frozen base model, as the config describes them."""

from typing import cast

from peft import LoraConfig, PeftModel, get_peft_model
from transformers import PreTrainedModel

from ibft.config import LoRA
from ibft.errors import UserError


def add_lora(model: PreTrainedModel, lora: LoRA) -> PeftModel:
    """Put trainable float32 LoRA layers into `model`, in place, and return peft's view of it.

    A is drawn from torch's global generator, B is zero.

    Raises:
        UserError: the model has no module of one of the names in `lora.target_modules`.
    """
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=list(lora.target_modules),
    )
    try:
        return cast(PeftModel, get_peft_model(model, config))
    except ValueError as error:
        raise UserError(f"training.lora.target_modules: {error}") from None

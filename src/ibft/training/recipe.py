"""Fine-tune one variant: base model + examples -> adapter folder + training log."""

import hashlib
import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pandas as pd
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import save
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ibft import storage
from ibft.config import LoRA, Method, Training
from ibft.errors import UserError
from ibft.profiles import get_profile
from ibft.training.batches import EncodedExample, truncate
from ibft.training.loop import Bottleneck, Checkpoints, train
from ibft.training.objective import IBHead, IBSettings

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what a variant learns, besides the model and the examples."""

    method: Method
    layer: int
    profile: str
    training: Training
    seed: int

    def key(self, *inputs: Path) -> str:
        """Digest of the recipe and of the content of its inputs: what a checkpoint belongs to."""
        described = {
            "method": self.method.model_dump(),
            "layer": self.layer,
            "profile": self.profile,
            "training": self.training.model_dump(),
            "seed": self.seed,
            "inputs": [storage.read_manifest(path)["sha256"] for path in inputs],
        }
        return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()


def fine_tune(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    examples: pd.DataFrame,
    recipe: Recipe,
    adapter: Path,
    checkpoints: Checkpoints,
) -> list[dict[str, Any]]:
    """Train on `examples` and write the adapter (and the bottleneck) to the folder `adapter`.

    The checkpoint lives while training runs and is gone afterwards.

    Returns:
        The training log, one row per step.

    Raises:
        UserError: no module matches `training.lora.target_modules`, or the adapter learned nothing.
    """
    torch.manual_seed(recipe.seed)
    with_lora = add_lora(model, recipe.training.lora)
    bottleneck = _bottleneck(model, recipe)
    if recipe.training.gradient_checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        model.enable_input_require_grads()
    log = train(
        model,
        encode(examples, tokenizer, recipe.profile, recipe.training.max_length),
        recipe.training,
        seed=recipe.seed,
        pad_token=tokenizer.pad_token_id or 0,
        bottleneck=bottleneck,
        checkpoints=checkpoints,
    )
    _save(with_lora, bottleneck, adapter)
    checkpoints.path.unlink(missing_ok=True)
    return log


def encode(
    examples: pd.DataFrame, tokenizer: PreTrainedTokenizerBase, profile: str, max_length: int
) -> list[EncodedExample]:
    """Token ids of every example in the words of `profile`, cut to `max_length`."""
    encode_example = get_profile(profile).encode_example
    encoded = []
    for row in examples.itertuples():
        prompt, response = encode_example(tokenizer, str(row.instruction), str(row.response), str(row.language))
        encoded.append(truncate(EncodedExample(tuple(prompt), tuple(response)), max_length))
    return encoded


def add_lora(model: PreTrainedModel, lora: LoRA) -> PeftModel:
    """Put trainable float32 LoRA layers into `model`, in place, and return peft's view of it."""
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


def _bottleneck(model: PreTrainedModel, recipe: Recipe) -> Bottleneck | None:
    if recipe.method.kind == "ft":
        return None
    head = IBHead(
        model.config.hidden_size, recipe.method.bottleneck, normalize_hidden=recipe.method.normalize_hidden
    ).to(model.device)
    settings = IBSettings(recipe.method.alpha, recipe.method.beta, recipe.method.kl_scope)
    return Bottleneck(head, settings, recipe.layer)


def _save(model: PeftModel, bottleneck: Bottleneck | None, adapter: Path) -> None:
    learned = [parameter for name, parameter in model.named_parameters() if "lora_B" in name]
    if not any(parameter.any() for parameter in learned):
        raise UserError("training changed nothing: every LoRA B matrix is zero; raise training.epochs or learning_rate")
    model.save_pretrained(adapter)
    for file in adapter.glob("*.safetensors"):
        file.chmod(0o644)
    if bottleneck:
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in bottleneck.head.state_dict().items()}
        storage.write_bytes(adapter / "ib_head.safetensors", save(tensors))

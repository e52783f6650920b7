"""Fine-tune one variant: base model + examples -> adapter folder + training log."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from peft import PeftModel
from safetensors.torch import save
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ibft import storage
from ibft.config import Method, Training
from ibft.errors import UserError
from ibft.models.lora import add_lora
from ibft.profiles import get_profile
from ibft.training.attention import use_packed_attention
from ibft.training.batches import EncodedExample, truncate
from ibft.training.loop import Bottleneck, Checkpoints, train
from ibft.training.objective import IBHead, IBSettings

logger = logging.getLogger(__name__)

_RELEASED_LOG_VARIANCE_LIMIT = 4.0  # docs/adr/0005-objective-of-the-released-code.md


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what a variant learns, besides the model and the examples."""

    method: Method
    layer: int
    profile: str
    training: Training
    seed: int


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
    bottleneck = make_bottleneck(model, recipe)
    if recipe.training.packing:
        use_packed_attention(model)
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
    for index, row in enumerate(examples.itertuples()):
        prompt, response = encode_example(tokenizer, str(row.instruction), str(row.response), str(row.language))
        encoded.append(truncate(EncodedExample(tuple(prompt), tuple(response), index), max_length))
    return encoded


def make_bottleneck(model: PreTrainedModel, recipe: Recipe) -> Bottleneck | None:
    """The bottleneck that `recipe` asks for, freshly drawn; None for FT."""
    if recipe.method.kind == "ft":
        return None
    method = recipe.method
    released = method.objective == "released-code"
    head = IBHead(
        model.config.hidden_size,
        method.bottleneck,
        normalize_hidden=method.normalize_hidden,
        log_variance_limit=_RELEASED_LOG_VARIANCE_LIMIT if released else None,
    )
    settings = IBSettings(
        method.alpha,
        method.beta,
        kl_scope="padded" if released else method.kl_scope,
        kl_mean_over_dimensions=released,
    )
    return Bottleneck(head.to(model.device), settings, recipe.layer)


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

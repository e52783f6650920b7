"""A stranger's LoRA adapter, judged before it is loaded: its description, its tensors, and whether both fit a base.

What is accepted is what every engine computes in the same way: A and B of one rank beside linear layers of the decoder.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
from safetensors import safe_open

from ibft.models.loaders import is_lora, read_lora_config, read_model
from ibft.models.lora import linear_layers
from ibft.models.wording import listed, shown
from ibft.runtime.errors import UserError

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_PREFIX = "base_model.model."
# These say which layers have LoRA and what it is multiplied by, or nothing that inference reads.
_READ = {"target_modules", "exclude_modules", "layers_to_transform", "layers_pattern", "r", "lora_alpha", "use_rslora"}
_READ |= {"fan_in_fan_out", "lora_dropout", "base_model_name_or_path", "revision", "peft_version", "task_type"}
_READ |= {"peft_type", "inference_mode", "init_lora_weights", "auto_mapping"}
_KNOWN_STARTS = (None, True, False, "gaussian")  # others change the base's weights before A and B are added
_MERGE = "merge the adapter into its base, and use that as a model"


def check_adapter_config(config: Mapping[str, Any]) -> None:
    """Raise `UserError` unless a description is that of plain LoRA, which needs nothing but A and B."""
    if not is_lora(config):
        raise UserError(
            f"{CONFIG} is of {shown(config.get('peft_type'))}, and LoRA of transformers is read alone: {_MERGE}"
        )
    rank, alpha = config.get("r"), config.get("lora_alpha")
    if type(rank) is not int or not 0 < rank <= 4096:
        raise UserError(f"{CONFIG} says r: {shown(rank)}, which must be a whole number from 1 to 4096: fetch it anew")
    if isinstance(alpha, bool) or not isinstance(alpha, int | float) or not 0 < alpha < 1e6:
        raise UserError(f"{CONFIG} says lora_alpha: {shown(alpha)}, which must be a number above 0: fetch it anew")
    plain = LoraConfig()
    for key, value in config.items():
        if key not in _READ and value and value != getattr(plain, key, None):
            raise UserError(f"{CONFIG} asks for {shown(key)}: {shown(value)}, and plain LoRA alone is read: {_MERGE}")
    start = config.get("init_lora_weights")
    if start not in _KNOWN_STARTS:
        raise UserError(f"{CONFIG} says init_lora_weights: {shown(start)}, which changes the base, too: {_MERGE}")


def check_adapter_fit(base: Path, folder: Path) -> dict[str, Any]:
    """Return how many layers of the model in `base` have the LoRA of `folder`, whose names and shapes are compared.

    Raises:
        UserError: a tensor is missing, unknown or of another shape, or a layer is none of the decoder's linear ones.
    """
    model = read_model(base, torch.float32, place=torch.device("meta"))
    linear = set(linear_layers(model))
    try:
        adapted = get_peft_model(model, read_lora_config(folder))
    except ValueError as error:
        raise UserError(f"its target_modules fit no layer of this base ({str(error).partition('. ')[0]})") from None
    own = get_peft_model_state_dict(adapted, save_embedding_layers=False)  # else it would ask the hub for the base
    wanted = {name: tuple(tensor.shape) for name, tensor in own.items()}
    beside = {name.removeprefix(_PREFIX).partition(".lora_")[0] for name in wanted}
    if foreign := beside - linear:
        raise UserError(f"it has LoRA beside {listed(foreign)}, which is no linear layer of the decoder: {_MERGE}")
    _compare(_shapes(folder / WEIGHTS), wanted)
    return {"layers": len(beside)}


def _shapes(weights: Path) -> dict[str, tuple[int, ...]]:
    with safe_open(weights, "pt") as tensors:
        return {name: tuple(tensors.get_slice(name).get_shape()) for name in tensors.keys()}  # noqa: SIM118 - no mapping


def _compare(found: Mapping[str, tuple[int, ...]], wanted: Mapping[str, tuple[int, ...]]) -> None:
    remedy = "use the adapter of this base"
    for name in sorted(set(found) & set(wanted)):
        if found[name] != wanted[name]:
            raise UserError(
                f"tensor {shown(name)} has the shape {list(found[name])}, and this base with this {CONFIG} has "
                f"{list(wanted[name])}: {remedy}"
            )
    if missing := set(wanted) - set(found):
        raise UserError(f"it lacks {listed(missing)}, which {CONFIG} asks for on this base: {remedy}")
    if unknown := set(found) - set(wanted):
        raise UserError(f"it holds {listed(unknown)}, which {CONFIG} has no place for on this base: {remedy}")


def check_adapter_update(weights: Path) -> None:
    """Raise `UserError` if every B is zero: what would be judged is the base model."""
    with safe_open(weights, "pt") as tensors:
        names = [name for name in tensors.keys() if "lora_B" in name]  # noqa: SIM118 - no mapping
        if not any(bool(tensors.get_tensor(name).any()) for name in names):
            raise UserError("every LoRA B matrix is zero, so that it changes nothing: use one that was trained")

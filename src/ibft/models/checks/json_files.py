"""The JSON files of a model, checked as they are written, before transformers reads them.

A key that would run code, fetch more, or set what this project sets itself is refused, and so is a number that no model
has.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ibft.models.checks.strict_json import read_object
from ibft.models.wording import shown
from ibft.runtime.errors import UserError

# These go into the model; their keys are settings. The keys of other files, such as a vocabulary's, may be any words.
_SETTINGS = ("config.json", "generation_config.json", "tokenizer_config.json", "special_tokens_map.json")
_OTHERS = ("tokenizer.json", "added_tokens.json", "vocab.json")
_CODE = "and code of a model's authors is never run here: use a model that transformers knows by itself"
_OURS = "which is decided here alone: remove the key from a copy of the model, and use a path: source"
_REFUSED = {
    "auto_map": _CODE,
    "auto_mapping": _CODE,
    "custom_pipelines": _CODE,
    "custom_generate": _CODE,
    "trust_remote_code": _CODE,
    "use_kernels": _CODE,
    "kernel_config": _CODE,
    "fusion_config": _CODE,
    "attn_implementation": _OURS,
    "_attn_implementation": _OURS,
    "_attn_implementation_internal": _OURS,
    "experts_implementation": _OURS,
    "_experts_implementation": _OURS,
    "_experts_implementation_internal": _OURS,
    "distributed_config": _OURS,
    "runtime_config": _OURS,
    "transformers_weights": _OURS,
    "fast_tokenizer_files": _OURS,
    "init_inputs": _OURS,
    "quantization_config": "and quantised weights cannot be trained or scored here: use the model's original weights",
    "compression_config": "and quantised weights cannot be trained or scored here: use the model's original weights",
}
_COUNTS = (
    *("vocab_size", "max_position_embeddings", "n_positions", "n_ctx"),
    *("num_hidden_layers", "num_layers", "n_layer"),
    *("num_attention_heads", "num_key_value_heads", "num_heads", "n_head", "head_dim"),
    *("hidden_size", "n_embd", "d_model", "intermediate_size", "d_ff", "ffn_dim"),
)
_MOST = 2**31
_SHARES = ("attention_dropout", "hidden_dropout", "resid_pdrop", "embd_pdrop", "attn_pdrop")


def check_json(folder: Path) -> None:
    """Raise `UserError` unless the JSON files in `folder` are a model's and ask for nothing that is refused here."""
    if not (folder / "config.json").is_file():
        raise UserError("the model has no config.json: check `source`")
    if (folder / "adapter_config.json").exists():
        raise UserError("it has adapter_config.json, so it is an adapter and no model: merge it into its base model")
    for name in _SETTINGS:
        if (folder / name).exists():
            _check_settings(name, read_object(folder / name, most_mib=16))
    for name in _OTHERS:
        if (folder / name).exists():
            read_object(folder / name, most_mib=256)


def _check_settings(name: str, settings: dict[str, Any]) -> None:
    for key, value in _keys(settings):
        if key in _REFUSED and value not in (None, False, [], {}):
            raise UserError(f"{name} asks for {key}: {shown(value)}, {_REFUSED[key]}")
        if name == "config.json":
            _check_number(key, value)


def _keys(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield all keys at any depth, with their values."""
    if isinstance(value, dict):
        yield from value.items()
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _keys(child)


def _check_number(key: str, value: Any) -> None:
    numbers = value if isinstance(value, list) else [value]
    for number in numbers:
        if number is None:
            continue
        if key in _COUNTS and not (type(number) is int and 0 < number < _MOST):
            raise _implausible(key, value, f"a whole number from 1 to {_MOST - 1}")
        if key.endswith(("_eps", "_epsilon", "rope_theta")) and not _between(number, 0, math.inf):
            raise _implausible(key, value, "a number above 0")
        if key in _SHARES and number != 0 and not _between(number, 0, 1):
            raise _implausible(key, value, "a number from 0 up to 1")


def _between(number: Any, low: float, high: float) -> bool:
    return type(number) in (int, float) and low < number < high


def _implausible(key: str, value: Any, expected: str) -> UserError:
    return UserError(f"config.json says {key}: {shown(value)}, which must be {expected}: fetch it anew")

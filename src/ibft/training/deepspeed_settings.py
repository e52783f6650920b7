"""The DeepSpeed configuration that `compute.deepspeed` stands for; torch is not needed to find it wrong."""

import json
from pathlib import Path
from typing import Any

from ibft.config.training import Training
from ibft.runtime.errors import UserError
from ibft.store.files import why_unreadable

_OURS = ("optimizer", "scheduler", "gradient_clipping", "bf16", "fp16")


def zero_settings(deepspeed: str, training: Training, processes: int) -> dict[str, Any]:
    """The DeepSpeed configuration for `deepspeed`: zero2, zero3, or path:FILE with a JSON of one's own.

    Batches are made by the training loop, whatever DeepSpeed believes them to be: it is told that every process takes
    one example.

    Raises:
        UserError: the file is no JSON object, or sets otherwise what `training` and `processes` decide.
    """
    kind, _, place = deepspeed.partition(":")
    own = _read(Path(place)) if kind == "path" else {"zero_optimization": {"stage": int(kind.removeprefix("zero"))}}
    _check_batches(own, training.batch_size, processes)
    for name in _OURS:
        if name in own:
            raise UserError(f"compute.deepspeed: remove {name!r} from {place}; the section `training` sets it")
    return own | {
        "train_batch_size": processes,
        "train_micro_batch_size_per_gpu": 1,
        "gradient_accumulation_steps": 1,
        "gradient_clipping": training.max_gradient_norm,
        "bf16": {"enabled": training.precision == "bfloat16"},
        "fp16": {"enabled": training.precision == "float16"},
    }


def _check_batches(own: dict[str, Any], batch_size: int, processes: int) -> None:
    """Refuse a DeepSpeed batch that is not ours; 'auto' leaves it to us."""
    numbers = {name: value for name, value in own.items() if isinstance(value, int)}
    batches = {"train_batch_size": numbers.get("train_batch_size", batch_size)}
    if "train_micro_batch_size_per_gpu" in numbers:
        steps = numbers.get("gradient_accumulation_steps", 1)
        product = f"train_micro_batch_size_per_gpu x gradient_accumulation_steps x {processes} processes"
        batches[product] = numbers["train_micro_batch_size_per_gpu"] * steps * processes
    for name, value in batches.items():
        if value != batch_size:
            raise UserError(
                f"compute.deepspeed: {name} is {value}, but training.batch_size is {batch_size} examples over all "
                "processes; remove the batch keys from the DeepSpeed file"
            )


def _read(path: Path) -> dict[str, Any]:
    reason = why_unreadable(path)
    if reason:
        raise UserError(f"compute.deepspeed: {path} cannot be read: {reason}")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except RecursionError:
        raise UserError(f"compute.deepspeed: {path} is nested too deeply to be read") from None
    except (OSError, ValueError) as error:
        raise UserError(f"compute.deepspeed: {path} cannot be read as JSON: {error}") from None
    if not isinstance(found, dict) or "zero_optimization" not in found:
        raise UserError(f"compute.deepspeed: {path} must hold a JSON object with a section zero_optimization")
    return found

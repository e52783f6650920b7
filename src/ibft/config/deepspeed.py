"""The DeepSpeed file of one's own that `compute.deepspeed` may name."""

import json
from pathlib import Path
from typing import Any

from ibft.config.sections import Training
from ibft.runtime.errors import UserError
from ibft.store.files import why_unreadable

_OURS = ("optimizer", "scheduler", "gradient_clipping", "bf16", "fp16")


def own_settings(deepspeed: str, training: Training, processes: int) -> dict[str, Any]:
    """Return the settings in the user's file, for path:FILE; none for zero2 and zero3.

    Raises:
        UserError: the file is no JSON object, or sets otherwise what `training` and `processes` decide.
    """
    kind, _, place = deepspeed.partition(":")
    if kind != "path":
        return {}
    own = _read(Path(place))
    _check_batches(own, training.batch_size, processes)
    for name in _OURS:
        if name in own:
            raise UserError(f"compute.deepspeed: remove {name!r} from {place}; the section `training` sets it")
    return own


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

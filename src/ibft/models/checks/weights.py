"""The tensors of a checkpoint, checked one after the other: no more than one is in memory."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from ibft.models.wording import first_line, shown
from ibft.runtime.errors import UserError
from ibft.runtime.progress import progress

_FLOATS = ("F64", "F32", "F16", "BF16")
# Tensors beside the packed weights of GPTQ, AWQ, bitsandbytes, compressed-tensors and FP8 checkpoints.
_QUANTISED = re.compile(
    r"(\.|_)(qweight|qzeros|scales|g_idx|absmax|quant_map|quant_state\..*|SCB|weight_scale(_inv)?|weight_packed"
    r"|weight_zero_point|input_scale|blocks)$"
)


def dtypes(files: Sequence[Path], index: Mapping[str, str]) -> dict[str, str]:
    """Data type of every tensor by its name, from the headers of safetensors files.

    Args:
        index: file name by tensor name; empty without one.

    Raises:
        UserError: a file is damaged, a tensor is there twice or not where the index says, or the weights are quantised.
    """
    found: dict[str, str] = {}
    place: dict[str, str] = {}
    for file in files:
        for name, dtype in _header(file).items():
            if name in found:
                raise UserError(f"tensor {shown(name)} is in {place[name]} and in {file.name}: fetch the model anew")
            if dtype.startswith(("F8", "F4", "F6")) or _QUANTISED.search(name):
                raise UserError(f"the weights are quantised ({shown(name)}, {dtype}): use the model's original weights")
            found[name], place[name] = dtype, file.name
    for name, file_name in index.items():
        if place.get(name) != file_name:
            raise UserError(f"{shown(file_name)} has no tensor {shown(name)}, as the index says: fetch the model anew")
    return found


def _header(file: Path) -> dict[str, str]:
    try:
        with safe_open(file, "pt") as tensors:
            return {name: tensors.get_slice(name).get_dtype() for name in tensors.keys()}  # noqa: SIM118 - no mapping
    except (SafetensorError, OSError) as error:
        raise UserError(f"{file.name} is no whole safetensors file ({first_line(error)}): fetch it anew") from None


def not_floating(found: Mapping[str, str]) -> dict[str, str]:
    return {name: dtype for name, dtype in found.items() if dtype not in _FLOATS}


def check_finite(files: Sequence[Path], total: int) -> None:
    """Raise `UserError` if a number in `files`, which hold `total` tensors, is NaN or infinite."""
    with progress("checking weights", unit="tensors", total=total) as bar:
        for name, tensor in _tensors(files):
            if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
                raise UserError(f"tensor {shown(name)} holds numbers that are NaN or infinite: fetch the weights anew")
            bar.advance()


def _tensors(files: Sequence[Path]) -> Iterator[tuple[str, torch.Tensor]]:
    for file in files:
        with safe_open(file, "pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118 - no mapping
                yield name, tensors.get_tensor(name)

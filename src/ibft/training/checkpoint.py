"""Checkpoints from which a killed run goes on to the same bytes: parameters, optimizer state, loss scale and step.

Random numbers need no saving: dropout and noise of a step are seeded by (training seed, step). Everything is one
safetensors file, replaced atomically, so that a kill in the middle of a save leaves the previous one. The rows of the
steps lie beside it, in a journal (`ibft.training.step_rows`).
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor, nn

from ibft.store.files import write_bytes

# SGD without momentum has none. `step` counts AdamW's updates: fewer than training's steps where float16 overflowed.
_OF_ADAMW = ("step", "exp_avg", "exp_avg_sq")


@dataclass(frozen=True)
class Checkpoints:
    """A run saves itself here, this often, under the digest of everything that its result depends on."""

    path: Path
    every_steps: int
    key: str

    @property
    def folder(self) -> Path:
        """DeepSpeed keeps its part in this folder."""
        return self.path.with_suffix("")

    @property
    def rows(self) -> Path:
        """The journal of `ibft.training.step_rows`."""
        return self.path.with_suffix(".rows.journal")

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)
        self.rows.unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)


def save_checkpoint(
    path: Path,
    key: str,
    step: int,
    parameters: dict[str, nn.Parameter],
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
) -> None:
    """Write the state after `step` steps. `key` names the settings and inputs that it belongs to."""
    tensors: dict[str, Tensor] = {}
    for name, parameter in parameters.items():
        tensors[f"parameter.{name}"] = parameter.detach().cpu().contiguous()
        for part, value in optimizer.state[parameter].items():
            tensors[f"{part}.{name}"] = value.cpu().contiguous()
    metadata = {"key": key, "step": str(step), "scaler": json.dumps(scaler.state_dict())}
    write_bytes(path, save(tensors, metadata=metadata))


def load_checkpoint(
    path: Path,
    key: str,
    parameters: dict[str, nn.Parameter],
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
) -> int:
    """Restore everything in place; return how many steps are finished.

    A missing file, or one of other settings or inputs (another `key`), means a start from step 0.
    """
    if not path.exists():
        return 0
    with safe_open(path, "pt") as checkpoint:
        metadata = checkpoint.metadata()
        if metadata["key"] != key:
            return 0
        saved = set(checkpoint.keys())
        with torch.no_grad():
            for name, parameter in parameters.items():
                parameter.copy_(checkpoint.get_tensor(f"parameter.{name}"))
                optimizer.state[parameter] = {
                    part: checkpoint.get_tensor(f"{part}.{name}").to(parameter.device)
                    for part in _OF_ADAMW
                    if f"{part}.{name}" in saved  # a parameter without a gradient has none yet
                }
        scaler.load_state_dict(json.loads(metadata["scaler"]))
    return int(metadata["step"])

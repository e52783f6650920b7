"""DeepSpeed ZeRO: optimizer state and gradients (stage 2), and parameters too (stage 3), split over the processes."""

import importlib
import json
import shutil
import warnings
from typing import Any

import torch
from torch import Tensor

from ibft.config.deepspeed import own_settings
from ibft.config.sections import Training
from ibft.store.files import write_bytes
from ibft.training.backend import Norms, make_optimizer, set_rate
from ibft.training.batches import Batch
from ibft.training.checkpoint import Checkpoints
from ibft.training.distributed import World
from ibft.training.model import IBModel, StepSeed
from ibft.training.objective import Loss, TokenCounts
from ibft.training.watch import GradientWatch


def start_deepspeed() -> Any:
    """Return the package, with its communication set up over the process group that is already there."""
    # DeepSpeed calls collectives by the names that torch has just renamed, in every step.
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"torch\.distributed")
    # On a CPU it would first compile collectives of its own, and wait for ever on the lock of a killed compilation.
    importlib.import_module("deepspeed.ops").__compatible_ops__["deepspeed_shm_comm"] = False
    deepspeed = importlib.import_module("deepspeed")
    deepspeed.init_distributed()
    return deepspeed


def deepspeed_settings(deepspeed: str, training: Training, processes: int) -> dict[str, Any]:
    """Return the DeepSpeed configuration for `deepspeed`: zero2, zero3, or path:FILE for the user's own.

    `training` and `processes` complete it. The training loop makes the batches, whatever DeepSpeed believes them to
    be: it is told that every process takes one example.

    Raises:
        UserError: as `ibft.config.deepspeed.own_settings`.
    """
    own = own_settings(deepspeed, training, processes)
    zero = own or {"zero_optimization": {"stage": int(deepspeed.removeprefix("zero"))}}
    return zero | {
        "train_batch_size": processes,
        "train_micro_batch_size_per_gpu": 1,
        "gradient_accumulation_steps": 1,
        "gradient_clipping": training.max_gradient_norm,
        "bf16": {"enabled": training.precision == "bfloat16"},
        "fp16": {"enabled": training.precision == "float16"},
    }


class DeepSpeedBackend:
    """The same step as `TorchBackend`, by a DeepSpeed engine. Checkpoints are folders beside the file of the other."""

    watches = False  # gradients are in parts, or gone, where a watch would look

    def __init__(
        self,
        ib_model: IBModel,
        training: Training,
        world: World,
        deepspeed: str,
    ) -> None:
        """Start the engine; `deepspeed` is the value of `compute.deepspeed`.

        Raises:
            UserError: as `ibft.config.deepspeed.own_settings`.
        """
        settings = deepspeed_settings(deepspeed, training, world.size)
        package = start_deepspeed()
        self._whole = importlib.import_module("deepspeed.utils").safe_get_full_fp32_param
        self._ib_model = ib_model
        self._world = world
        self._engine, self._optimizer, _, _ = package.initialize(
            model=ib_model, optimizer=make_optimizer(ib_model, training), config=settings, dist_init_required=False
        )

    def resume(self, checkpoints: Checkpoints) -> int:
        note = checkpoints.folder / "finished.json"
        if not note.exists():
            return 0
        finished = json.loads(note.read_text())
        if finished["key"] != checkpoints.key or finished["processes"] != self._world.size:
            return 0
        self._engine.load_checkpoint(checkpoints.folder, tag=finished["tag"], load_module_strict=False)
        return int(finished["step"])

    def backward(
        self,
        batch: Batch,
        counts: TokenCounts,
        seed: StepSeed,
        *,
        idle: bool,
        last: bool,
        watch: GradientWatch | None = None,
    ) -> Loss:
        loss: Loss = self._engine(batch, counts, seed)
        # DeepSpeed averages gradients over the processes; losses are shares of global means, whose gradients add up.
        share = 0 if idle else self._world.size
        self._engine.set_gradient_accumulation_boundary(last)
        self._engine.backward(loss.total * share)
        if not last:
            self._engine.step()
        return loss

    def forget(self) -> bool:
        return False  # ZeRO has met other processes in the passes before

    def update(self, rate: float) -> Norms:
        set_rate(self._optimizer, rate)
        self._engine.step()
        norm = float(self._engine.get_global_grad_norm())
        return Norms(torch.tensor(norm, dtype=torch.float64, device=self._ib_model.device))

    def save(self, checkpoints: Checkpoints, step: int) -> None:
        tag = f"step{step}"
        self._engine.save_checkpoint(checkpoints.folder, tag=tag, save_latest=False, exclude_frozen_parameters=True)
        self._world.barrier()
        if self._world.is_main:
            note = {
                "key": checkpoints.key,
                "processes": self._world.size,
                "tag": tag,
                "step": step,
            }
            write_bytes(checkpoints.folder / "finished.json", json.dumps(note).encode())
            for older in checkpoints.folder.glob("step*"):
                if older.name != tag:
                    shutil.rmtree(older)
        self._world.barrier()

    def learned(self) -> dict[str, Tensor]:
        whole = {name: self._whole(p) for name, p in self._ib_model.trained().items()}
        return {name: tensor.detach().float().cpu() for name, tensor in whole.items()}

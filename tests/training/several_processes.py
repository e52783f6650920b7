"""What each of several processes does in test_several_processes.py: train in every way there is, into one folder.

torchrun --nproc-per-node 2 tests/training/several_processes.py MODEL_FOLDER OUTPUT_FOLDER
"""

import json
import sys
from pathlib import Path

from ibft.config.sections import LoRA, Method, Training
from ibft.models.loading import load_model, use_threads
from ibft.training import loop
from ibft.training.checkpoint import Checkpoints
from ibft.training.deepspeed_backend import start_deepspeed
from ibft.training.distributed import ALONE, World, join_world
from ibft.training.recipe import Recipe, Task, fine_tune
from tests.training.test_loop import EXAMPLES, dies_after

# 9 examples in batches of 4: the last batch has one, so that a process is idle; micro-batches differ in number.
SETTINGS = Training(epochs=2, batch_size=4, learning_rate=1e-2, micro_batch_tokens=100, lora=LoRA(rank=4, dropout=0))
WAYS = {"plain": None, "zero2": "zero2", "zero3": "zero3"}


def run(base: Path, folder: Path, deepspeed: str | None = None, world: World = ALONE) -> None:
    """IB-FT with its noise, its log written to `folder`."""
    model, tokenizer = load_model(base, None, "float32")
    recipe = Recipe(Method(kind="ibft", bottleneck=8), layer=2, profile="chat", training=SETTINGS, seed=3)
    checkpoints = Checkpoints(folder / "checkpoint.safetensors", 2, "key")
    task = Task(recipe, EXAMPLES.head(9), folder / "adapter", checkpoints)
    [trained] = fine_tune(model, tokenizer, [task], world=world, deepspeed=deepspeed)
    if world.is_main:
        (folder / "log.json").write_text(json.dumps(trained.log))


def main(base: Path, output: Path) -> None:
    use_threads(1)
    world = join_world()
    try:
        start_deepspeed()
    except Exception as error:
        (output / "cannot-start").write_text(f"DeepSpeed cannot start here: {error}")
        return
    progress = loop.progress
    for way, deepspeed in WAYS.items():
        run(base, output / way, deepspeed, world)
        loop.progress = dies_after(3)
        try:
            run(base, output / f"{way}-resumed", deepspeed, world)
        except KeyboardInterrupt:
            loop.progress = progress
        run(base, output / f"{way}-resumed", deepspeed, world)
    world.leave()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

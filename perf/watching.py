"""A watched step of IB-FT is compared with a plain one: the same batches, in turns, in one process.

python perf/watching.py --model results/models/smollm2-135m --examples results/examples/rtl.parquet

Prints CPU seconds per step, and what a run of --steps pays that watches every --watch-every-th, its first and its last.
"""

import argparse
import statistics
import time
from pathlib import Path

import torch

from ibft.config.sections import LoRA, Method, Training
from ibft.models.attention import packed_attention
from ibft.models.encoding import encode_with_profile
from ibft.models.loading import load_model, use_threads
from ibft.runtime.stage import run_stage, stage_parser
from ibft.store import parquet
from ibft.store.schemas import EXAMPLES
from ibft.training.backend import TorchBackend
from ibft.training.distributed import ALONE
from ibft.training.loop import is_watched
from ibft.training.recipe import Recipe, make_trainable
from ibft.training.step import Order, Stepper
from ibft.training.watch import GradientWatch, shares_and_cosine

BATCH = 4


def main(arguments: argparse.Namespace) -> None:
    use_threads(arguments.threads)
    settings = Training(
        batch_size=BATCH,
        max_length=320,
        micro_batch_tokens=arguments.micro_batch_tokens,
        watch_every=arguments.watch_every,
        lora=LoRA(dropout=0.0),
    )
    model, tokenizer = load_model(arguments.model, None, "float32")
    examples = encode_with_profile(tokenizer, parquet.read_table(arguments.examples, EXAMPLES), "chat", 320)
    layer = round(model.config.num_hidden_layers * 2 / 3)
    method = Method(kind="ibft", normalize_hidden=True)
    _, [ib_model] = make_trainable(model, [Recipe(method, layer, "chat", settings, seed=0)])
    stepper = Stepper(TorchBackend(ib_model, settings, ALONE), ib_model, settings, pad_token=0, world=ALONE)
    ib_model.train()
    seconds: dict[bool, list[float]] = {False: [], True: []}
    with packed_attention(model):
        for turn in range(arguments.repeats + 1):
            chosen = examples[turn * BATCH : (turn + 1) * BATCH]
            for watched in (False, True):
                watch, started = GradientWatch(ib_model) if watched else None, time.process_time()
                stepper.take(Order(chosen, (0, turn), 1e-4, watch=watch)).read(turn)
                if watch:
                    shares_and_cosine(watch.gradients(ALONE))
                if turn:  # the first warms up
                    seconds[watched].append(time.process_time() - started)
    plain, watched = (statistics.mean(seconds[which]) for which in (False, True))
    number = sum(is_watched(step, arguments.steps, settings) for step in range(1, arguments.steps + 1))
    cost = number * (watched / plain - 1) / arguments.steps
    print(f"plain step {plain:.2f} CPU s, watched step {watched:.2f} CPU s: {watched / plain:.2f} times")
    print(f"{number} watched steps of {arguments.steps}: {cost:.1%} of a run (goal at most 3%)")


def parser() -> argparse.ArgumentParser:
    arguments = stage_parser(__doc__)
    arguments.add_argument("--model", type=Path, default=Path("results/models/smollm2-135m"))
    arguments.add_argument("--examples", type=Path, default=Path("results/examples/rtl.parquet"))
    arguments.add_argument("--repeats", type=int, default=5)
    arguments.add_argument("--micro-batch-tokens", type=int, default=192)
    arguments.add_argument("--steps", type=int, default=22, help="of the run whose cost is told")
    arguments.add_argument("--watch-every", type=int, default=11)
    arguments.add_argument("--threads", type=int, default=1)
    return arguments


if __name__ == "__main__":
    torch.manual_seed(0)
    run_stage(main, parser())

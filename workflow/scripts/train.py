"""Fine-tune a base model with LoRA: FT, or IB-FT with its bottleneck.

python workflow/scripts/train.py --model results/models/smollm2-135m --examples results/examples/rtl.parquet \\
    --job '{"method": {"kind": "ibft", "alpha": 0.1, "beta": 0.02}, "layer": 20, "training": {"epochs": 1}}' \\
    --output /tmp/adapter --training-log /tmp/training_log.parquet --training-speed /tmp/speed.csv

Several processes: `torchrun --standalone --nproc-per-node 2 -- workflow/scripts/train.py ...`, with or without
`--deepspeed zero3`. A killed run resumes from its last checkpoint, which lies beside the output.
"""

import argparse
import logging
import resource
import time
from pathlib import Path

import pandas as pd

from ibft.config.jobs import Train, job_parser
from ibft.models.loading import load_model, load_quantized, use_threads
from ibft.runtime.stage import run_stage
from ibft.runtime.trackers import add_tracker_options, check_trackers, open_trackers
from ibft.store import parquet
from ibft.store.files import write_bytes
from ibft.store.journal import journal_key
from ibft.store.manifests import folder_of, write_manifest
from ibft.store.schemas import EXAMPLES, HELD_OUT, SELECTION, TRAINING_LOG
from ibft.training.checkpoint import Checkpoints
from ibft.training.distributed import join_world
from ibft.training.loop import Trained, with_updates_counted
from ibft.training.recipe import Recipe, Task, fine_tune
from ibft.training.regimes import sentence

logger = logging.getLogger(__name__)


def parser() -> argparse.ArgumentParser:
    arguments = job_parser(__doc__, Train)
    arguments.add_argument("--model", type=folder_of, required=True, help="prepared model folder")
    arguments.add_argument("--examples", type=Path, required=True, help="Parquet table `examples`")
    arguments.add_argument(
        "--kept", type=Path, nargs="?", help="Parquet table `selection`: train on these examples only"
    )
    arguments.add_argument("--held-out", type=Path, nargs="?", help="Parquet table `examples`: never trained on")
    arguments.add_argument("--held-out-nll", type=Path, help="Parquet table `held_out` to write")
    arguments.add_argument("--checkpoint-steps", type=int, default=50, help="steps between checkpoints")
    arguments.add_argument("--threads", type=int, default=1, help="of all processes together")
    arguments.add_argument("--deepspeed", help="zero2, zero3 or path:FILE; for torchrun with several processes")
    add_tracker_options(arguments)
    arguments.add_argument("--output", type=Path, required=True, help="adapter folder")
    arguments.add_argument("--training-log", type=Path, required=True, help="Parquet table `training_log`")
    arguments.add_argument("--training-speed", type=Path, required=True, help="CSV, a row per step")
    return arguments


def main(arguments: argparse.Namespace) -> None:
    check_trackers(arguments)
    job: Train = arguments.job
    world = join_world()
    use_threads(max(1, arguments.threads // world.size))
    started = time.monotonic()
    everything, kept, held_out = _examples(arguments)
    training = with_updates_counted(job.training, len(everything))
    recipe = Recipe(method=job.method, layer=job.layer, profile=job.profile, training=training, seed=job.seed)
    if job.training.precision == "nf4":
        model, tokenizer = load_quantized(arguments.model)
    else:
        model, tokenizer = load_model(arguments.model, None, job.precision)
    inputs = [arguments.model, arguments.examples, arguments.kept, arguments.held_out]
    key = journal_key(Path(__file__), list(filter(None, inputs)), recipe.key, job.precision, job.held_out_points)
    task = Task(
        recipe,
        kept,
        arguments.output,
        Checkpoints(arguments.output.with_name("checkpoint.safetensors"), arguments.checkpoint_steps, key),
        held_out,
        job.held_out_points,
        open_trackers(arguments, "training") if world.is_main else [],
    )
    [trained] = fine_tune(model, tokenizer, [task], world=world, deepspeed=arguments.deepspeed)
    if world.is_main:
        _write_tables(arguments, trained)
        write_manifest(
            arguments.output,
            examples=len(kept),
            steps=len(trained.log),
            processes=world.size,
            deepspeed=arguments.deepspeed,
            seconds=round(time.monotonic() - started, 1),
            peak_memory_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        )
    world.leave()


def _examples(arguments: argparse.Namespace) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame | None]:
    """Read all examples, those of them that are trained on, and those that are held out."""
    everything = kept = parquet.read_table(arguments.examples, EXAMPLES)
    if arguments.kept:
        selection = parquet.read_table(arguments.kept, SELECTION)
        kept = everything[everything["example_id"].isin(selection["example_id"])]
    held_out = parquet.read_table(arguments.held_out, EXAMPLES) if arguments.held_out else None
    return everything, kept, held_out


def _write_tables(arguments: argparse.Namespace, trained: Trained) -> None:
    parquet.write_table(arguments.training_log, TRAINING_LOG, trained.log)
    if arguments.held_out_nll:
        parquet.write_table(arguments.held_out_nll, HELD_OUT, trained.held_out)
    logger.info("verdict: %s", sentence(pd.DataFrame(trained.log)) or "no step was watched")
    write_bytes(arguments.training_speed, pd.DataFrame(trained.speed).to_csv(index=False).encode())


if __name__ == "__main__":
    run_stage(main, parser())

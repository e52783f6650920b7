"""Fine-tune a base model with LoRA: FT, or IB-FT with its bottleneck.

python workflow/scripts/train.py --model results/models/smollm2-135m --examples results/examples/rtl.parquet \\
    --job '{"method": {"kind": "ibft", "alpha": 0.1, "beta": 0.02}, "layer": 20, "training": {"epochs": 1}}' \\
    --output /tmp/adapter --training-log /tmp/training_log.parquet --training-speed /tmp/speed.csv

Several variants of one base are trained together: give as many of --job, --kept (- for all examples), --output,
--training-log, --training-speed and --held-out-nll. Their tokens pass the weights at once, and each learns what it
learns alone, but for rounding. Adapters that are there already, trained from the same inputs by the same code, are left
as they are.

Several processes: `torchrun --standalone --nproc-per-node 2 -- workflow/scripts/train.py ...`, with or without
`--deepspeed zero3`. A killed run resumes from its last checkpoints, which lie beside the outputs.
"""

import argparse
import logging
import resource
import shlex
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ibft.config.jobs import Train, job_parser
from ibft.models.loading import load_model, load_quantized, use_threads
from ibft.runtime.errors import UserError
from ibft.runtime.stage import run_stage
from ibft.runtime.trackers import add_tracker_options, check_trackers, open_trackers
from ibft.store import parquet
from ibft.store.files import write_bytes
from ibft.store.journal import journal_key
from ibft.store.manifests import folder_of, manifest_path, read_manifest, verify, write_manifest
from ibft.store.schemas import EXAMPLES, HELD_OUT, SELECTION, TRAINING_LOG
from ibft.training.checkpoint import Checkpoints
from ibft.training.distributed import join_world
from ibft.training.loop import Trained, with_updates_counted
from ibft.training.recipe import Recipe, Task, fine_tune
from ibft.training.regimes import sentence

logger = logging.getLogger(__name__)


def parser() -> argparse.ArgumentParser:
    arguments = job_parser(__doc__, Train, several=True)
    arguments.add_argument("--model", type=folder_of, required=True, help="prepared model folder")
    arguments.add_argument("--examples", type=Path, required=True, help="Parquet table `examples`")
    arguments.add_argument(
        "--kept", type=_path_or_none, nargs="*", help="Parquet table `selection`: train on these examples only"
    )
    arguments.add_argument("--held-out", type=Path, nargs="?", help="Parquet table `examples`: never trained on")
    arguments.add_argument("--held-out-nll", type=Path, nargs="*", help="Parquet table `held_out` to write")
    arguments.add_argument("--checkpoint-steps", type=int, default=50, help="steps between checkpoints")
    arguments.add_argument("--threads", type=int, default=1, help="of all processes together")
    arguments.add_argument("--deepspeed", help="zero2, zero3 or path:FILE; for torchrun with several processes")
    add_tracker_options(arguments)
    arguments.add_argument("--output", type=Path, nargs="+", required=True, help="adapter folder")
    arguments.add_argument("--training-log", type=Path, nargs="+", required=True, help="Parquet table `training_log`")
    arguments.add_argument("--training-speed", type=Path, nargs="+", required=True, help="CSV, a row per step")
    return arguments


def _path_or_none(text: str) -> Path | None:
    return None if text == "-" else Path(text)


@dataclass(frozen=True)
class Variant:
    """A variant is trained by `job`, on the examples that are `kept`, and writes the other files."""

    job: Train
    kept: Path | None
    adapter: Path
    log: Path
    speed: Path
    held_out_nll: Path | None

    def key(self, arguments: argparse.Namespace, recipe: Recipe) -> str:
        """Return a digest of all that it learns by."""
        inputs = filter(None, [arguments.model, arguments.examples, self.kept, arguments.held_out])
        return journal_key(Path(__file__), list(inputs), recipe.key, self.job.precision, self.job.held_out_points)

    def is_trained(self, key: str) -> bool:
        """Return true if it is there, whole, as `key` would have it; it counts as made now."""
        tables = [self.log, *filter(None, [self.held_out_nll])]
        written = [manifest_path(self.adapter), self.speed, *tables, *map(manifest_path, tables)]
        if not all(path.exists() for path in written):
            return False
        try:
            if read_manifest(self.log).get("key") != key:
                return False
            for path in (self.adapter, *tables):
                verify(path)
        except UserError as error:
            logger.warning("%s; here it is trained anew", error)
            return False
        for path in written:
            path.touch()
        logger.info("%s is trained already", self.adapter)
        return True

    def command(self, arguments: argparse.Namespace) -> str:
        """Return the command that trains it alone, which others need to make it again."""
        options: dict[str, object] = {
            "--job": self.job.as_json(),
            "--model": arguments.model,
            "--examples": arguments.examples,
            "--kept": self.kept,
            "--held-out": arguments.held_out,
            "--held-out-nll": self.held_out_nll,
            "--threads": arguments.threads,
            "--deepspeed": arguments.deepspeed,
            "--output": self.adapter,
            "--training-log": self.log,
            "--training-speed": self.speed,
        }
        given = [str(word) for option in options.items() if option[1] is not None for word in option]
        return shlex.join([sys.argv[0], *given])

    def write_tables(self, trained: Trained, key: str, command: str) -> None:
        parquet.write_table(self.log, TRAINING_LOG, trained.log, key=key, command=command)
        if self.held_out_nll:
            parquet.write_table(self.held_out_nll, HELD_OUT, trained.held_out, command=command)
        logger.info("verdict: %s", sentence(pd.DataFrame(trained.log)) or "no step was watched")
        write_bytes(self.speed, pd.DataFrame(trained.speed).to_csv(index=False).encode())


def main(arguments: argparse.Namespace) -> None:
    check_trackers(arguments)
    variants = _variants(arguments)
    world = join_world()
    use_threads(max(1, arguments.threads // world.size))
    started = time.monotonic()
    tasks = _tasks(arguments, variants, is_main=world.is_main)
    if tasks:
        model, tokenizer = _load(arguments.model, variants[0].job)
        found = fine_tune(model, tokenizer, [task for _, task in tasks], world=world, deepspeed=arguments.deepspeed)
        for (variant, task), trained in zip(tasks, found, strict=True):
            if world.is_main:
                command = variant.command(arguments)
                variant.write_tables(trained, task.checkpoints.key, command)
                write_manifest(
                    variant.adapter,
                    examples=len(task.examples),
                    steps=len(trained.log),
                    processes=world.size,
                    deepspeed=arguments.deepspeed,
                    trained_together=len(tasks),
                    command=command,
                    seconds=round(time.monotonic() - started, 1),
                    peak_memory_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
                )
    world.leave()


def _tasks(arguments: argparse.Namespace, variants: list[Variant], *, is_main: bool) -> list[tuple[Variant, Task]]:
    """Return what is to be trained of each variant that is not there already."""
    everything = parquet.read_table(arguments.examples, EXAMPLES)
    held_out = parquet.read_table(arguments.held_out, EXAMPLES) if arguments.held_out else None
    tasks = []
    for variant in variants:
        job = variant.job
        training = with_updates_counted(job.training, len(everything))
        recipe = Recipe(method=job.method, layer=job.layer, profile=job.profile, training=training, seed=job.seed)
        kept = _kept(everything, variant.kept)
        key = variant.key(arguments, recipe)
        if variant.is_trained(key):
            verify(arguments.model)  # as for those that read it
            continue
        checkpoint = variant.adapter.with_name("checkpoint.safetensors")
        checkpoints = Checkpoints(checkpoint, arguments.checkpoint_steps, key)
        trackers = open_trackers(arguments, "training") if is_main else []
        task = Task(recipe, kept, variant.adapter, checkpoints, held_out, job.held_out_points, trackers)
        tasks.append((variant, task))
    return tasks


def _variants(arguments: argparse.Namespace) -> list[Variant]:
    """Return what each --job is to read and to write.

    Raises:
        UserError: an option has not as many values as --job, or the jobs load the model in several ways.
    """
    jobs = arguments.job
    absent = [None] * len(jobs)
    kept, nll = arguments.kept or absent, arguments.held_out_nll or absent
    columns = (kept, arguments.output, arguments.training_log, arguments.training_speed, nll)
    if any(len(column) != len(jobs) for column in columns):
        raise UserError(
            f"--job is given {len(jobs)} times: give as many of --output, --training-log, --training-speed, and of "
            "--kept and --held-out-nll as many or none"
        )
    if len({(job.precision, job.training.precision, job.training.max_length) for job in jobs}) > 1:
        raise UserError("--job: variants that are trained together share precision and training.max_length")
    return [Variant(*values) for values in zip(jobs, *columns, strict=True)]


def _kept(everything: pd.DataFrame, selection: Path | None) -> pd.DataFrame:
    """Return the examples that are trained on."""
    if selection is None:
        return everything
    return everything[everything["example_id"].isin(parquet.read_table(selection, SELECTION)["example_id"])]


def _load(folder: Path, job: Train) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    return load_quantized(folder) if job.training.precision == "nf4" else load_model(folder, None, job.precision)


if __name__ == "__main__":
    run_stage(main, parser())

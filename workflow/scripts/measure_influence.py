"""Measure how each example pulls on the loss of held-out ones: the dot product of its LoRA gradient with theirs.

python workflow/scripts/measure_influence.py --model results/models/smollm2-135m \\
    --examples results/split/rtl/training.parquet --held-out results/split/rtl/held_out.parquet \\
    --job '{"gradients": {"batch_tokens": 1024}, "lora": {"rank": 32}, "max_length": 512}' \\
    --output /tmp/influence.parquet

A killed run resumes from the journal beside its output.
"""

import argparse
from pathlib import Path

from ibft.config.jobs import MeasureInfluence, job_parser
from ibft.gradients.grand import GradientScoring
from ibft.gradients.influence import measure_influence
from ibft.models.loading import load_model, use_threads
from ibft.runtime.stage import run_stage
from ibft.store.journal import Journal, journal_key, journal_path
from ibft.store.manifests import folder_of
from ibft.store.parquet import read_table, write_table
from ibft.store.schemas import EXAMPLES, INFLUENCE


def parser() -> argparse.ArgumentParser:
    arguments = job_parser(__doc__, MeasureInfluence)
    arguments.add_argument("--model", type=folder_of, required=True, help="prepared model folder")
    arguments.add_argument("--examples", type=Path, required=True, help="Parquet table `examples`, of training")
    arguments.add_argument("--held-out", type=Path, required=True, help="Parquet table `examples`: never trained on")
    arguments.add_argument("--threads", type=int, default=1)
    arguments.add_argument("--output", type=Path, required=True, help="Parquet table `influence`")
    return arguments


def main(arguments: argparse.Namespace) -> None:
    use_threads(arguments.threads)
    job: MeasureInfluence = arguments.job
    scoring = GradientScoring.of(job)
    examples, held_out = (read_table(path, EXAMPLES) for path in (arguments.examples, arguments.held_out))
    model, tokenizer = load_model(arguments.model, None, job.precision)
    inputs = [arguments.model, arguments.examples, arguments.held_out]
    key = journal_key(Path(__file__), inputs, scoring.key, job.precision)
    with Journal(journal_path(arguments.output), key) as journal:
        influence = measure_influence(model, tokenizer, examples, held_out, scoring, journal)
        described = {"precision": job.precision, "settings": scoring.settings.model_dump(mode="json")}
        write_table(arguments.output, INFLUENCE, influence, **described)
        journal.remove()


if __name__ == "__main__":
    run_stage(main, parser())

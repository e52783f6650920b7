"""Measure the negative log-likelihood of the responses of named datasets under a model: what it has learned.

python workflow/scripts/measure_nll.py --job '{"profile": "chat"}' --model results/models/smollm2-135m \\
    --adapter results/training/smollm2-135m/rtl/ft/seed0/adapter --examples fresh=results/examples/fresh.parquet \\
    --output nll.parquet
"""

import argparse
from pathlib import Path

import pandas as pd

from ibft.config.jobs import MeasureNll, job_parser
from ibft.figures.inputs import keyed_path
from ibft.memorization.nll import measure_nll
from ibft.models.loading import load_model, use_threads
from ibft.runtime.stage import run_stage
from ibft.store import parquet
from ibft.store.manifests import folder_of
from ibft.store.schemas import EXAMPLES, NLL


def parser() -> argparse.ArgumentParser:
    arguments = job_parser(__doc__, MeasureNll)
    arguments.add_argument("--model", type=folder_of, required=True, help="prepared model folder")
    arguments.add_argument(
        "--adapter", type=folder_of, nargs="?", help="LoRA adapter folder, which is merged into the model"
    )
    arguments.add_argument("--examples", type=keyed_path, nargs="+", required=True, metavar="DATASET=PARQUET")
    arguments.add_argument("--threads", type=int, default=1)
    arguments.add_argument("--output", type=Path, required=True, help="Parquet table `nll`")
    return arguments


def main(arguments: argparse.Namespace) -> None:
    use_threads(arguments.threads)
    job: MeasureNll = arguments.job
    settings = {"profile": job.profile, "max_length": job.max_length, "batch_tokens": job.batch_tokens}
    model, tokenizer = load_model(arguments.model, arguments.adapter, job.precision, merge=True)
    frames = []
    for dataset, path in arguments.examples:
        measured = measure_nll(model, tokenizer, parquet.read_table(path, EXAMPLES), **settings)
        frames.append(measured.assign(dataset=dataset))
    parquet.write_table(arguments.output, NLL, pd.concat(frames, ignore_index=True), precision=job.precision)


if __name__ == "__main__":
    run_stage(main, parser())

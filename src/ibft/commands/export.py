"""`ibft export VARIANT`: a fine-tuned model of a run as a folder that others can load, with a model card.

    ibft export smollm2-135m/rtl/ibft                         the LoRA adapter alone (megabytes), for peft
    ibft export smollm2-135m/rtl/ibft --format merged         the whole model, for transformers and vLLM
    ibft export smollm2-135m/rtl/ibft --format gguf           one file for llama.cpp, Ollama and LM Studio
    ibft export smollm2-135m/rtl/ibft --push OWNER/NAME       and upload it to the Hugging Face hub

VARIANT is MODEL/DATASET/METHOD, as folders of results/training are called, with /seed1 behind it for another training
seed. The card (README.md) is made from what the run recorded: data, memorization, metrics with intervals, settings, and
the commands; look at it before you publish it. For --push set HF_TOKEN to an access token that may write. A folder that
is there already is uploaded as it is, with your own changes to the card.
"""

import argparse
from pathlib import Path

from ibft.sharing.export import FORMATS, default_folder, export, told
from ibft.sharing.facts import parse_variant
from ibft.sharing.upload import check_repository, push


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "export",
        help="a fine-tuned model as a folder for others, with a model card",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("variant", help="MODEL/DATASET/METHOD, as in results/training; /seed1 for another seed")
    parser.add_argument("--format", choices=FORMATS, default="adapter", help="default: adapter")
    parser.add_argument("--results", type=Path, default=Path("results"), help="results folder (default: results)")
    parser.add_argument("--out", type=Path, help="folder to write (default: exports/VARIANT/FORMAT)")
    parser.add_argument("--license", help="of the exported model, as the hub spells it, such as apache-2.0")
    parser.add_argument("--push", metavar="OWNER/NAME", help="upload the folder to this repository of the hub")
    parser.add_argument("--private", action="store_true", help="with --push: a repository that is made is private")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Write the folder, and upload it where that is asked for.

    Raises:
        UserError: there is no such variant, the folder is in use, or the hub refuses.
    """
    if arguments.push:
        check_repository(arguments.push)
    variant = parse_variant(arguments.variant)
    folder = arguments.out or default_folder(variant, arguments.format)
    if arguments.push and folder.is_dir():
        print(f"{folder} is there already, and is uploaded as it is")
    else:
        export(arguments.results, variant, arguments.format, folder, arguments.license)
        print(told(variant, arguments.format, folder))
    if arguments.push:
        print(f"uploaded to {push(folder, arguments.push, private=arguments.private, message=f'ibft: {variant}')}")

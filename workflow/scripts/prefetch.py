"""Write which commits the prepared models, adapters and data sets of a run are, as a configuration to lay over its own.

python workflow/scripts/prefetch.py --models smollm2=results/models/smollm2 \\
    --datasets rtl=results/examples/rtl.parquet --output results/pins.yaml

Elsewhere, `snakemake --configfile config/paper.yaml pins.yaml` fetches exactly the same. The SHA-256 of every file
stands in the manifests.
"""

import argparse
from pathlib import Path
from typing import Any

import yaml

from ibft.figures.inputs import keyed_path
from ibft.runtime.stage import run_stage, stage_parser
from ibft.store.manifests import folder_of, read_manifest, write_output


def parser() -> argparse.ArgumentParser:
    arguments = stage_parser(__doc__)
    arguments.add_argument("--models", type=keyed_path, nargs="+", required=True, metavar="NAME=FOLDER")
    arguments.add_argument("--adapters", type=keyed_path, nargs="*", default=[], metavar="METHOD=FOLDER")
    arguments.add_argument("--datasets", type=keyed_path, nargs="+", required=True, metavar="NAME=PARQUET")
    arguments.add_argument("--output", type=Path, required=True, help="YAML file to write")
    return arguments


def main(arguments: argparse.Namespace) -> None:
    pins = {"models": revisions(arguments.models), "datasets": revisions(arguments.datasets)}
    if adapters := revisions(arguments.adapters):
        pins["methods"] = adapters
    write_output(arguments.output, yaml.safe_dump(pins).encode())


def revisions(entries: list[tuple[str, Path]]) -> dict[str, Any]:
    """`{NAME: {"revision": COMMIT}}` of what comes from the hub; everything else is pinned by where it comes from."""
    found = {name: read_manifest(folder_of(str(path)))["revision"] for name, path in entries}
    return {name: {"revision": revision} for name, revision in found.items() if revision}


if __name__ == "__main__":
    run_stage(main, parser())

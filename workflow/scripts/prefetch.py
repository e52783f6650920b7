"""Write which commits the prepared models, adapters and data sets of a run are, as a configuration to lay over its own.

python workflow/scripts/prefetch.py --models smollm2=results/models/smollm2 \\
    --datasets rtl=results/examples/rtl.parquet \\
    --contamination rtl/rtl-mini=results/contamination/rtl/rtl-mini.parquet --output results/pins.yaml

Elsewhere, `snakemake --configfile config/paper.yaml pins.yaml` fetches exactly the same. The SHA-256 of every file
stands in the manifests. How much of each benchmark stands in each data set is said here, before anything is trained.
"""

import argparse
import logging
from pathlib import Path
from typing import Any

import yaml

from ibft.contamination.summary import overlap
from ibft.figures.inputs import keyed_path
from ibft.runtime.stage import run_stage, stage_parser
from ibft.store.manifests import folder_of, read_manifest, write_output

logger = logging.getLogger(__name__)


def parser() -> argparse.ArgumentParser:
    arguments = stage_parser(__doc__)
    arguments.add_argument("--models", type=keyed_path, nargs="*", default=[], metavar="NAME=FOLDER")
    arguments.add_argument("--adapters", type=keyed_path, nargs="*", default=[], metavar="METHOD=FOLDER")
    arguments.add_argument("--datasets", type=keyed_path, nargs="*", default=[], metavar="NAME=PARQUET")
    arguments.add_argument(
        "--contamination", type=keyed_path, nargs="*", default=[], metavar="DATASET/BENCHMARK=PARQUET"
    )
    arguments.add_argument("--output", type=Path, required=True, help="YAML file to write")
    return arguments


def main(arguments: argparse.Namespace) -> None:
    pins = {"models": revisions(arguments.models), "datasets": revisions(arguments.datasets)}
    if adapters := revisions(arguments.adapters):
        pins["methods"] = adapters
    for pair, path in arguments.contamination:
        examples, told = overlap(path)
        logger.log(logging.WARNING if examples else logging.INFO, "contamination of %s: %s", pair, told)
    write_output(arguments.output, yaml.safe_dump(pins).encode())


def revisions(entries: list[tuple[str, Path]]) -> dict[str, Any]:
    """`{NAME: {"revision": COMMIT}}` of what comes from the hub; everything else is pinned by where it comes from.

    The parts of a mixture are datasets of their own, and pinned as such.
    """
    found: dict[str, str | None] = {}
    for name, path in entries:
        facts = read_manifest(folder_of(str(path)))
        found[name] = facts["revision"]
        found |= revisions_of_parts(facts)
    return {name: {"revision": revision} for name, revision in sorted(found.items()) if revision}


def revisions_of_parts(facts: dict[str, Any]) -> dict[str, str | None]:
    """Return the revision of each dataset that was mixed, and of those that were mixed into one of these."""
    found: dict[str, str | None] = {}
    for name, part in facts.get("parts", {}).items():
        found |= {name: part.get("revision"), **revisions_of_parts(part)}
    return found


if __name__ == "__main__":
    run_stage(main, parser())

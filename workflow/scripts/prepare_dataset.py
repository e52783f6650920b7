"""Prepare fine-tuning data: generate it, read it from files or the hub, or mix it, and write the table `examples`.

python workflow/scripts/prepare_dataset.py \\
    --job '{"source": "generated:rtl", "language": "verilog", "examples": 400}' \\
    --output results/examples/rtl.parquet
"""

import argparse
import logging
from pathlib import Path

from ibft.config.jobs import job_parser
from ibft.config.sections import Dataset
from ibft.data.datasets import read_dataset
from ibft.data.hub_datasets import pinned
from ibft.runtime.stage import run_stage
from ibft.store import parquet
from ibft.store.schemas import EXAMPLES

logger = logging.getLogger(__name__)


def parser() -> argparse.ArgumentParser:
    arguments = job_parser(__doc__, Dataset)
    arguments.add_argument("--output", type=Path, required=True, help="Parquet file to write")
    return arguments


def main(arguments: argparse.Namespace) -> None:
    dataset = pinned(arguments.job)
    examples, facts = read_dataset(dataset)
    facts = {"source": dataset.source, "revision": dataset.revision, **facts}
    parquet.write_table(arguments.output, EXAMPLES, examples, **facts)
    logger.info("%d examples to %s", len(examples), arguments.output)


if __name__ == "__main__":
    run_stage(main, parser())

"""Prepare a benchmark: read its problems and tests and write the table `problems`.

python workflow/scripts/prepare_benchmark.py \\
    --job '{"source": "builtin:humaneval", "language": "python", "problems": 20}' \\
    --output results/problems/humaneval.parquet
"""

import argparse
import logging
from pathlib import Path

from ibft.config.jobs import job_parser
from ibft.config.sections import Benchmark
from ibft.data.benchmarks import prepare_benchmark
from ibft.runtime.stage import run_stage
from ibft.store import parquet
from ibft.store.schemas import PROBLEMS

logger = logging.getLogger(__name__)


def parser() -> argparse.ArgumentParser:
    arguments = job_parser(__doc__, Benchmark)
    arguments.add_argument("--output", type=Path, required=True, help="Parquet file to write")
    return arguments


def main(arguments: argparse.Namespace) -> None:
    problems = prepare_benchmark(arguments.job)
    parquet.write_table(arguments.output, PROBLEMS, problems)
    logger.info("%d problems to %s", len(problems), arguments.output)


if __name__ == "__main__":
    run_stage(main, parser())

"""Prepare a benchmark: read its problems and tests and write the table `problems`.

python workflow/scripts/prepare_benchmark.py \\
    --settings '{"source": "builtin:humaneval", "language": "python", "problems": 20}' \\
    --output results/problems/humaneval.parquet
"""

import argparse
import logging
from pathlib import Path

from ibft.config.inputs import Benchmark
from ibft.data.benchmarks import prepare_benchmark
from ibft.runtime.stage import run_stage, stage_parser
from ibft.store import parquet
from ibft.store.schemas import PROBLEMS

logger = logging.getLogger(__name__)


def parser() -> argparse.ArgumentParser:
    arguments = stage_parser(__doc__)
    arguments.add_argument("--settings", required=True, help="the benchmark's entry in `benchmarks:`, as JSON")
    arguments.add_argument("--output", type=Path, required=True, help="Parquet file to write")
    return arguments


def main(arguments: argparse.Namespace) -> None:
    problems = prepare_benchmark(Benchmark.model_validate_json(arguments.settings))
    parquet.write_table(arguments.output, PROBLEMS, problems)
    logger.info("%d problems to %s", len(problems), arguments.output)


if __name__ == "__main__":
    run_stage(main, parser())

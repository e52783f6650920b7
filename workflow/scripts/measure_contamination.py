"""Measure how much of a benchmark stands in a dataset: n-gram overlap and longest common substring of each example.

python workflow/scripts/measure_contamination.py --examples results/examples/rtl.parquet \\
    --problems results/problems/rtl-mini.parquet --job '{"ngram": 8, "overlap": 0.5}' --output /tmp/overlap.parquet
"""

import argparse
import logging
from pathlib import Path

from ibft.config.jobs import job_parser
from ibft.config.sections import Contamination
from ibft.contamination.measure import Problems, measure
from ibft.contamination.summary import overlap
from ibft.runtime.progress import progress
from ibft.runtime.stage import run_stage
from ibft.store.parquet import count_rows, read_table, read_windows, table_writer
from ibft.store.schemas import CONTAMINATION, EXAMPLES, PROBLEMS

logger = logging.getLogger(__name__)

WINDOW = 4096  # examples in memory at a time


def parser() -> argparse.ArgumentParser:
    arguments = job_parser(__doc__, Contamination)
    arguments.add_argument("--examples", type=Path, required=True, help="Parquet table `examples`")
    arguments.add_argument("--problems", type=Path, required=True, help="Parquet table `problems`")
    arguments.add_argument("--output", type=Path, required=True, help="Parquet table `contamination`")
    return arguments


def main(arguments: argparse.Namespace) -> None:
    settings: Contamination = arguments.job
    examples = read_windows(arguments.examples, EXAMPLES, WINDOW)
    total = count_rows(arguments.examples)
    problems = Problems(read_table(arguments.problems, PROBLEMS), settings)
    described = settings.model_dump(exclude={"drop"})
    written = table_writer(arguments.output, CONTAMINATION, settings=described, examples=total, **problems.facts())
    with written as table, progress("comparing", unit="examples", total=total) as bar:
        for window in examples:
            table.append(measure(window, problems))
            bar.advance(len(window))
    found, told = overlap(arguments.output)
    pair = f"{arguments.examples.stem}/{arguments.problems.stem}"
    logger.log(logging.WARNING if found else logging.INFO, "contamination of %s: %s", pair, told)


if __name__ == "__main__":
    run_stage(main, parser())

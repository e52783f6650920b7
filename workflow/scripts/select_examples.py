"""Select the examples that a method is trained on, by Min-K% Prob, by GraNd, or at random.

python workflow/scripts/select_examples.py --examples results/examples/rtl.parquet \\
    --job '{"selection": {"by": "mink", "keep_fraction": 0.8}, "k": 20}' \\
    --scores results/memorization/smollm2-135m/rtl/base/seed0.parquet --output /tmp/kept.parquet
"""

import argparse
from pathlib import Path

from ibft.config.jobs import SelectExamples, job_parser
from ibft.runtime.stage import run_stage
from ibft.selection.criteria import CRITERIA
from ibft.selection.select import selected
from ibft.store.parquet import read_table, write_table
from ibft.store.schemas import EXAMPLES, GRADIENTS, MEMORIZATION, SELECTION

TABLES = {table.name: table for table in (MEMORIZATION, GRADIENTS)}


def parser() -> argparse.ArgumentParser:
    arguments = job_parser(__doc__, SelectExamples)
    arguments.add_argument("--examples", type=Path, required=True, help="Parquet table `examples`")
    arguments.add_argument(
        "--scores", type=Path, nargs="?", help="what mink and grand rank by: the table `memorization` or `gradients`"
    )
    arguments.add_argument("--output", type=Path, required=True, help="Parquet table `selection`")
    return arguments


def main(arguments: argparse.Namespace) -> None:
    job: SelectExamples = arguments.job
    table = CRITERIA[job.selection.by].table
    example_ids = read_table(arguments.examples, EXAMPLES)["example_id"]
    scores = read_table(arguments.scores, TABLES[table]) if table and arguments.scores else None
    kept = selected(example_ids, scores, job.selection, k=job.k, seed=job.seed)
    write_table(arguments.output, SELECTION, kept, settings=job.selection.model_dump(), examples=len(example_ids))


if __name__ == "__main__":
    run_stage(main, parser())

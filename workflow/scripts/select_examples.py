"""Select the examples that a method is trained on, by Min-K% Prob, by GraNd, or at random.

python workflow/scripts/select_examples.py --examples results/examples/rtl.parquet \\
    --job '{"selection": {"by": "mink", "keep_fraction": 0.8}, "k": 20}' \\
    --scores results/memorization/smollm2-135m/rtl/base/seed0.parquet --output /tmp/kept.parquet
"""

import argparse
from pathlib import Path

import pandas as pd

from ibft.config.jobs import SelectExamples, job_parser
from ibft.runtime.errors import UserError
from ibft.runtime.stage import run_stage
from ibft.selection.criteria import CRITERIA, Criterion
from ibft.selection.select import align, random_scores, select
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
    criterion = CRITERIA[job.selection.by]
    example_ids = read_table(arguments.examples, EXAMPLES)["example_id"]
    scores = scores_by(criterion, job, arguments.scores, example_ids)
    kept = select(scores, job.selection.keep_fraction, lowest=criterion.keeps_lowest)
    write_table(arguments.output, SELECTION, kept, settings=job.selection.model_dump(), examples=len(example_ids))


def scores_by(criterion: Criterion, job: SelectExamples, table: Path | None, example_ids: pd.Series) -> pd.DataFrame:
    """Return what the criterion ranks by: (example_id, score), one row per example."""
    if criterion.table is None:
        return random_scores(example_ids, job.seed)
    if table is None:
        raise UserError(f"selection by {job.selection.by} needs --scores")
    scores = read_table(table, TABLES[criterion.table])
    if criterion.at_k:
        scores = scores[scores["k"] == job.k]
        if scores.empty:
            raise UserError(f"{table} holds no k = {job.k}; add it to memorization.k")
    return align(example_ids, scores, criterion.column)


if __name__ == "__main__":
    run_stage(main, parser())

"""Measure references: run a benchmark's own solutions in the sandbox, as completions will be, and write how they ran.

python workflow/scripts/measure_references.py --problems results/problems/rtl-mini.parquet \\
    --job '{"execution": {"verilog_timeout_s": 30}}' --output references.parquet

A problem whose own solution does not pass here is named with the reason, and counts for nobody. A benchmark of which
none passes stops here.
"""

import argparse
import logging
from pathlib import Path

from ibft.config.jobs import MeasureReferences, job_parser
from ibft.execution.judge import Judge
from ibft.runtime.errors import UserError
from ibft.runtime.stage import run_stage
from ibft.store.parquet import read_table, write_table
from ibft.store.schemas import PROBLEMS, REFERENCES

logger = logging.getLogger(__name__)


def parser() -> argparse.ArgumentParser:
    arguments = job_parser(__doc__, MeasureReferences)
    arguments.add_argument("--problems", type=Path, required=True, help="Parquet table `problems`")
    arguments.add_argument("--workers", type=int, default=1, help="solutions judged at the same time")
    arguments.add_argument("--output", type=Path, required=True, help="Parquet table `references`")
    return arguments


def main(arguments: argparse.Namespace) -> None:
    problems = read_table(arguments.problems, PROBLEMS)
    with Judge(problems, arguments.job.execution, arguments.workers) as judge:
        rows, excluded, isolation = judge.reference_rows, judge.excluded, judge.isolation
    for task_id, reason in excluded.items():
        logger.warning("%s is excluded: %s", task_id, reason)
    if len(excluded) == len(problems):
        task_id, reason = next(iter(excluded.items()))
        raise UserError(
            f"none of the {len(problems)} problems of {arguments.problems.stem} can be judged here: leave it "
            f"out, or mend what its log says of each problem ({task_id}: {reason})"
        )
    write_table(arguments.output, REFERENCES, rows, excluded=excluded, isolation=isolation)
    logger.info("%d of %d problems can be judged", len(problems) - len(excluded), len(problems))


if __name__ == "__main__":
    run_stage(main, parser())

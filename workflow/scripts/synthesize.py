"""Synthesize what passed: cells and area of each sample, and of its problem's own solution.

python workflow/scripts/synthesize.py --problems results/problems/rtl-mini.parquet --verdicts verdicts.parquet \\
    --job '{"memory_mb": 1024}' --workers 2 --output synthesis.parquet

A sample that Yosys makes nothing of has no numbers, and a sentence that says why. No verdict depends on it. What was
synthesized is kept in the user's cache folder, so a killed run goes on where it stopped.
"""

import argparse
from pathlib import Path

from ibft.config.jobs import job_parser
from ibft.config.sections import Synthesis
from ibft.runtime.progress import progress
from ibft.runtime.stage import run_stage
from ibft.store.parquet import read_table, write_table
from ibft.store.schemas import PROBLEMS, SYNTHESIS, VERDICTS
from ibft.synthesis.synthesize import Synthesizer, synthesize
from ibft.synthesis.toolchain import yosys_version


def parser() -> argparse.ArgumentParser:
    arguments = job_parser(__doc__, Synthesis)
    arguments.add_argument("--problems", type=Path, required=True, help="Parquet table `problems`")
    arguments.add_argument("--verdicts", type=Path, required=True, help="Parquet table `verdicts`")
    arguments.add_argument("--workers", type=int, default=1, help="programs synthesized at the same time")
    arguments.add_argument("--output", type=Path, required=True, help="Parquet table `synthesis`")
    return arguments


def main(arguments: argparse.Namespace) -> None:
    settings: Synthesis = arguments.job
    problems = read_table(arguments.problems, PROBLEMS)
    verdicts = read_table(arguments.verdicts, VERDICTS, ["task_id", "sample", "passed", "program"])
    total = int(verdicts["passed"].sum())
    rows = []
    if total:  # Yosys takes a while to load
        with progress("synthesizing", unit="passes", total=total) as bar:
            for row in synthesize(verdicts, problems, Synthesizer(settings), arguments.workers):
                rows.append(row)
                bar.advance()
    facts = {"settings": settings.model_dump(mode="json"), "yosys": yosys_version()}
    write_table(arguments.output, SYNTHESIS, rows, **facts)


if __name__ == "__main__":
    run_stage(main, parser())

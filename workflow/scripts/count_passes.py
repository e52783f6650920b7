"""Count how many judged samples of each problem passed, for all runs at once.

python workflow/scripts/count_passes.py --verdicts results/verdicts --output counts.parquet \\
    --job '{"runs": [[["smollm2-135m"], ["rtl"], ["ft", "ibft"], [0], ["rtl-mini"], [0.2], [0, 1]]]}'

`runs` lists products: the models, datasets, methods, training seeds, benchmarks, temperatures and trials of each.
"""

import argparse
from pathlib import Path

import pandas as pd

from ibft.config.jobs import CountPasses, job_parser
from ibft.metrics.aggregate import COUNTED_COLUMNS, count_passes
from ibft.metrics.runs import excluded_problems, expand_runs, paths_of
from ibft.runtime.progress import progress
from ibft.runtime.stage import run_stage
from ibft.store import parquet
from ibft.store.schemas import PASS_COUNTS, VERDICTS


def parser() -> argparse.ArgumentParser:
    arguments = job_parser(__doc__, CountPasses)
    arguments.add_argument("--verdicts", type=Path, required=True, help="folder with the verdicts of all runs")
    arguments.add_argument(
        "--exclude",
        nargs="*",
        default=[],
        metavar="TASK_ID",
        help="problems that count for nobody, besides those that execution could not judge",
    )
    arguments.add_argument("--output", type=Path, required=True, help="Parquet table `pass_counts` of all runs")
    return arguments


def main(arguments: argparse.Namespace) -> None:
    paths = paths_of(expand_runs(arguments.job.runs), arguments.verdicts)
    counts = []
    with progress("counting passes", unit="runs", total=len(paths)) as bar:
        for run, path in paths.items():
            verdicts = parquet.read_table(path, VERDICTS, COUNTED_COLUMNS)
            counts.append(count_passes(verdicts, run, {*excluded_problems(path), *arguments.exclude}))
            bar.advance()
    parquet.write_table(arguments.output, PASS_COUNTS, pd.concat(counts, ignore_index=True))


if __name__ == "__main__":
    run_stage(main, parser())

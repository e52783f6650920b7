"""Count how many judged samples of each problem passed, for one run.

python workflow/scripts/count_passes.py --verdicts results/verdicts/.../trial0.parquet --model smollm2-135m \\
    --dataset rtl --method ft --seed 0 --benchmark rtl-mini --temperature 0.2 --trial 0 --output pass_counts.parquet
"""

import argparse
from pathlib import Path

from ibft import storage
from ibft.metrics.counting import count_passes
from ibft.metrics.runs import Run, excluded_problems
from ibft.stage import run_stage, stage_parser
from ibft.tables import PASS_COUNTS, VERDICTS


def parser() -> argparse.ArgumentParser:
    arguments = stage_parser(__doc__)
    arguments.add_argument("--verdicts", type=Path, required=True, help="Parquet table `verdicts` of the run")
    arguments.add_argument("--model", required=True)
    arguments.add_argument("--dataset", required=True)
    arguments.add_argument("--method", required=True)
    arguments.add_argument("--seed", type=int, required=True, help="training seed")
    arguments.add_argument("--benchmark", required=True)
    arguments.add_argument("--temperature", type=float, required=True)
    arguments.add_argument("--trial", type=int, required=True)
    arguments.add_argument(
        "--exclude",
        nargs="*",
        default=[],
        metavar="TASK_ID",
        help="problems that count for nobody, besides those that execution could not judge",
    )
    arguments.add_argument("--output", type=Path, required=True, help="Parquet table `pass_counts`")
    return arguments


def main(arguments: argparse.Namespace) -> None:
    run = Run(*(getattr(arguments, field) for field in Run._fields))
    verdicts = storage.read_table(arguments.verdicts, VERDICTS)
    excluded = {*excluded_problems(arguments.verdicts), *arguments.exclude}
    storage.write_table(arguments.output, PASS_COUNTS, count_passes(verdicts, run, excluded))


if __name__ == "__main__":
    run_stage(main, parser())

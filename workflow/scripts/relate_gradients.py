"""Relate gradient norms to memorization: GraNd and EL2N by decile of Min-K% Prob, and their rank correlations.

python workflow/scripts/relate_gradients.py --gradients results/gradients/smollm2-135m/rtl.parquet \\
    --memorization results/memorization/smollm2-135m/rtl/base/seed0.parquet --job '{"k": 20}' \\
    --output deciles.parquet --correlations correlations.parquet
"""

import argparse
from pathlib import Path

from ibft.config.jobs import RelateGradients, job_parser
from ibft.gradients.imbalance import correlations, deciles, relate
from ibft.runtime.stage import run_stage
from ibft.store.parquet import read_table, write_table
from ibft.store.schemas import GRADIENT_CORRELATIONS, GRADIENT_DECILES, GRADIENTS, MEMORIZATION


def parser() -> argparse.ArgumentParser:
    arguments = job_parser(__doc__, RelateGradients)
    arguments.add_argument("--gradients", type=Path, required=True, help="Parquet table `gradients`")
    arguments.add_argument("--memorization", type=Path, required=True, help="Parquet table `memorization`, base model")
    arguments.add_argument("--output", type=Path, required=True, help="Parquet table `gradient_deciles`")
    arguments.add_argument("--correlations", type=Path, required=True, help="Parquet table `gradient_correlations`")
    return arguments


def main(arguments: argparse.Namespace) -> None:
    gradients = read_table(arguments.gradients, GRADIENTS)
    related = relate(gradients, read_table(arguments.memorization, MEMORIZATION), arguments.job.k)
    left_out = len(gradients) - len(related)
    write_table(arguments.output, GRADIENT_DECILES, deciles(related), k=arguments.job.k, left_out=left_out)
    write_table(arguments.correlations, GRADIENT_CORRELATIONS, correlations(related), k=arguments.job.k)


if __name__ == "__main__":
    run_stage(main, parser())

"""Aggregate pass counts into Pass@k and Pass@k^(m), and test every method against a reference method.

python workflow/scripts/compute_metrics.py --pass-counts pass_counts.parquet --settings '{"k": [1, 5, 10]}' \\
    --reference ft --output metrics.parquet --comparisons comparisons.parquet
"""

import argparse
from pathlib import Path

from ibft.config.metrics import Metrics
from ibft.metrics.aggregate import compute_metrics
from ibft.metrics.compare import compare_methods
from ibft.runtime.stage import run_stage, stage_parser
from ibft.store import parquet
from ibft.store.schemas import COMPARISONS, METRICS, PASS_COUNTS


def parser() -> argparse.ArgumentParser:
    arguments = stage_parser(__doc__)
    arguments.add_argument("--pass-counts", type=Path, required=True, help="Parquet table `pass_counts` of all runs")
    arguments.add_argument("--settings", required=True, help="config section `metrics`, as JSON")
    arguments.add_argument("--reference", default="ft", help="method that the others are compared with")
    arguments.add_argument(
        "--swept", nargs="*", default=[], metavar="METHOD", help="points of sweeps: corrected as a family of their own"
    )
    arguments.add_argument("--output", type=Path, required=True, help="Parquet table `metrics`")
    arguments.add_argument("--comparisons", type=Path, required=True, help="Parquet table `comparisons`")
    return arguments


def main(arguments: argparse.Namespace) -> None:
    settings = Metrics.model_validate_json(arguments.settings)
    pass_counts = parquet.read_table(arguments.pass_counts, PASS_COUNTS)
    parquet.write_table(arguments.output, METRICS, compute_metrics(pass_counts, settings))
    compared = compare_methods(pass_counts, settings, arguments.reference, arguments.swept)
    parquet.write_table(arguments.comparisons, COMPARISONS, compared)


if __name__ == "__main__":
    run_stage(main, parser())

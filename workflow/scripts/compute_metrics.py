"""Aggregate pass counts into Pass@k and Pass@k^(m), and test every method against a reference method.

python workflow/scripts/compute_metrics.py --pass-counts pass_counts.parquet \\
    --job '{"metrics": {"k": [1, 5, 10]}, "reference": "ft"}' --output metrics.parquet --comparisons comparisons.parquet
"""

import argparse
from pathlib import Path

from ibft.config.jobs import ComputeMetrics, job_parser
from ibft.metrics.aggregate import as_numbers, compute_metrics
from ibft.metrics.compare import compare_methods
from ibft.runtime.stage import run_stage
from ibft.runtime.trackers import add_tracker_options, check_trackers, open_trackers
from ibft.store import parquet
from ibft.store.schemas import COMPARISONS, METRICS, PASS_COUNTS


def parser() -> argparse.ArgumentParser:
    arguments = job_parser(__doc__, ComputeMetrics)
    arguments.add_argument("--pass-counts", type=Path, required=True, help="Parquet table `pass_counts` of all runs")
    arguments.add_argument("--output", type=Path, required=True, help="Parquet table `metrics`")
    arguments.add_argument("--comparisons", type=Path, required=True, help="Parquet table `comparisons`")
    add_tracker_options(arguments)
    return arguments


def main(arguments: argparse.Namespace) -> None:
    check_trackers(arguments)
    job: ComputeMetrics = arguments.job
    pass_counts = parquet.read_table(arguments.pass_counts, PASS_COUNTS)
    metrics = compute_metrics(pass_counts, job.metrics, job.swept)
    parquet.write_table(arguments.output, METRICS, metrics)
    compared = compare_methods(pass_counts, job.metrics, job.reference, job.swept)
    parquet.write_table(arguments.comparisons, COMPARISONS, compared)
    for track in open_trackers(arguments, "evaluation", name=f"evaluation of {arguments.output.parent.name}"):
        track(0, as_numbers(metrics))


if __name__ == "__main__":
    run_stage(main, parser())

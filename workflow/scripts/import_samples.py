"""Import somebody's completions of a benchmark as samples, one completion a line.

python workflow/scripts/import_samples.py --job '{"source": "path:published.jsonl", "model": "their-model", \\
    "dataset": "their-data", "benchmark": "eval-human", "temperature": 0.2}' --problems problems.parquet \\
    --output samples.parquet

What such a file does not tell (tokens, likelihoods, seeds, finish reasons) is null.
"""

import argparse
import logging
from pathlib import Path

from ibft.config.jobs import job_parser
from ibft.config.sections import ImportedSamples
from ibft.data.records import read_records
from ibft.runtime.stage import run_stage
from ibft.sampling.imported import import_samples
from ibft.store import parquet
from ibft.store.manifests import sha256
from ibft.store.schemas import PROBLEMS, SAMPLES

logger = logging.getLogger(__name__)


def parser() -> argparse.ArgumentParser:
    arguments = job_parser(__doc__, ImportedSamples)
    arguments.add_argument("--problems", type=Path, required=True, help="table `problems` of its benchmark")
    arguments.add_argument("--output", type=Path, required=True, help="table `samples`")
    return arguments


def main(arguments: argparse.Namespace) -> None:
    settings: ImportedSamples = arguments.job
    source = Path(settings.source.removeprefix("path:"))
    problems = parquet.read_table(arguments.problems, PROBLEMS)
    samples = import_samples(read_records(source), problems, settings.profile)
    facts = {"source": settings.source, "source_sha256": sha256(source)}
    parquet.write_table(arguments.output, SAMPLES, samples, **facts)
    logger.info("%d samples of %d problems from %s", len(samples), len(problems), source)


if __name__ == "__main__":
    run_stage(main, parser())

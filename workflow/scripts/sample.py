"""Sample n completions of every problem from one model, at one temperature, in each of several trials.

    python workflow/scripts/sample.py --model results/models/smollm2-135m --benchmarks rtl-mini \\
        --problems results/problems/rtl-mini.parquet --outputs /tmp/trial0.parquet \\
        --job '{"variant": "smollm2-135m/rtl/base/seed0", "temperature": 0.2, "sampling": {"n": 10}}'

--problems has a table for each of --benchmarks, and --outputs the trials of the first, then those of the second, and so
on. Writes tables `samples`, ordered by problem and sample. Trials that are there already, sampled from the same inputs
by the same code, are left as they are. A killed run continues after its finished problems.
"""

import argparse
from pathlib import Path

from ibft.config.jobs import Sample, job_parser
from ibft.runtime.stage import run_stage
from ibft.sampling.draw import draw
from ibft.sampling.job import add_tables, tables_of
from ibft.store.manifests import folder_of


def parser() -> argparse.ArgumentParser:
    arguments = job_parser(__doc__, Sample)
    arguments.add_argument("--model", type=folder_of, required=True, help="prepared model folder")
    arguments.add_argument("--adapter", type=folder_of, nargs="?", help="folder of a LoRA adapter to put on top")
    add_tables(arguments)
    arguments.add_argument("--threads", type=int, default=1, help="CPU cores to use")
    return arguments


def main(arguments: argparse.Namespace) -> None:
    threads, script = arguments.threads, Path(__file__)
    draw(arguments.job, tables_of(arguments), arguments.model, arguments.adapter, threads=threads, script=script)


if __name__ == "__main__":
    run_stage(main, parser())

"""Divide the table `examples` into what is trained on, and what is held out to choose settings by.

python workflow/scripts/hold_out.py --examples results/examples/rtl.parquet --job '{"held_out": {"fraction": 0.1}}' \\
    --training /tmp/training.parquet --held-out /tmp/held_out.parquet
"""

import argparse
from pathlib import Path

from ibft.config.jobs import HoldOut, job_parser
from ibft.data.held_out import count_families, held_out_families
from ibft.runtime.stage import run_stage
from ibft.store.parquet import read_windows, table_writer
from ibft.store.schemas import EXAMPLES

WINDOW = 65_536  # rows in memory at a time


def parser() -> argparse.ArgumentParser:
    arguments = job_parser(__doc__, HoldOut)
    arguments.add_argument("--examples", type=Path, required=True, help="Parquet table `examples`")
    arguments.add_argument("--training", type=Path, required=True, help="Parquet table `examples` to write")
    arguments.add_argument("--held-out", type=Path, required=True, help="Parquet table `examples` to write")
    return arguments


def main(arguments: argparse.Namespace) -> None:
    job: HoldOut = arguments.job
    families: dict[str, int] = {}
    for window in read_windows(arguments.examples, EXAMPLES, WINDOW):
        count_families(window["source"].tolist(), families)
    held = held_out_families(families, job.held_out, job.seed)
    with table_writer(arguments.training, EXAMPLES) as training, table_writer(arguments.held_out, EXAMPLES) as held_out:
        for window in read_windows(arguments.examples, EXAMPLES, WINDOW):
            is_held = window["source"].isin(held)
            training.append(window[~is_held])
            held_out.append(window[is_held])


if __name__ == "__main__":
    run_stage(main, parser())

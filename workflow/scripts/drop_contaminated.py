"""Leave out the examples of which some part overlaps with a benchmark, and write the rest of the table `examples`.

python workflow/scripts/drop_contaminated.py --examples results/examples/rtl.parquet \\
    --contamination results/contamination/rtl/rtl-mini.parquet --output /tmp/clean.parquet
"""

import argparse
import logging
from pathlib import Path

from ibft.contamination.drop import flagged
from ibft.runtime.errors import UserError
from ibft.runtime.stage import run_stage, stage_parser
from ibft.store.parquet import read_windows, table_writer
from ibft.store.schemas import CONTAMINATION, EXAMPLES

logger = logging.getLogger(__name__)

WINDOW = 65_536  # rows in memory at a time


def parser() -> argparse.ArgumentParser:
    arguments = stage_parser(__doc__)
    arguments.add_argument("--examples", type=Path, required=True, help="Parquet table `examples`")
    arguments.add_argument(
        "--contamination", type=Path, nargs="+", required=True, help="Parquet tables `contamination`, one per benchmark"
    )
    arguments.add_argument("--output", type=Path, required=True, help="Parquet table `examples`")
    return arguments


def main(arguments: argparse.Namespace) -> None:
    ids = {i for window in read_windows(arguments.examples, EXAMPLES, WINDOW) for i in window["example_id"]}
    tables = {path: read_windows(path, CONTAMINATION, WINDOW) for path in arguments.contamination}
    dropped = set().union(*(flagged(windows, ids, path) for path, windows in tables.items()))
    if dropped == ids:
        raise UserError(
            f"every example of {arguments.examples} overlaps with a benchmark, so that nothing is left to train on: "
            "set contamination.drop to false, or raise contamination.overlap and contamination.substring"
        )
    with table_writer(arguments.output, EXAMPLES, examples=len(ids), dropped=len(dropped)) as table:
        for window in read_windows(arguments.examples, EXAMPLES, WINDOW):
            table.append(window[~window["example_id"].isin(dropped)])
    logger.info("dropped %d of %d examples", len(dropped), len(ids))


if __name__ == "__main__":
    run_stage(main, parser())

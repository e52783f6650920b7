"""Put the outputs of sharded scoring jobs together, in the order of the dataset.

python workflow/scripts/gather_scores.py --table memorization --examples results/examples/rtl.parquet \\
    --shards 1-of-2.parquet 2-of-2.parquet --output scores.parquet

The result is the same, byte for byte, however many shards there were.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from ibft.runtime.errors import UserError
from ibft.runtime.stage import run_stage, stage_parser
from ibft.store.manifests import read_manifest
from ibft.store.parquet import read_table, write_table
from ibft.store.schemas import EXAMPLES, GRADIENTS, MEMORIZATION

TABLES = {table.name: table for table in (MEMORIZATION, GRADIENTS)}


def parser() -> argparse.ArgumentParser:
    arguments = stage_parser(__doc__)
    arguments.add_argument("--table", choices=sorted(TABLES), required=True)
    arguments.add_argument("--examples", type=Path, required=True, help="Parquet table `examples` that was scored")
    arguments.add_argument("--shards", type=Path, nargs="+", required=True, help="the table of each shard")
    arguments.add_argument("--output", type=Path, required=True)
    return arguments


def main(arguments: argparse.Namespace) -> None:
    table = TABLES[arguments.table]
    example_ids = read_table(arguments.examples, EXAMPLES, ["example_id"])["example_id"]
    scores = pd.concat([read_table(path, table) for path in arguments.shards], ignore_index=True)
    first = read_manifest(arguments.shards[0])
    described = {name: first[name] for name in ("precision", "settings")}
    write_table(arguments.output, table, in_order(scores, example_ids), **described, shards=len(arguments.shards))


def in_order(scores: pd.DataFrame, example_ids: pd.Series) -> pd.DataFrame:
    """`scores` in the order of `example_ids`; rows of one example keep theirs.

    Raises:
        UserError: they are not the scores of exactly these examples.
    """
    difference = set(example_ids) ^ set(scores["example_id"])
    if difference:
        raise UserError(
            f"{len(difference)} examples are in only one of the dataset and its shards, such as {min(difference)}: "
            "delete the shards and rerun Snakemake, which scores them again"
        )
    position = pd.Series(np.arange(len(example_ids)), index=example_ids)
    return scores.iloc[np.argsort(position[scores["example_id"]].to_numpy(), kind="stable")]


if __name__ == "__main__":
    run_stage(main, parser())

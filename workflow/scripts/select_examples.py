"""Select the examples that a method is trained on, by Min-K% Prob, by GraNd, or at random.

python workflow/scripts/select_examples.py --examples results/examples/rtl.parquet \\
    --settings '{"by": "mink", "keep": 0.8}' --memorization results/memorization/smollm2-135m/rtl/base/seed0.parquet \\
    --k 20 --seed 0 --output /tmp/kept.parquet
"""

import argparse
from pathlib import Path

import pandas as pd

from ibft.config.methods import Selection
from ibft.runtime.errors import UserError
from ibft.runtime.stage import run_stage, stage_parser
from ibft.selection.criteria import align, random_scores, select
from ibft.store.parquet import read_table, write_table
from ibft.store.schemas import EXAMPLES, GRADIENTS, MEMORIZATION, SELECTION


def parser() -> argparse.ArgumentParser:
    arguments = stage_parser(__doc__)
    arguments.add_argument("--examples", type=Path, required=True, help="Parquet table `examples`")
    arguments.add_argument("--settings", required=True, help="a method's `selection`, as JSON")
    arguments.add_argument("--memorization", type=Path, help="Parquet table `memorization` of the base model, for mink")
    arguments.add_argument("--k", type=int, help="the k of Min-K% Prob that mink ranks by")
    arguments.add_argument("--gradients", type=Path, help="Parquet table `gradients`, for grand")
    arguments.add_argument("--seed", type=int, required=True, help="of random")
    arguments.add_argument("--output", type=Path, required=True, help="Parquet table `selection`")
    return arguments


def main(arguments: argparse.Namespace) -> None:
    settings = Selection.model_validate_json(arguments.settings)
    example_ids = read_table(arguments.examples, EXAMPLES)["example_id"]
    kept = select(scores(arguments, settings.by, example_ids), settings.keep)
    write_table(arguments.output, SELECTION, kept, settings=settings.model_dump(), examples=len(example_ids))


def scores(arguments: argparse.Namespace, by: str, example_ids: pd.Series) -> pd.DataFrame:
    """What the criterion ranks by: (example_id, score), one row per example."""
    if by == "mink":
        if arguments.memorization is None or arguments.k is None:
            raise UserError("selection by mink needs --memorization and --k")
        memorization = read_table(arguments.memorization, MEMORIZATION)
        of_k = memorization[memorization["k"] == arguments.k]
        if of_k.empty:
            raise UserError(f"{arguments.memorization} holds no k = {arguments.k}; add it to memorization.k")
        return align(example_ids, of_k, "min_k_prob")
    if by == "grand":
        if arguments.gradients is None:
            raise UserError("selection by grand needs --gradients")
        return align(example_ids, read_table(arguments.gradients, GRADIENTS), "grand")
    return random_scores(example_ids, arguments.seed)


if __name__ == "__main__":
    run_stage(main, parser())

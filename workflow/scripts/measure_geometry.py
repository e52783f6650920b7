"""Measure distances and angles between the most and the least memorized examples in one layer of a model.

python workflow/scripts/measure_geometry.py --model results/models/smollm2-135m \\
    --examples results/examples/rtl.parquet --memorization results/memorization/smollm2-135m/rtl/base/seed0.parquet \\
    --k 20 --layer 20 --settings '{"pairs": 50}' --batch-tokens 1024 --seed 0 --output /tmp/geometry.parquet
"""

import argparse
from pathlib import Path

import pandas as pd

from ibft.config.geometry import Geometry
from ibft.geometry.pairs import angles, distances, draw_pairs
from ibft.geometry.states import pooled_states
from ibft.models.encoding import encode_plain
from ibft.models.loading import load_model, use_threads
from ibft.runtime.errors import UserError
from ibft.runtime.stage import run_stage, stage_parser
from ibft.store.parquet import read_table, write_table
from ibft.store.schemas import EXAMPLES, GEOMETRY, MEMORIZATION


def parser() -> argparse.ArgumentParser:
    arguments = stage_parser(__doc__)
    arguments.add_argument("--model", type=Path, required=True, help="prepared model folder")
    arguments.add_argument("--adapter", type=Path, help="LoRA adapter folder, which is merged into the model")
    arguments.add_argument("--examples", type=Path, required=True, help="Parquet table `examples`")
    arguments.add_argument(
        "--memorization", type=Path, required=True, help="Parquet table `memorization` of the base model, which groups"
    )
    arguments.add_argument("--k", type=int, required=True, help="the k of Min-K% Prob that groups")
    arguments.add_argument("--layer", type=int, required=True, help="an index from 1")
    arguments.add_argument("--settings", required=True, help="config section `geometry`, as JSON")
    arguments.add_argument("--max-length", type=int, default=2048, help="tokens per example; longer ones are cut")
    arguments.add_argument("--batch-tokens", type=int, default=4096, help="tokens per forward pass")
    arguments.add_argument("--seed", type=int, required=True, help="of the pairs")
    arguments.add_argument("--precision", default="float32", help="of the weights and the forward pass")
    arguments.add_argument("--threads", type=int, default=1)
    arguments.add_argument("--output", type=Path, required=True, help="Parquet table `geometry`")
    return arguments


def main(arguments: argparse.Namespace) -> None:
    use_threads(arguments.threads)
    settings = Geometry.model_validate_json(arguments.settings)
    memorization = read_table(arguments.memorization, MEMORIZATION)
    of_k = memorization[memorization["k"] == arguments.k].rename(columns={"min_k_prob": "score"})
    pairs = draw_pairs(of_k[["example_id", "score"]], settings.group, settings.pairs, arguments.seed)
    drawn = examples_of(pairs, read_table(arguments.examples, EXAMPLES))

    model, tokenizer = load_model(arguments.model, arguments.adapter, arguments.precision, merge=True)
    texts = encode_plain(tokenizer, drawn["instruction"], drawn["response"], arguments.max_length)
    states = pooled_states(
        model, [text.ids for text in texts], arguments.layer, settings.pooling, arguments.batch_tokens
    )
    place = pd.Series(range(len(drawn)), index=drawn["example_id"])
    most = states[place[pairs["most_memorized_id"]]]
    least = states[place[pairs["least_memorized_id"]]]
    rows = pairs.assign(distance=distances(most, least), angle=angles(most, least))
    write_table(arguments.output, GEOMETRY, rows, layer=arguments.layer, pooling=settings.pooling, k=arguments.k)


def examples_of(pairs: pd.DataFrame, examples: pd.DataFrame) -> pd.DataFrame:
    """The examples that occur in some pair, in the dataset's order."""
    wanted = set(pairs["most_memorized_id"]) | set(pairs["least_memorized_id"])
    unknown = wanted - set(examples["example_id"])
    if unknown:
        raise UserError(f"the scores are of another dataset: it has no example {min(unknown)}; score it again")
    return examples[examples["example_id"].isin(wanted)]


if __name__ == "__main__":
    run_stage(main, parser())

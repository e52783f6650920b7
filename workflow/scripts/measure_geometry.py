"""Measure distances and angles between the most and the least memorized examples in one layer of a model.

python workflow/scripts/measure_geometry.py --model results/models/smollm2-135m \\
    --examples results/examples/rtl.parquet --memorization results/memorization/smollm2-135m/rtl/base/seed0.parquet \\
    --job '{"layer": 20, "geometry": {"pairs": 50}}' --output /tmp/geometry.parquet
"""

import argparse
from pathlib import Path

import pandas as pd

from ibft.config.jobs import MeasureGeometry, job_parser
from ibft.data.conversations import questions
from ibft.geometry.pairs import angles, distances, draw_pairs
from ibft.geometry.states import pooled_states
from ibft.models.encoding import encode_plain
from ibft.models.loading import load_model, use_threads
from ibft.models.pass_memory import tokens_of_pass
from ibft.runtime.errors import UserError
from ibft.runtime.stage import run_stage
from ibft.store.manifests import folder_of
from ibft.store.parquet import read_table, write_table
from ibft.store.schemas import EXAMPLES, GEOMETRY, MEMORIZATION


def parser() -> argparse.ArgumentParser:
    arguments = job_parser(__doc__, MeasureGeometry)
    arguments.add_argument("--model", type=folder_of, required=True, help="prepared model folder")
    arguments.add_argument(
        "--adapter", type=folder_of, nargs="?", help="LoRA adapter folder, which is merged into the model"
    )
    arguments.add_argument("--examples", type=Path, required=True, help="Parquet table `examples`")
    arguments.add_argument(
        "--memorization", type=Path, required=True, help="Parquet table `memorization` of the base model, which groups"
    )
    arguments.add_argument("--threads", type=int, default=1)
    arguments.add_argument("--output", type=Path, required=True, help="Parquet table `geometry`")
    return arguments


def main(arguments: argparse.Namespace) -> None:
    use_threads(arguments.threads)
    job: MeasureGeometry = arguments.job
    settings = job.geometry
    memorization = read_table(arguments.memorization, MEMORIZATION)
    of_k = memorization[memorization["k"] == job.k].rename(columns={"min_k_prob": "score"})
    pairs = draw_pairs(of_k[["example_id", "score"]], settings.group, settings.pairs, job.seed)
    drawn = examples_of(pairs, read_table(arguments.examples, EXAMPLES))

    model, tokenizer = load_model(arguments.model, arguments.adapter, job.precision, merge=True)
    texts = encode_plain(tokenizer, questions(drawn), drawn["response"], job.max_length)
    in_pass = tokens_of_pass(job.batch_tokens, model, "memorization")
    states = pooled_states(model, [text.ids for text in texts], job.layer, settings.pooling, in_pass)
    place = pd.Series(range(len(drawn)), index=drawn["example_id"])
    most = states[place[pairs["most_memorized_id"]]]
    least = states[place[pairs["least_memorized_id"]]]
    rows = pairs.assign(distance=distances(most, least), angle=angles(most, least))
    write_table(arguments.output, GEOMETRY, rows, layer=job.layer, pooling=settings.pooling, k=job.k)


def examples_of(pairs: pd.DataFrame, examples: pd.DataFrame) -> pd.DataFrame:
    """The examples that occur in some pair, in the dataset's order."""
    wanted = set(pairs["most_memorized_id"]) | set(pairs["least_memorized_id"])
    unknown = wanted - set(examples["example_id"])
    if unknown:
        raise UserError(f"the scores are of another dataset: it has no example {min(unknown)}; score it again")
    return examples[examples["example_id"].isin(wanted)]


if __name__ == "__main__":
    run_stage(main, parser())

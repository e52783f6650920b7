"""Tell members from others by scores of memorization, where membership is known.

python workflow/scripts/detect_members.py \\
    --job '{"barrier": {"exposed": "b", "control": "c", "dataset": "d"}, "exposures": {"b": 6}}' \\
    --examples results/examples/d.parquet --membership results/membership/b.parquet \\
    --memorization b=results/memorization/b/d/base/seed0.parquet c=results/memorization/c/d/base/seed0.parquet \\
    --detection detection.parquet --roc roc.parquet
"""

import argparse
from pathlib import Path

import pandas as pd

from ibft.barrier.detection import detection, roc, scores_of
from ibft.config.jobs import DetectMembers, job_parser
from ibft.data.membership import is_member
from ibft.figures.inputs import keyed_path
from ibft.runtime.errors import UserError
from ibft.runtime.stage import run_stage
from ibft.store import parquet
from ibft.store.schemas import DETECTION, EXAMPLES, MEMBERSHIP, MEMORIZATION, ROC


def parser() -> argparse.ArgumentParser:
    arguments = job_parser(__doc__, DetectMembers)
    arguments.add_argument("--examples", type=Path, required=True, help="Parquet table `examples`: members and others")
    arguments.add_argument("--membership", type=Path, required=True, help="Parquet table `membership`")
    arguments.add_argument("--memorization", type=keyed_path, nargs="+", required=True, metavar="MODEL=PARQUET")
    arguments.add_argument("--detection", type=Path, required=True, help="Parquet table to write")
    arguments.add_argument("--roc", type=Path, required=True, help="Parquet table to write")
    return arguments


def main(arguments: argparse.Namespace) -> None:
    job: DetectMembers = arguments.job
    examples = parquet.read_table(arguments.examples, EXAMPLES)
    members = is_member(examples, parquet.read_table(arguments.membership, MEMBERSHIP))
    if members.all() or not members.any():
        raise UserError(
            f"barrier.dataset: {job.barrier.dataset} holds {members.sum()} members among {len(members)} examples, and "
            "both members and others are needed: draw it so that a part of it was shown"
        )
    texts = examples["response"]
    if job.scope == "sequence":
        texts = examples["instruction"] + "\n" + texts
    texts = texts.set_axis(examples["example_id"])
    scores = {
        model: scores_of(parquet.read_table(path, MEMORIZATION), texts, job.k) for model, path in arguments.memorization
    }
    found = pd.DataFrame(detection(scores, members, job.barrier.control))
    found["exposures"] = found["model"].map(job.exposures).fillna(0.0)
    parquet.write_table(arguments.detection, DETECTION, found)
    parquet.write_table(arguments.roc, ROC, pd.concat(roc(scores, members, job.barrier.control), ignore_index=True))


if __name__ == "__main__":
    run_stage(main, parser())

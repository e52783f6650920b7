"""Score how much a model memorizes of each example: Min-K% Prob and Min-K%++ for every configured k.

python workflow/scripts/score_memorization.py --model results/models/smollm2-135m \\
    --examples results/examples/rtl.parquet --job '{"scoring": {"k": [20], "batch_tokens": 1024}}' \\
    --output /tmp/scores.parquet

With --shard 1-of-4 to 4-of-4 four jobs share the work; gather_scores.py puts their outputs together. A killed run
resumes from the journal beside its output.
"""

import argparse
from pathlib import Path

from ibft.config.jobs import ScoreMemorization, job_parser
from ibft.memorization.scoring import score, scores
from ibft.models.batching import WHOLE, WINDOW, Shard
from ibft.models.loading import load_model, use_threads
from ibft.runtime.stage import run_stage
from ibft.store.journal import Journal, journal_key, journal_path
from ibft.store.manifests import folder_of
from ibft.store.parquet import count_rows, read_windows, table_writer
from ibft.store.schemas import EXAMPLES, MEMORIZATION


def parser() -> argparse.ArgumentParser:
    arguments = job_parser(__doc__, ScoreMemorization)
    arguments.add_argument("--model", type=folder_of, required=True, help="prepared model folder")
    arguments.add_argument(
        "--adapter", type=folder_of, nargs="?", help="LoRA adapter folder, which is merged into the model"
    )
    arguments.add_argument("--examples", type=Path, required=True, help="Parquet table `examples`")
    arguments.add_argument("--shard", type=Shard.parse, default=WHOLE, metavar="NUMBER-of-COUNT", help="a part only")
    arguments.add_argument("--threads", type=int, default=1)
    arguments.add_argument("--output", type=Path, required=True, help="Parquet table `memorization`")
    return arguments


def main(arguments: argparse.Namespace) -> None:
    use_threads(arguments.threads)
    job: ScoreMemorization = arguments.job
    settings = job.scoring
    examples = read_windows(arguments.examples, EXAMPLES, WINDOW)
    model, tokenizer = load_model(arguments.model, arguments.adapter, job.precision, merge=True)
    inputs = [path for path in (arguments.model, arguments.adapter, arguments.examples) if path]
    key = journal_key(Path(__file__), inputs, settings.as_json(), job.precision, str(arguments.shard))
    with Journal(journal_path(arguments.output), key) as journal:
        total = count_rows(arguments.examples)
        score(model, tokenizer, examples, settings, journal, total=total, shard=arguments.shard)
        described = {"precision": job.precision, "settings": settings.model_dump(mode="json")}
        with table_writer(arguments.output, MEMORIZATION, **described) as table:
            for window in scores(journal, settings.k):
                table.append(window)
        journal.remove()


if __name__ == "__main__":
    run_stage(main, parser())

"""Score how much a model memorizes of each example: Min-K% Prob and Min-K%++ for every configured k.

python workflow/scripts/score_memorization.py --model results/models/smollm2-135m \\
    --examples results/examples/rtl.parquet --settings '{"k": [20], "batch_tokens": 1024}' --output /tmp/scores.parquet

With --shard 0/4, 1/4, 2/4 and 3/4 four jobs share the work; gather_scores.py puts their outputs together. A killed run
resumes from the journal beside its output.
"""

import argparse
from pathlib import Path

from ibft.config.memorization import Scoring
from ibft.memorization.scoring import score, scores
from ibft.models.batching import WHOLE, WINDOW, Shard
from ibft.models.loading import load_model, use_threads
from ibft.runtime.stage import run_stage, stage_parser
from ibft.store.journal import Journal, journal_key, journal_path
from ibft.store.parquet import count_rows, read_windows, table_writer
from ibft.store.schemas import EXAMPLES, MEMORIZATION


def parser() -> argparse.ArgumentParser:
    arguments = stage_parser(__doc__)
    arguments.add_argument("--model", type=Path, required=True, help="prepared model folder")
    arguments.add_argument("--adapter", type=Path, help="LoRA adapter folder, which is merged into the model")
    arguments.add_argument("--examples", type=Path, required=True, help="Parquet table `examples`")
    arguments.add_argument("--settings", required=True, help="the scoring keys of `memorization`, as JSON")
    arguments.add_argument("--precision", default="float32", help="of the weights and the forward pass")
    arguments.add_argument("--shard", type=Shard.parse, default=WHOLE, metavar="INDEX/COUNT", help="a part only")
    arguments.add_argument("--threads", type=int, default=1)
    arguments.add_argument("--output", type=Path, required=True, help="Parquet table `memorization`")
    return arguments


def main(arguments: argparse.Namespace) -> None:
    use_threads(arguments.threads)
    settings = Scoring.model_validate_json(arguments.settings)
    examples = read_windows(arguments.examples, EXAMPLES, WINDOW)
    model, tokenizer = load_model(arguments.model, arguments.adapter, arguments.precision, merge=True)
    inputs = [path for path in (arguments.model, arguments.adapter, arguments.examples) if path]
    key = journal_key(Path(__file__), inputs, settings.as_json(), arguments.precision, str(arguments.shard))
    with Journal(journal_path(arguments.output), key) as journal:
        total = count_rows(arguments.examples)
        score(model, tokenizer, examples, settings, journal, total=total, shard=arguments.shard)
        described = {"precision": arguments.precision, "settings": settings.model_dump(mode="json")}
        with table_writer(arguments.output, MEMORIZATION, **described) as table:
            for window in scores(journal, settings.k):
                table.append(window)
        journal.remove()


if __name__ == "__main__":
    run_stage(main, parser())

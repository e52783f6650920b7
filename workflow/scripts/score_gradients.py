"""Score how strongly each example pulls at a LoRA adapter: GraNd and EL2N, averaged over adapter initialisations.

python workflow/scripts/score_gradients.py --model results/models/smollm2-135m \\
    --examples results/examples/rtl.parquet \\
    --job '{"gradients": {"batch_tokens": 1024}, "lora": {"rank": 32}, "max_length": 512}' \\
    --output /tmp/gradients.parquet

With --shard 1-of-4 to 4-of-4 four jobs share the work; gather_scores.py puts their outputs together. A killed run
resumes from the journal beside its output.
"""

import argparse
import logging
from pathlib import Path

from ibft.config.jobs import ScoreGradients, job_parser
from ibft.gradients.grand import GradientScoring, score_gradients
from ibft.models.batching import WHOLE, Shard
from ibft.models.loading import load_model, use_threads
from ibft.runtime.stage import run_stage
from ibft.store.journal import Journal, journal_key, journal_path
from ibft.store.manifests import folder_of
from ibft.store.parquet import read_table, write_table
from ibft.store.schemas import EXAMPLES, GRADIENTS

logger = logging.getLogger(__name__)


def parser() -> argparse.ArgumentParser:
    arguments = job_parser(__doc__, ScoreGradients)
    arguments.add_argument("--model", type=folder_of, required=True, help="prepared model folder")
    arguments.add_argument("--examples", type=Path, required=True, help="Parquet table `examples`")
    arguments.add_argument("--shard", type=Shard.parse, default=WHOLE, metavar="NUMBER-of-COUNT", help="a part only")
    arguments.add_argument("--threads", type=int, default=1)
    arguments.add_argument("--output", type=Path, required=True, help="Parquet table `gradients`")
    return arguments


def main(arguments: argparse.Namespace) -> None:
    use_threads(arguments.threads)
    job: ScoreGradients = arguments.job
    scoring = GradientScoring.of(job)
    examples = read_table(arguments.examples, EXAMPLES)
    model, tokenizer = load_model(arguments.model, None, job.precision)
    settled = (scoring.key, job.precision, str(arguments.shard))
    key = journal_key(Path(__file__), [arguments.model, arguments.examples], *settled)
    with Journal(journal_path(arguments.output), key) as journal:
        scores = score_gradients(model, tokenizer, examples, scoring, journal, arguments.shard)
        if unlearnable := int((scores["tokens"] == 0).sum()):
            logger.warning("%d examples have no response token within %d tokens", unlearnable, scoring.max_length)
        described = {"precision": job.precision, "settings": scoring.settings.model_dump(mode="json")}
        write_table(arguments.output, GRADIENTS, scores, **described)
        journal.remove()


if __name__ == "__main__":
    run_stage(main, parser())

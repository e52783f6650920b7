"""Score how strongly each example pulls at a LoRA adapter: GraNd and EL2N, averaged over adapter initialisations.

python workflow/scripts/score_gradients.py --model results/models/smollm2-135m \\
    --examples results/examples/rtl.parquet --profile chat --settings '{"batch_tokens": 1024}' --lora '{"rank": 32}' \\
    --max-length 512 --learning-rate 5e-5 --seed 0 --output /tmp/gradients.parquet

With --shard 0/4, 1/4, 2/4 and 3/4 four jobs share the work; gather_scores.py puts their outputs together. A killed run
resumes from the journal beside its output.
"""

import argparse
import logging
from pathlib import Path

from ibft.config.gradients import Gradients
from ibft.config.training import LoRA
from ibft.gradients.grand import GradientScoring, score_gradients
from ibft.models.batching import WHOLE, Shard
from ibft.models.loading import load_model, use_threads
from ibft.runtime.stage import run_stage, stage_parser
from ibft.store.journal import Journal, journal_key, journal_path
from ibft.store.parquet import read_table, write_table
from ibft.store.schemas import EXAMPLES, GRADIENTS

logger = logging.getLogger(__name__)


def parser() -> argparse.ArgumentParser:
    arguments = stage_parser(__doc__)
    arguments.add_argument("--model", type=Path, required=True, help="prepared model folder")
    arguments.add_argument("--examples", type=Path, required=True, help="Parquet table `examples`")
    arguments.add_argument("--profile", required=True, help="prompt profile")
    arguments.add_argument("--settings", required=True, help="config section `gradients`, as JSON")
    arguments.add_argument("--lora", required=True, help="config section `training.lora`, as JSON")
    arguments.add_argument("--max-length", type=int, required=True, help="tokens per example; longer ones are cut")
    arguments.add_argument("--learning-rate", type=float, required=True, help="of the warm-up")
    arguments.add_argument("--seed", type=int, required=True, help="of the adapters and the warm-up")
    arguments.add_argument("--precision", default="float32", help="of the frozen weights")
    arguments.add_argument("--shard", type=Shard.parse, default=WHOLE, metavar="INDEX/COUNT", help="a part only")
    arguments.add_argument("--threads", type=int, default=1)
    arguments.add_argument("--output", type=Path, required=True, help="Parquet table `gradients`")
    return arguments


def main(arguments: argparse.Namespace) -> None:
    use_threads(arguments.threads)
    scoring = GradientScoring(
        settings=Gradients.model_validate_json(arguments.settings),
        lora=LoRA.model_validate_json(arguments.lora),
        profile=arguments.profile,
        max_length=arguments.max_length,
        learning_rate=arguments.learning_rate,
        seed=arguments.seed,
    )
    examples = read_table(arguments.examples, EXAMPLES)
    model, tokenizer = load_model(arguments.model, None, arguments.precision)
    settled = (scoring.key, arguments.precision, str(arguments.shard))
    key = journal_key(Path(__file__), [arguments.model, arguments.examples], *settled)
    with Journal(journal_path(arguments.output), key) as journal:
        scores = score_gradients(model, tokenizer, examples, scoring, journal, arguments.shard)
        if unlearnable := int((scores["tokens"] == 0).sum()):
            logger.warning("%d examples have no response token within %d tokens", unlearnable, scoring.max_length)
        described = {"precision": arguments.precision, "settings": scoring.settings.model_dump(mode="json")}
        write_table(arguments.output, GRADIENTS, scores, **described)
        journal.remove()


if __name__ == "__main__":
    run_stage(main, parser())

"""Score every token of examples under a model, as plain text and in the training prompt: what an audit shows.

python workflow/scripts/trace_tokens.py --model results/models/smollm2-135m --examples results/examples/rtl.parquet \\
    --job '{"scoring": {"max_length": 256}, "profile": "chat"}' --output /tmp/traces.parquet

A killed run resumes from the journal beside its output.
"""

import argparse
from pathlib import Path

from ibft.config.jobs import TraceTokens, job_parser
from ibft.memorization.traces import trace, traces
from ibft.models.loading import load_model, use_threads
from ibft.runtime.stage import run_stage
from ibft.store.journal import Journal, journal_key, journal_path
from ibft.store.manifests import folder_of
from ibft.store.parquet import read_table, write_table
from ibft.store.schemas import EXAMPLES, TRACES


def parser() -> argparse.ArgumentParser:
    arguments = job_parser(__doc__, TraceTokens)
    arguments.add_argument("--model", type=folder_of, required=True, help="prepared model folder")
    arguments.add_argument("--examples", type=Path, required=True, help="Parquet table `examples`")
    arguments.add_argument("--threads", type=int, default=1)
    arguments.add_argument("--output", type=Path, required=True, help="Parquet table `traces`")
    return arguments


def main(arguments: argparse.Namespace) -> None:
    use_threads(arguments.threads)
    job: TraceTokens = arguments.job
    examples = read_table(arguments.examples, EXAMPLES)
    model, tokenizer = load_model(arguments.model, None, job.precision)
    key = journal_key(Path(__file__), [arguments.model, arguments.examples], job.as_json())
    with Journal(journal_path(arguments.output), key) as journal:
        trace(model, tokenizer, examples, job, journal)
        write_table(arguments.output, TRACES, traces(journal, examples), settings=job.model_dump(mode="json"))
        journal.remove()


if __name__ == "__main__":
    run_stage(main, parser())

"""Sample n completions of every problem from a model behind an API, at one temperature, in each of several trials.

    python workflow/scripts/sample_api.py --benchmarks rtl-mini \\
        --problems results/problems/rtl-mini.parquet --outputs /tmp/T0.2/trial0.parquet \\
        --server '{"base_url": "http://127.0.0.1:8000/v1"}' \\
        --job '{"variant": "served/rtl/base/seed0", "temperature": 0.2, "model": "my-model", "sampling": {"n": 10}}'

--problems has a table for each of --benchmarks, and --outputs the trials of the first, then those of the second, and so
on. Writes tables `samples`, ordered by problem and sample. Every draw is kept in draws.journal, beside the tables of
its benchmark, under a digest of what was asked: no draw that is there is asked for again.
"""

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ibft.config.jobs import SampleApi, job_parser, spec_reader
from ibft.config.sections import Server
from ibft.runtime.stage import run_stage
from ibft.sampling.api.asks import asks_for
from ibft.sampling.api.client import read_key
from ibft.sampling.api.draws import FORMAT, draw_missing, entries_of, facts_of, store_path
from ibft.sampling.job import add_tables, read_problems, tables_of, write_trials
from ibft.store.journal import Journal

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def parser() -> argparse.ArgumentParser:
    arguments = job_parser(__doc__, SampleApi)
    arguments.add_argument(
        "--server", type=spec_reader(Server), required=True, metavar="JSON", help="models.NAME.server, as JSON"
    )
    add_tables(arguments)
    return arguments


def main(arguments: argparse.Namespace) -> None:
    started = time.monotonic()
    asked: SampleApi = arguments.job
    key, tokenizer = read_key(arguments.server), tokenizer_of(asked.api.tokenizer)
    longest = asked.sampling.max_new_tokens
    for benchmark, (table, samples) in tables_of(arguments).items():
        problems, outputs = read_problems(table), dict(enumerate(samples))
        asks = asks_for(asked, benchmark, problems, len(outputs), tokenizer)
        with Journal(store_path(outputs[0]), FORMAT) as store:
            draws = draw_missing(asks, store, arguments.server, key, longest)
        facts = {**facts_of(asks, draws), "seconds": round(time.monotonic() - started, 1)}
        write_trials(outputs, problems, entries_of(asked, problems, asks, draws), longest, **facts)


def tokenizer_of(source: str | None) -> "PreTrainedTokenizerBase | None":
    """Return the tokenizer in a folder. What reads it is imported where there is one, and nowhere else."""
    if source is None:
        return None
    from ibft.models.loaders import read_tokenizer  # noqa: PLC0415 - which takes seconds

    return read_tokenizer(Path(source.removeprefix("path:")))


if __name__ == "__main__":
    run_stage(main, parser())

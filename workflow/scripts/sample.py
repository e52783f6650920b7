"""Draw n completions of every problem of a benchmark from one model, at one temperature, in each of several trials.

    python workflow/scripts/sample.py --model results/models/smollm2 --adapter ADAPTER --problems problems.parquet \\
        --profile chat --settings '{"n": 10}' --variant smollm2/rtl/ft/0 --benchmark rtl-mini --temperature 0.2 \\
        --outputs trial0.parquet trial1.parquet

Writes one table `samples` per trial, ordered by problem and sample. Trials that are there already, drawn from the same
inputs by the same code, are left as they are. A killed run continues after its finished problems.
"""

import argparse
import time
from pathlib import Path

from ibft.models.loading import use_threads
from ibft.runtime.stage import run_stage, stage_parser
from ibft.sampling.engine import Engine
from ibft.sampling.job import absent, add_order_options, order_of, write_trials
from ibft.sampling.sample import Work, draw_missing
from ibft.sampling.start import engine_identity, open_engine
from ibft.store.journal import Journal, journal_path


def parser() -> argparse.ArgumentParser:
    parser = stage_parser(__doc__)
    add_order_options(parser)
    return parser


def main(arguments: argparse.Namespace) -> None:
    started = time.monotonic()
    order = order_of(arguments)
    problems = order.read_problems()
    identity = engine_identity(order.settings.engine)
    key = order.key(Path(__file__), arguments.model, arguments.precision, identity)
    wanted = absent(arguments.outputs, key)
    if not wanted:
        return
    use_threads(arguments.threads)

    def start_engine() -> Engine:
        return open_engine(
            order.settings,
            arguments.model,
            [order.adapter],
            precision=arguments.precision,
            threads=arguments.threads,
        )

    with Journal(journal_path(arguments.outputs[0]), key) as journal:
        draw_missing([Work(order, problems, list(wanted), journal)], start_engine)
        seconds = round(time.monotonic() - started, 1)
        write_trials(wanted, problems, journal.entries(), order.settings.max_new_tokens, key=key, seconds=seconds)
        journal.remove()


if __name__ == "__main__":
    run_stage(main, parser())

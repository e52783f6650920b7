"""Sample n completions of every problem from one model, at one temperature, in each of several trials.

    python workflow/scripts/sample.py --model results/models/smollm2-135m --benchmarks rtl-mini \\
        --problems results/problems/rtl-mini.parquet --outputs /tmp/trial0.parquet \\
        --job '{"variant": "smollm2-135m/rtl/base/seed0", "temperature": 0.2, "sampling": {"n": 10}}'

--problems has a table for each of --benchmarks, and --outputs the trials of the first, then those of the second, and so
on. Writes tables `samples`, ordered by problem and sample. Trials that are there already, sampled from the same inputs
by the same code, are left as they are. A killed run continues after its finished problems.
"""

import argparse
import time
from contextlib import ExitStack
from pathlib import Path

from ibft.config.jobs import Sample, job_parser
from ibft.models.loaders import read_tokenizer
from ibft.models.loading import use_threads
from ibft.runtime.errors import UserError
from ibft.runtime.stage import run_stage
from ibft.sampling.engine import Engine
from ibft.sampling.job import SamplingJob, missing_trials, write_trials
from ibft.sampling.sample import Pending, sample_pending
from ibft.sampling.start import engine_identity, open_engine
from ibft.store.journal import Journal, journal_path
from ibft.store.manifests import folder_of, verify


def parser() -> argparse.ArgumentParser:
    arguments = job_parser(__doc__, Sample)
    arguments.add_argument("--model", type=folder_of, required=True, help="prepared model folder")
    arguments.add_argument("--adapter", type=folder_of, nargs="?", help="folder of a LoRA adapter to put on top")
    arguments.add_argument("--benchmarks", nargs="+", required=True, help="their names; part of the seeds")
    arguments.add_argument("--problems", type=Path, nargs="+", required=True, help="table `problems` of each benchmark")
    arguments.add_argument("--threads", type=int, default=1, help="CPU cores to use")
    arguments.add_argument(
        "--outputs",
        type=Path,
        nargs="+",
        required=True,
        help="tables `samples`: of each benchmark, of each trial from 0",
    )
    return arguments


def main(arguments: argparse.Namespace) -> None:
    started = time.monotonic()
    asked: Sample = arguments.job
    trials, rest = divmod(len(arguments.outputs), len(arguments.benchmarks))
    if rest or len(arguments.problems) != len(arguments.benchmarks):
        raise UserError("--problems needs a table for each of --benchmarks, --outputs as many trials for each")
    identity = engine_identity(asked.sampling.engine)
    weights = [folder for folder in (arguments.model, arguments.adapter) if folder]
    pending: dict[str, Pending] = {}  # by the key of the journal

    def start_engine(longest: int) -> Engine:
        use_threads(arguments.threads)
        return open_engine(
            asked.sampling,
            arguments.model,
            arguments.adapter,
            precision=asked.precision,
            threads=arguments.threads,
            longest=longest,
        )

    with ExitStack() as journals:
        for number, (benchmark, table) in enumerate(zip(arguments.benchmarks, arguments.problems, strict=True)):
            job = SamplingJob(asked, benchmark, table)
            problems = job.read_problems()
            key = job.key(Path(__file__), weights, identity)
            outputs = arguments.outputs[number * trials : (number + 1) * trials]
            if missing := missing_trials(outputs, key):
                journal = journals.enter_context(Journal(journal_path(outputs[0]), key))
                pending[key] = Pending(job, problems, missing, journal)
        verify(arguments.model)
        sample_pending(list(pending.values()), read_tokenizer(arguments.model), start_engine)
        seconds = round(time.monotonic() - started, 1)
        for key, part in pending.items():
            longest = asked.sampling.max_new_tokens
            write_trials(part.outputs, part.problems, part.journal.entries(), longest, key=key, seconds=seconds)
            part.journal.remove()


if __name__ == "__main__":
    run_stage(main, parser())

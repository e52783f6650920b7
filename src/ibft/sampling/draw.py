"""Draw the missing samples of one variant at one temperature, and write them: one engine start for all benchmarks."""

import time
from contextlib import ExitStack
from pathlib import Path

from ibft.config.jobs import Sample
from ibft.models.loaders import read_tokenizer
from ibft.models.loading import use_threads
from ibft.sampling.engine import Engine
from ibft.sampling.job import SamplingJob, Tables, missing_trials, write_trials
from ibft.sampling.sample import Pending, sample_pending
from ibft.sampling.start import engine_identity, open_engine
from ibft.store.journal import Journal, journal_path
from ibft.store.manifests import verify


def draw(asked: Sample, benchmarks: Tables, model: Path, adapter: Path | None, *, threads: int, script: Path) -> None:
    """Write the trials of `benchmarks` that are missing; those that are there, from equal inputs, are left as they are.

    Args:
        model: folder of a prepared model.
        adapter: folder of a LoRA adapter to put on top.
        script: the command that samples, whose code the samples depend on.

    Raises:
        UserError: an input is missing or damaged, the engine is not installed, or a profile cannot ask for a problem.
    """
    started = time.monotonic()
    identity = engine_identity(asked.sampling.engine)
    weights = [folder for folder in (model, adapter) if folder]
    pending: dict[str, Pending] = {}  # by the key of the journal

    def start_engine(longest: int) -> Engine:
        use_threads(threads)
        return open_engine(asked.sampling, model, adapter, precision=asked.precision, threads=threads, longest=longest)

    with ExitStack() as journals:
        for benchmark, (table, outputs) in benchmarks.items():
            job = SamplingJob(asked, benchmark, table)
            problems = job.read_problems()
            key = job.key(script, weights, identity)
            if missing := missing_trials(outputs, key):
                journal = journals.enter_context(Journal(journal_path(outputs[0]), key))
                pending[key] = Pending(job, problems, missing, journal)
        verify(model)
        sample_pending(list(pending.values()), read_tokenizer(model), start_engine)
        seconds = round(time.monotonic() - started, 1)
        for key, part in pending.items():
            longest = asked.sampling.max_new_tokens
            write_trials(part.outputs, part.problems, part.journal.entries(), longest, key=key, seconds=seconds)
            part.journal.remove()

"""A sampling job: one variant at one temperature on one benchmark, and the tables that it writes.

Nothing here imports torch or transformers.
"""

import argparse
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ibft.config.jobs import Sample, SampleApi
from ibft.prompts import Problem, Profile, get_profile
from ibft.runtime.errors import UserError
from ibft.store import parquet
from ibft.store.journal import Entry, journal_key
from ibft.store.manifests import manifest_path, read_manifest, verify
from ibft.store.schemas import PROBLEMS, SAMPLES

logger = logging.getLogger(__name__)

Tables = Mapping[str, tuple[Path, Sequence[Path]]]
"""Each benchmark has a table PROBLEMS, and tables SAMPLES to write, one for each trial."""


def add_tables(arguments: argparse.ArgumentParser) -> None:
    """Add the options that `tables_of` reads."""
    arguments.add_argument("--benchmarks", nargs="+", required=True, help="their names; part of the seeds")
    arguments.add_argument("--problems", type=Path, nargs="+", required=True, help="table `problems` of each benchmark")
    arguments.add_argument(
        "--outputs",
        type=Path,
        nargs="+",
        required=True,
        help="tables `samples`: of each benchmark, of each trial from 0",
    )


def tables_of(arguments: argparse.Namespace) -> Tables:
    """Return the tables of each benchmark.

    Raises:
        UserError: their numbers do not fit.
    """
    benchmarks, outputs = arguments.benchmarks, arguments.outputs
    trials, rest = divmod(len(outputs), len(benchmarks))
    if rest or len(arguments.problems) != len(benchmarks):
        raise UserError("--problems needs a table for each of --benchmarks, --outputs as many trials for each")
    trials_of_each = (outputs[start : start + trials] for start in range(0, len(outputs), trials))
    tables = zip(arguments.problems, trials_of_each, strict=True)
    return dict(zip(benchmarks, tables, strict=True))


@dataclass(frozen=True)
class SamplingJob:
    """All completions of one variant on one benchmark at one temperature.

    Attributes:
        asked: variant, temperature, profile and settings.
        benchmark: its name; with the variant, the temperature, a trial, a problem and a number it seeds every sample.
        problems: the table `problems` of the benchmark.
    """

    asked: Sample
    benchmark: str
    problems: Path

    @property
    def profile(self) -> Profile:
        """The prompt profile, with the system prompt and the examples of the settings."""
        return profile_of(self.asked)

    def key(self, script: Path, inputs: Sequence[Path], engine: str) -> str:
        """A digest of all that the samples depend on, the number of trials aside; see `ibft.store.journal.journal_key`.

        Args:
            script: the command that samples.
            inputs: folders of the base model and the adapter.
            engine: its name and version.
        """
        asked, chosen = self.asked, self.asked.sampling
        names = (asked.variant, self.benchmark, asked.temperature)
        settled = (*names, self.profile.label, chosen.n, chosen.top_p, chosen.max_new_tokens)
        return journal_key(script, [*inputs, self.problems], repr(settled), asked.precision, engine, chosen.adapters)

    def read_problems(self) -> list[Problem]:
        """Return the rows of `problems`; see `read_problems`."""
        return read_problems(self.problems)


def profile_of(asked: Sample | SampleApi) -> Profile:
    """Return the prompt profile of a job, with the system prompt and the examples of its settings."""
    shots = [(shot.instruction, shot.response) for shot in asked.sampling.few_shot]
    return get_profile(asked.profile).introduced(asked.sampling.system_prompt, shots)


def read_problems(table: Path) -> list[Problem]:
    """Return the rows of a table `problems`.

    Raises:
        UserError: there are none.
    """
    found = parquet.read_table(table, PROBLEMS)
    if found.empty:
        raise UserError(f"{table} holds no problem to sample")
    return cast(list[Problem], list(found.itertuples(index=False)))


def missing_trials(outputs: Sequence[Path], key: str) -> dict[int, Path]:
    """The trials, and their outputs, that are not there yet as `key` would have them. The others count as made now."""
    missing = {}
    for trial, output in enumerate(outputs):
        if output.exists() and manifest_path(output).exists() and read_manifest(output).get("key") == key:
            verify(output)
            output.touch()
            logger.info("%s is sampled already", output)
        else:
            missing[trial] = output
    return missing


def write_trials(
    missing: Mapping[int, Path],
    problems: Sequence[Problem],
    entries: Iterable[Entry],
    max_new_tokens: int,
    **facts: Any,
) -> None:
    """Write the table `samples` of each missing trial, ordered by problem and sample, with `facts` in its manifest."""
    rows_of = {(entry["task_id"], entry["trial"]): entry["rows"] for entry in entries}
    for trial, output in missing.items():
        rows = [row for problem in problems for row in rows_of[problem.task_id, trial]]
        truncated = sum(row["finish_reason"] == "length" for row in rows)
        logger.info("%d of %d samples reached %d tokens", truncated, len(rows), max_new_tokens)
        parquet.write_table(output, SAMPLES, rows, **facts)

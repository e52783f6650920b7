"""Sample what is missing of one variant at one temperature, on several benchmarks, in one submission to one engine."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from ibft.prompts import Problem
from ibft.runtime.progress import progress
from ibft.sampling.engine import Engine, Group, Prompt
from ibft.sampling.job import SamplingJob
from ibft.sampling.requests import decoding_for, prompt_for, sample_rows
from ibft.store.journal import Journal

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pending:
    """The part of a job that is missing: of these problems the trials with these outputs, by way of this journal."""

    job: SamplingJob
    problems: Sequence[Problem]
    outputs: dict[int, Path]
    journal: Journal

    def unfinished(self) -> list[tuple[Problem, list[int]]]:
        """The problems that the journal lacks, each with the trials that it lacks."""
        known = {(entry["task_id"], entry["trial"]) for entry in self.journal.entries()}
        trials_of = [
            (problem, [trial for trial in self.outputs if (problem.task_id, trial) not in known])
            for problem in self.problems
        ]
        return [(problem, trials) for problem, trials in trials_of if trials]

    @property
    def samples(self) -> int:
        return len(self.problems) * len(self.outputs) * self.job.asked.sampling.n


@dataclass(frozen=True)
class _Asked:
    """One prompt as it was put to the engine."""

    problem: Problem
    trials: Sequence[int]
    prompt: Prompt


def sample_pending(
    pending: Sequence[Pending], tokenizer: PreTrainedTokenizerBase, start_engine: Callable[[int], Engine]
) -> None:
    """Append to the journal of each of `pending` one entry per problem and trial that it lacks.

    The engine is started only if anything is missing.

    Args:
        tokenizer: the model's.
        start_engine: takes the tokens of the longest prompt and its completion together.

    Raises:
        UserError: a profile cannot ask for a problem.
    """
    unfinished = [(part, missing) for part in pending if (missing := part.unfinished())]
    total = sum(part.samples for part in pending)
    if not unfinished:
        logger.info("all %d samples are drawn already", total)
        return
    groups, asked = [], []
    for part, missing in unfinished:
        group, prompts = _group(part.job, missing, tokenizer)
        groups.append(group)
        asked.append(prompts)
    engine = start_engine(max(map(_longest, groups)))
    left = sum(len(prompt.seeds) for group in groups for prompt in group.prompts)
    tokens, started = 0, time.monotonic()
    with progress("sampling", unit="samples", total=total, done=total - left) as bar:
        for number, completions in engine.sample(groups):
            part, _ = unfinished[number]
            own = asked[number][completions[0].task_id]
            n = part.job.asked.sampling.n
            rows = sample_rows(completions, own.prompt, own.problem, part.job.profile, engine, n)
            for place, trial in enumerate(own.trials):
                entry = {"task_id": own.problem.task_id, "trial": trial, "rows": rows[place * n : (place + 1) * n]}
                part.journal.append(entry)
            tokens += sum(row["completion_tokens"] for row in rows)
            bar.advance(len(completions))
    logger.info("%d tokens, %.0f tokens/s", tokens, tokens / (time.monotonic() - started))


def _longest(group: Group) -> int:
    """Count the tokens of the longest prompt of a group and its completion together."""
    return max(len(prompt.token_ids) for prompt in group.prompts) + group.decoding.max_new_tokens


def _group(
    job: SamplingJob, missing: Sequence[tuple[Problem, list[int]]], tokenizer: PreTrainedTokenizerBase
) -> tuple[Group, dict[str, _Asked]]:
    """Return the engine's input for the `missing` part of a job, and the same by task_id."""
    profile, settings = job.profile, job.asked.sampling
    if profile.keeps_trailing_whitespace:
        logger.info("profile %s was published with prompts that end in whitespace, and keeps it", profile.name)
    asked = {
        problem.task_id: _Asked(problem, trials, prompt_for(problem, profile, tokenizer, job, trials))
        for problem, trials in missing
    }
    decoding = decoding_for(
        profile,
        tokenizer,
        missing[0][0].language,
        temperature=job.asked.temperature,
        top_p=settings.top_p,
        max_new_tokens=settings.max_new_tokens,
    )
    return Group([one.prompt for one in asked.values()], decoding), asked

"""From problems to prompts with seeds, and from completions to rows of `ibft.store.schemas.SAMPLES`."""

from collections.abc import Sequence
from typing import Any

from transformers import PreTrainedTokenizerBase

from ibft.extraction import extract
from ibft.prompts import Problem, Profile
from ibft.sampling.engine import Completion, Decoding, Engine, Prompt
from ibft.sampling.job import SamplingJob
from ibft.sampling.seeds import sample_seed


def prompt_for(
    problem: Problem, profile: Profile, tokenizer: PreTrainedTokenizerBase, job: SamplingJob, trials: Sequence[int]
) -> Prompt:
    """The problem's prompt with n seeds for each of `trials`, one trial after the other."""
    seeds = (
        sample_seed(job.asked.variant, job.benchmark, job.asked.temperature, trial, problem.task_id, sample)
        for trial in trials
        for sample in range(job.asked.sampling.n)
    )
    return Prompt(problem.task_id, tuple(profile.encode_problem(tokenizer, problem)), tuple(seeds))


def decoding_for(
    profile: Profile,
    tokenizer: PreTrainedTokenizerBase,
    language: str,
    *,
    temperature: float,
    top_p: float,
    max_new_tokens: int,
) -> Decoding:
    """Return the rules of drawing, with the profile's stops for `language`."""
    return Decoding(
        temperature, top_p, max_new_tokens, profile.stop_strings(language), profile.stop_token_ids(tokenizer)
    )


def sample_rows(
    completions: Sequence[Completion], prompt: Prompt, problem: Problem, profile: Profile, engine: Engine, n: int
) -> list[dict[str, Any]]:
    """The rows of one problem's completions, in their order: n of each trial."""
    return [
        {
            "task_id": problem.task_id,
            "sample": completion.sample % n,
            "completion": completion.text,
            "code": extract(profile.name, completion.text, problem),
            "finish_reason": completion.finish_reason,
            "prompt_tokens": len(prompt.token_ids),
            "completion_tokens": len(completion.token_ids),
            "log_likelihood": completion.log_likelihood,
            "seed": prompt.seeds[completion.sample],
            "profile": profile.label,
            "engine": engine.name,
            "engine_version": engine.version,
        }
        for completion in completions
    ]

"""From problems to requests: one for each draw, with a seed of its own."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ibft.config.jobs import SampleApi
from ibft.prompts import Problem, Profile
from ibft.sampling.job import profile_of
from ibft.sampling.seeds import sample_seed

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_STOPS = 4  # that OpenAI takes; the others are found when the text has come
_UNUSED_BITS = 32  # of our seeds: servers take 31, and a JSON number of 63 loses some on its way through JavaScript
_PATHS = {"chat": "/chat/completions", "completions": "/completions"}
_CHARACTERS_PER_TOKEN = 3  # of code, for rates


@dataclass(frozen=True)
class Ask:
    """One draw that is wanted: of which problem, trial and number, and the request that asks for it.

    Attributes:
        body: as it is sent.
        seed: its own, sent or not.
        stops: strings that end the text.
        again: the draw is asked for a second time, to see whether the server repeats it.
    """

    task_id: str
    trial: int
    sample: int
    path: str
    body: dict[str, Any]
    seed: int
    stops: tuple[str, ...] = ()
    again: bool = False

    @cached_property
    def digest(self) -> str:
        """Names the draw by what is asked, so that no other ask has it."""
        asked = [self.path, self.body, self.seed, self.again]
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:32]

    def tokens(self, longest: int) -> int:
        """Estimate the tokens of the prompt, and add the `longest` answer."""
        prompt = self.body.get("prompt", self.body.get("messages"))
        if isinstance(prompt, list) and all(isinstance(token, int) for token in prompt):
            return len(prompt) + longest
        return len(json.dumps(prompt)) // _CHARACTERS_PER_TOKEN + longest


def asks_for(
    asked: SampleApi,
    benchmark: str,
    problems: Sequence[Problem],
    trials: int,
    tokenizer: "PreTrainedTokenizerBase | None",
) -> list[Ask]:
    """List the asks of a job on one benchmark, and last, where it can tell anything, the first of them again.

    Raises:
        UserError: the profile cannot ask for a problem.
    """
    profile = profile_of(asked)
    found = [ask for problem in problems for ask in _of_problem(asked, profile, benchmark, problem, trials, tokenizer)]
    is_fixed = asked.api.seeds or asked.temperature == 0
    return [*found, replace(found[0], again=True)] if is_fixed else found


def _of_problem(
    asked: SampleApi,
    profile: Profile,
    benchmark: str,
    problem: Problem,
    trials: int,
    tokenizer: "PreTrainedTokenizerBase | None",
) -> Iterator[Ask]:
    stops = profile.stop_strings(problem.language)
    body = asked.api.request | _decoding(asked, stops) | _prompt(asked, profile, problem, tokenizer)
    for trial in range(trials):
        for sample in range(asked.sampling.n):
            name = (asked.variant, benchmark, asked.temperature, trial, problem.task_id, sample)
            seed = sample_seed(*name) >> _UNUSED_BITS
            own = body | ({"seed": seed} if asked.api.seeds else {})
            yield Ask(problem.task_id, trial, sample, _PATHS[asked.api.protocol], own, seed, stops)


def _decoding(asked: SampleApi, stops: tuple[str, ...]) -> dict[str, Any]:
    decoding = {
        "model": asked.model,
        "temperature": asked.temperature,
        "top_p": asked.sampling.top_p,
        asked.api.length_key: asked.sampling.max_new_tokens,
    }
    return decoding | ({"stop": list(stops[:_STOPS])} if stops else {})


def _prompt(
    asked: SampleApi, profile: Profile, problem: Problem, tokenizer: "PreTrainedTokenizerBase | None"
) -> dict[str, Any]:
    if asked.api.protocol == "chat":
        return {"messages": profile.messages(problem)}
    # Tokens say it all: of a text, nobody knows what the server puts before it.
    return {"prompt": profile.encode_problem(tokenizer, problem) if tokenizer else profile.plain_text(problem)}

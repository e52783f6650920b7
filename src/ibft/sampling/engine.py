"""The interface of sampling engines: prompts and decoding in, completions out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from transformers import PreTrainedTokenizerBase

FinishReason = Literal["stop", "length"]


@dataclass(frozen=True)
class Prompt:
    """One problem's prompt and one seed for each completion of it that is wanted."""

    task_id: str
    token_ids: tuple[int, ...]
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class Decoding:
    """Rules of drawing tokens: temperature first (0 takes the most likely token), then top-p, and where to stop."""

    temperature: float
    top_p: float
    max_new_tokens: int
    stop_strings: tuple[str, ...]
    stop_token_ids: tuple[int, ...]


@dataclass(frozen=True)
class Completion:
    """One finished sample.

    Attributes:
        sample: index of its seed in `Prompt.seeds`.
        text: up to the stop string, which is not part of it; special tokens are left out.
        token_ids: every token that was drawn, those of the stop included.
        finish_reason: `stop` at a stop string or stop token, `length` at `max_new_tokens`.
        log_likelihood: of `token_ids` given the prompt, in nats, under the model itself: temperature 1, no top-p.
    """

    task_id: str
    sample: int
    text: str
    token_ids: tuple[int, ...]
    finish_reason: FinishReason
    log_likelihood: float


@dataclass(frozen=True)
class Group:
    """Prompts that are completed in the same way: those of one benchmark, with different task_ids."""

    prompts: Sequence[Prompt]
    decoding: Decoding


class Engine(Protocol):
    """A loaded model that completes prompts.

    Its name and version stand in every row of `samples`.
    """

    name: str
    version: str
    tokenizer: PreTrainedTokenizerBase

    def sample(self, groups: Sequence[Group]) -> Iterator[tuple[int, list[Completion]]]:
        """Yield each prompt's completions, ordered by sample, with the index of its group, as prompts finish."""
        ...

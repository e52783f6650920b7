"""A prompt profile turns text into tokens, for training and for sampling."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol, Self

from ibft.prompts.tokens import encode, encode_open_text, end_of_answer, render_chat, with_bos
from ibft.runtime.errors import UserError

if TYPE_CHECKING:  # profiles are read by stages that run without transformers
    from transformers import PreTrainedTokenizerBase


class Problem(Protocol):
    """The columns of `ibft.store.schemas.PROBLEMS` that a profile reads; a row of the table will do."""

    @property
    def task_id(self) -> str: ...
    @property
    def language(self) -> str: ...
    @property
    def description(self) -> str | None: ...
    @property
    def prompt(self) -> str: ...
    @property
    def entry_point(self) -> str: ...


@dataclass(frozen=True)
class Turn:
    """A question, and the opening of its answer for the model.

    A templated profile puts the question into the chat template's user message; otherwise text is question + opening.
    """

    question: str
    opening: str = ""


@dataclass(frozen=True)
class Profile:
    """One way to prompt and to stop; see `ibft.prompts.catalogue` for all of them, `ibft.extraction` for the code.

    Attributes:
        version: grows whenever the same input would give another prompt, other stops or other code.
        language: of the only problems that it can ask for; None asks for any.
        problem_turn: how a benchmark problem is asked.
        example_turn: (instruction, response, language) -> how a fine-tuning example is asked, and what is learned.
        templated: whether the tokenizer's chat template is used.
        bos: whether the text starts with the beginning-of-sequence token, where the tokenizer has the habit.
        ends: whether a training response ends with the end-of-sequence (or end-of-turn) token. A model that never
            learned to stop runs to the token limit, unless `stop_strings` holds it.
        stop_strings: by language; what ends a completion besides the end token. It is not part of the completion.
        keeps_trailing_whitespace: published profiles that end their prompt in whitespace are kept to the letter. All
            others end where the tokenizer would end a token, because a prompt that ends inside one (`"\\n"` where
            training had `"\\n    "`) is text that the model has never seen.
        system: said before every problem; a training example has its own history instead.
        shots: (instruction, response) of examples that stand before every problem, in the form of `example_turn`.
    """

    name: str
    version: int
    problem_turn: Callable[[Problem], Turn]
    example_turn: Callable[[str, str, str], tuple[Turn, str]]
    language: str | None = None
    templated: bool = False
    bos: bool = True
    ends: bool = True
    stop_strings: Callable[[str], tuple[str, ...]] = lambda _language: ()
    keeps_trailing_whitespace: bool = False
    system: str = ""
    shots: tuple[tuple[str, str], ...] = ()

    @property
    def label(self) -> str:
        """Name and version, and a digest of what `introduced` has added."""
        own = f"{self.name} v{self.version}"
        if not self.system and not self.shots:
            return own
        return f"{own}+{hashlib.sha256(json.dumps([self.system, self.shots]).encode()).hexdigest()[:8]}"

    def introduced(self, system: str | None, shots: Sequence[tuple[str, str]]) -> Self:
        """Return this profile with another system prompt (None: its own) and more examples before every problem."""
        return replace(self, system=self.system if system is None else system, shots=(*self.shots, *shots))

    def encode_example(
        self, tokenizer: "PreTrainedTokenizerBase", instruction: str, response: str, language: str
    ) -> tuple[list[int], list[int]]:
        """The token ids of a fine-tuning example: its prompt, and its response, on which alone the loss is taken.

        Prompt and response are tokenized as one text, as in sampling. A token that spans both is learned.

        Raises:
            UserError: the profile needs a chat template and the tokenizer has none.
        """
        prompt_ids, response_ids, _ = self.encode_conversation(tokenizer, instruction, response, language, [])
        return prompt_ids, response_ids

    def encode_conversation(
        self,
        tokenizer: "PreTrainedTokenizerBase",
        instruction: str,
        response: str,
        language: str,
        history: Sequence[tuple[str, str]],
    ) -> tuple[list[int], list[int], list[tuple[int, int]]]:
        """Return the token ids of `encode_example`, led by a history, and where in the prompt its answers stand.

        Args:
            history: (role, text) of what was said before: perhaps a system message, then questions and their answers.

        Returns:
            prompt and response, and [from, to) in the prompt of each answer, its end token included.

        Raises:
            UserError: as `encode_example`, or the chat template writes earlier answers otherwise than last ones.
        """
        before = History.of(self, tokenizer, history, language)
        turn, answer = self.example_turn(instruction, response, language)
        prompt = self._text(tokenizer, turn, before)
        alone, together = encode(tokenizer, prompt), encode(tokenizer, prompt + answer)
        shared = _common_prefix(alone, together)
        end = end_of_answer(tokenizer, templated=self.templated)[:1] if self.ends else []
        ids = self._with_bos(tokenizer, prompt, together[:shared])
        added = len(ids) - shared
        answers = []
        for asked, answered in before.answers:
            if not prompt.startswith(asked) or not prompt.startswith(answered):
                raise UserError(
                    f"the chat template of {tokenizer.name_or_path} writes earlier answers otherwise than last ones, "
                    "so they cannot be learned in a conversation: use a `profile` of raw text, such as ibft"
                )
            start, stop = (_common_prefix(encode(tokenizer, text), alone) for text in (asked, answered))
            answers.append((start + added, stop + added))
        return ids, together[shared:] + end, answers

    def encode_problem(self, tokenizer: "PreTrainedTokenizerBase", problem: Problem) -> list[int]:
        """The prompt token ids of a benchmark problem.

        Raises:
            UserError: the profile cannot ask for the problem's language, or needs a chat template that is absent.
        """
        turn = self._asked(problem)
        text = self._text(tokenizer, turn, History.of(self, tokenizer, self._introduction(), problem.language))
        ids = encode_open_text(tokenizer, text) if self._is_open(turn) else encode(tokenizer, text)
        return self._with_bos(tokenizer, text, ids)

    def plain_text(self, problem: Problem) -> str:
        """Return the prompt of a benchmark problem as text, for a server whose tokenizer nobody sees.

        Raises:
            UserError: as `encode_problem`; a chat template cannot be rendered without a tokenizer.
        """
        if self.templated:
            raise UserError(f"profile {self.name} needs a chat template, which only a tokenizer has")
        turn, before = self._asked(problem), f"{self.system}\n\n" if self.system else ""
        for instruction, response in self.shots:
            shown, answer = self.example_turn(instruction, response, problem.language)
            before += f"{shown.question}{shown.opening}{answer}\n"
        text = before + turn.question + turn.opening
        return text.rstrip() if self._is_open(turn) else text

    def messages(self, problem: Problem) -> list[dict[str, str]]:
        """Return what is said to a model whose server renders the chat, up to the question of a benchmark problem.

        Raises:
            UserError: the profile cannot ask for the problem's language, or opens the answer, which a server does not.
        """
        turn = self._asked(problem)
        if turn.opening or not self.templated:
            raise UserError(f"profile {self.name} writes the beginning of the answer, which no message can")
        said = [{"role": "system", "content": self.system}] if self.system else []
        for instruction, response in self.shots:
            shown, answer = self.example_turn(instruction, response, problem.language)
            said += [
                {"role": "user", "content": shown.question},
                {"role": "assistant", "content": shown.opening + answer},
            ]
        return [*said, {"role": "user", "content": turn.question}]

    def _asked(self, problem: Problem) -> Turn:
        if self.language not in (None, problem.language):
            raise UserError(
                f"profile {self.name} asks for {self.language}, but problem {problem.task_id} is {problem.language}: "
                "set another `profile` for the experiment"
            )
        return self.problem_turn(problem)

    def _is_open(self, turn: Turn) -> bool:
        return bool(turn.opening) and not self.keeps_trailing_whitespace

    def _introduction(self) -> list[tuple[str, str]]:
        said = [("system", self.system)] if self.system else []
        return said + [turn for asked, answer in self.shots for turn in (("user", asked), ("assistant", answer))]

    def stop_token_ids(self, tokenizer: "PreTrainedTokenizerBase") -> tuple[int, ...]:
        """Tokens that end a completion: the end of sequence and, in a chat, the end of the turn."""
        ends = end_of_answer(tokenizer, templated=self.templated)
        return tuple(sorted({*ends, *end_of_answer(tokenizer, templated=False)}))

    def _text(self, tokenizer: "PreTrainedTokenizerBase", turn: Turn, before: "History | None" = None) -> str:
        before = before or History()
        if self.templated:
            return render_chat(tokenizer, turn.question, self.name, before.messages) + turn.opening
        return before.text + turn.question + turn.opening

    def _with_bos(self, tokenizer: "PreTrainedTokenizerBase", text: str, ids: list[int]) -> list[int]:
        return with_bos(tokenizer, text, ids) if self.bos else ids


@dataclass
class History:
    """A history is what was said before, as a chat template takes it and as plain text.

    `answers` holds, of each answer, the whole text up to it and the whole text up to its end.
    """

    messages: list[dict[str, str]] = field(default_factory=list)
    text: str = ""
    answers: list[tuple[str, str]] = field(default_factory=list)

    @classmethod
    def of(
        cls, profile: Profile, tokenizer: "PreTrainedTokenizerBase", said: Sequence[tuple[str, str]], language: str
    ) -> "History":
        """Write `said` in the words of `profile`."""
        before = cls()
        if said and said[0][0] == "system":
            before.messages.append({"role": "system", "content": said[0][1]})
            before.text = f"{said[0][1]}\n\n"
            said = said[1:]
        for (_, question), (_, response) in zip(said[::2], said[1::2], strict=True):
            turn, answer = profile.example_turn(question, response, language)
            asked = profile._text(tokenizer, turn, before)
            before.messages.append({"role": "user", "content": turn.question})
            before.messages.append({"role": "assistant", "content": turn.opening + answer})
            before.text = f"{asked}{answer}\n"
            written = f"{asked}{answer}"
            if profile.templated:
                written = str(tokenizer.apply_chat_template(before.messages, tokenize=False)).rstrip()
            before.answers.append((asked, written))
        return before


def _common_prefix(first: list[int], second: list[int]) -> int:
    """Count the leading tokens that two sequences share."""
    shared = 0
    for a, b in zip(first, second, strict=False):
        if a != b:
            break
        shared += 1
    return shared

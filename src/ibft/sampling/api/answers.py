"""From a server's answer to a draw. What is not exactly one completion is an error, never a draw."""

from dataclasses import asdict, dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError


class BadAnswerError(Exception):
    """The server's answer is not what was asked for; another attempt may be."""


@dataclass(frozen=True)
class Draw:
    """One completion as it came.

    Attributes:
        text: up to the first stop string. Thoughts that a server sends apart lead it, in the marks that models use.
        finish_reason: stop, length, or a word of the server's own, such as content_filter.
        prompt_tokens, completion_tokens: as the server counts them; None where it does not.
        model, fingerprint: what the server says that it is.
    """

    text: str
    finish_reason: str
    prompt_tokens: int | None
    completion_tokens: int | None
    model: str
    fingerprint: str

    def as_entry(self) -> dict[str, Any]:
        return asdict(self)


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)


class _Message(_Part):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None  # as some servers call the same


class _Choice(_Part):
    finish_reason: str
    text: str | None = None
    message: _Message | None = None


class _Usage(_Part):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Answer(_Part):
    choices: list[_Choice]
    usage: _Usage | None = None
    model: str | None = None
    system_fingerprint: str | None = None


def read_answer(content: bytes, stops: tuple[str, ...]) -> Draw:
    """Return the one draw that an answer holds.

    Raises:
        BadAnswerError: it is not JSON, has no completion or several, or does not say why the completion ended.
    """
    try:
        answer = _Answer.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise BadAnswerError(f"the answer is no completion: {f'{place}: ' if place else ''}{first['msg']}") from None
    if len(answer.choices) != 1:
        raise BadAnswerError(f"the answer has {len(answer.choices)} choices, and one was asked for")
    text, is_stopped = _until_stop(_text(answer.choices[0]), stops)
    usage = answer.usage or _Usage()
    return Draw(
        text=text,
        finish_reason="stop" if is_stopped else answer.choices[0].finish_reason,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        model=answer.model or "",
        fingerprint=answer.system_fingerprint or "",
    )


def _text(choice: _Choice) -> str:
    if choice.message is None:
        if choice.text is None:
            raise BadAnswerError("the answer has neither a text nor a message")
        return choice.text
    thought, said = choice.message.reasoning_content or choice.message.reasoning, choice.message.content
    if not thought:
        return said or ""
    return f"<think>\n{thought}" if said is None else f"<think>\n{thought}\n</think>\n\n{said}"


def _until_stop(text: str, stops: tuple[str, ...]) -> tuple[str, bool]:
    """Cut a text at the first stop string; true if there was one."""
    end = min((at for stop in stops if (at := text.find(stop)) >= 0), default=None)
    return text[:end], end is not None

"""One conversation as one row of table EXAMPLES.

The last question and its answer are `instruction` and `response`; whatever was said before is `history`, a JSON list
of [role, text]. The loss is taken on every answer, those of the history among them (`ibft.models.encoding`).
"""

import json
from collections.abc import Iterable
from itertools import groupby
from typing import NamedTuple

import pandas as pd

from ibft.runtime.errors import UserError

ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "model": "assistant",
}
"""Role as data sets write it -> role as chat templates call it."""


class Message(NamedTuple):
    role: str  # system | user | assistant
    text: str


class Example(NamedTuple):
    """A row teaches this. `unanswered` counts messages that are left out, because no answer belongs to them."""

    history: str | None
    instruction: str
    response: str
    unanswered: int = 0


def example_of(messages: Iterable[Message], where: str) -> Example:
    """Return the example that a conversation is.

    Neighbours of one role are one message. Answers before the first question, and questions after the last answer,
    are left out and counted; without a question that has an answer, the example is blank.

    Raises:
        UserError: a system message stands inside the conversation.
    """
    by_role = groupby(messages, key=lambda message: message.role)
    said = [Message(role, "\n\n".join(message.text for message in group)) for role, group in by_role]
    system = said[:1] if said and said[0].role == "system" else []
    turns = said[len(system) :]
    if any(message.role == "system" for message in turns):
        raise UserError(f"{where}: a system message must be the first; put it there, or make it the user's")
    first = next((n for n, message in enumerate(turns) if message.role == "user"), len(turns))
    last = max((n for n, message in enumerate(turns) if message.role == "assistant"), default=-1)
    kept = turns[first : last + 1]
    if len(kept) < 2:
        return Example(None, "", "", len(turns))
    before = [*system, *kept[:-2]]
    history = json.dumps(before, ensure_ascii=False) if before else None
    return Example(history, kept[-2].text, kept[-1].text, len(turns) - len(kept))


def history_of(text: str | None) -> list[Message]:
    """Return the messages that a cell of column `history` holds; none for null."""
    return [Message(*message) for message in json.loads(text)] if isinstance(text, str) else []


def questions(examples: pd.DataFrame) -> list[str]:
    """Return all that stands before each response of table EXAMPLES as one text: the history and the instruction."""
    if "history" not in examples or examples["history"].isna().all():
        return list(examples["instruction"])
    pairs = zip(examples["history"], examples["instruction"], strict=True)
    return ["\n".join([*(message.text for message in history_of(history)), asked]) for history, asked in pairs]

"""The tokenizer's side of a prompt: chat template, one BOS, the end token, and prompts that end between tokens."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ibft.runtime.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_PLACEHOLDER = "ANSWER-PLACEHOLDER"
_ANSWERED = [{"role": "user", "content": "?"}, {"role": "assistant", "content": _PLACEHOLDER}]
_LONGEST = 100_000  # characters that a chat template may make of a short message


def encode(tokenizer: "PreTrainedTokenizerBase", text: str) -> list[int]:
    """Token ids of `text`, nothing added. Special tokens written out in it, as a chat template does, are recognised."""
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids


def encode_open_text(tokenizer: "PreTrainedTokenizerBase", text: str) -> list[int]:
    """Token ids of text that the model is to continue on a new line, ending where a token of the whole would end.

    Trailing whitespace is dropped, so that the model writes the line break and the indentation itself, as one token if
    that is how the tokenizer joins them. Tokenizers that join the break to the punctuation before it get it back.
    """
    stripped = text.rstrip()
    continued = encode(tokenizer, stripped + "\n    x")
    for ids in (encode(tokenizer, stripped), encode(tokenizer, stripped + "\n")):
        if continued[: len(ids)] == ids:
            return ids
    return encode(tokenizer, stripped)


def render_chat(
    tokenizer: "PreTrainedTokenizerBase", question: str, profile: str, earlier: Sequence[dict[str, str]] = ()
) -> str:
    """The chat template's text up to the point where the assistant answers `question`, after `earlier` messages.

    Raises:
        UserError: the tokenizer has no chat template.
    """
    if not tokenizer.chat_template:
        raise UserError(
            f"profile {profile} needs a chat template and the tokenizer of {tokenizer.name_or_path} has none: "
            "use an instruction-tuned model or a `profile` of raw text, such as ibft"
        )
    messages = [*earlier, {"role": "user", "content": question}]
    text: str = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    return text


def with_bos(tokenizer: "PreTrainedTokenizerBase", text: str, ids: list[int]) -> list[int]:
    """`ids` of `text`, led by exactly one BOS where the tokenizer adds one; a chat template may have written it."""
    bos = tokenizer.bos_token_id
    adds_bos = bos is not None and list(tokenizer("a")["input_ids"][:1]) == [bos]
    return [bos, *ids] if adds_bos and ids[:1] != [bos] else ids


def end_of_answer(tokenizer: "PreTrainedTokenizerBase", *, templated: bool) -> list[int]:
    """The token that ends an answer: what the chat template writes after one, or the end of sequence; none if neither.

    Templates follow the token with more (a line break, say), which belongs to the next turn.
    """
    if templated and tokenizer.chat_template:
        text: str = tokenizer.apply_chat_template(_ANSWERED, tokenize=False)
        special = set(tokenizer.all_special_ids) | set(tokenizer.added_tokens_decoder)
        after = [i for i in encode(tokenizer, text.rpartition(_PLACEHOLDER)[2]) if i in special]
        if after:
            return after[:1]
    return [] if tokenizer.eos_token_id is None else [tokenizer.eos_token_id]


def check_chat_template(tokenizer: "PreTrainedTokenizerBase") -> None:
    """Render the chat template, where there is one, with the messages that profiles put into it.

    Raises:
        UserError: it fails, leaves the question or the answer out, or adds far too much.
    """
    if not tokenizer.chat_template:
        return
    mend = "mend it in a copy of the model, or remove it and use a `profile` of raw text, such as ibft"
    try:
        asked = render_chat(tokenizer, _PLACEHOLDER, "")
        answered = tokenizer.apply_chat_template(_ANSWERED, tokenize=False)
    except MemoryError:
        raise
    except Exception as error:  # whatever a hostile template makes Jinja raise
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise UserError(f"its chat template fails for a question and an answer ({reason}): {mend}") from None
    for text, part in ((asked, "question"), (answered, "answer")):
        if _PLACEHOLDER not in text:
            raise UserError(f"its chat template leaves the {part} out: {mend}")
        if len(text) > _LONGEST:
            raise UserError(f"its chat template makes {len(text)} characters of a short {part}: {mend}")

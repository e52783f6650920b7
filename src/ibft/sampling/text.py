"""Text of drawn tokens, and stop strings found in it."""

from collections.abc import Sequence

from transformers import PreTrainedTokenizerBase

_CONTEXT = 8  # prompt tokens that are decoded along, because some tokenizers drop a leading space


def continuation_text(
    tokenizer: PreTrainedTokenizerBase, prompt_ids: Sequence[int], token_ids: Sequence[int], stops: tuple[str, ...]
) -> str:
    """Return the text that `token_ids` add to the prompt, without special tokens, up to the first stop string."""
    context = list(prompt_ids[-_CONTEXT:])
    before, after = _decode(tokenizer, context), _decode(tokenizer, [*context, *token_ids])
    text = after[len(before) :] if after.startswith(before) else _decode(tokenizer, token_ids)
    return text[: min((at for stop in stops if (at := text.find(stop)) >= 0), default=len(text))]


class StopStrings:
    """Tells whether the newest token completed a stop string, by decoding no more than the tail that could hold one."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, stops: tuple[str, ...]) -> None:
        self._tokenizer = tokenizer
        self._stops = stops
        # A token of a stop string holds at least one byte of it; one more may be cut off by a decoder's clean-up.
        self._tail = max((len(stop.encode()) for stop in stops), default=0) + 1

    def hit(self, token_ids: Sequence[int]) -> bool:
        if not self._stops:
            return False
        tail = _decode(self._tokenizer, token_ids[-self._tail :])
        return any(stop in tail for stop in self._stops)


def _decode(tokenizer: PreTrainedTokenizerBase, token_ids: Sequence[int]) -> str:
    text: str = tokenizer.decode(list(token_ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return text

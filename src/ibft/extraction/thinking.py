"""A reasoning model thinks before it answers: its thoughts are no part of the answer."""

_MARKS = (("<think>", "</think>"), ("<thinking>", "</thinking>"), ("[THINK]", "[/THINK]"))


def without_thoughts(text: str) -> str:
    """Return the answer in `text`: what follows the first end of a thought, up to the beginning of another one.

    Templates may open the thought themselves, so that its beginning is missing. One that does not end leaves no answer.
    """
    for begin, end in _MARKS:
        before, mark, after = text.partition(end)
        text = (after if mark else before).partition(begin)[0]
    return text

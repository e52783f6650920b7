"""Fenced code blocks of a Markdown text."""

from collections.abc import Callable, Iterator

_FENCE = "```"


def last_block(text: str, is_wanted: Callable[[str], bool]) -> str:
    """Return the last code block that is wanted, else the last one, else the text as it is."""
    found = list(blocks(text))
    return next((block for block in reversed(found) if is_wanted(block)), found[-1] if found else text)


def blocks(text: str) -> Iterator[str]:
    """Yield the content of each block. One that is not closed runs to the end.

    A block ends at a bare fence that is indented as its first one: those in a docstring are indented otherwise.
    """
    indent, lines = "", None
    for line in text.splitlines(keepends=True):
        bare = line.rstrip()
        if lines is None:
            if bare.lstrip().startswith(_FENCE):
                indent, lines = bare[: len(bare) - len(bare.lstrip())], list[str]()
        elif bare == indent + _FENCE:
            yield "".join(lines)
            lines = None
        else:
            lines.append(line)
    if lines is not None:
        yield "".join(lines)

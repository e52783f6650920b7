"""The commands of the documentation, as its readers find them: fenced blocks of `bash`, each below a heading.

A comment on the line above a block says what becomes of it:

    <!-- tested: tests/workflow/test_start.py -->    that test runs it, for real and to its end
    <!-- needs: hub -->                              it cannot be run where tests run: see `NEEDS`

A block without one is run by `tests/workflow/test_docs.py`.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from tests.conftest import REPOSITORY

NEEDS = ("gpu", "hub", "cluster", "container runtime", "server", "run of the default")
_HEADING = re.compile(r"^#+ (.+)$")
_MARK = re.compile(r"^<!-- (tested|needs): (.+) -->$")
_FENCE = re.compile(r"^```(\w*)")


class Block(NamedTuple):
    page: str  # relative to the repository
    section: str  # heading above it
    language: str
    commands: str
    tested: str | None  # the test file that runs it
    needs: str | None  # what it needs that tests do not have


def pages() -> list[str]:
    """Every page that a reader may type commands from; decisions tell of the past."""
    found = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *(REPOSITORY / "docs").glob("*.md")]
    return sorted(str(path.relative_to(REPOSITORY)) for path in found)


def blocks(page: str) -> Iterator[Block]:
    """Yield every fenced block of a page."""
    section, marks, language, lines = "", {}, None, []
    for line in (REPOSITORY / page).read_text().splitlines():
        if language is None and (heading := _HEADING.match(line)):
            section = heading[1]
        if mark := _MARK.match(line):
            marks = {mark[1]: mark[2]}
        elif fence := _FENCE.match(line):
            if language is None:
                language, lines = fence[1], []
            else:
                yield Block(page, section, language, "\n".join(lines), marks.get("tested"), marks.get("needs"))
                language, marks = None, {}
        elif language is not None:
            lines.append(line)
        elif line.strip():
            marks = {}
    assert language is None, f"{page}: a block in {section} does not end"


def tested_by(test: str) -> dict[str, str]:
    """Return the commands that a test file has to run, by section."""
    return {block.section: block.commands for page in pages() for block in blocks(page) if block.tested == test}


tested_by.__test__ = False  # its name begins like that of a test

"""The README claims what a run of the embedded default has told, word for word: docs/default-run holds it."""

import re

from tests.conftest import REPOSITORY

README = (REPOSITORY / "README.md").read_text()
FINDINGS = (REPOSITORY / "docs" / "default-run" / "findings.md").read_text()
QUOTED = [line.removeprefix("> ") for line in README.splitlines() if line.startswith("> ")]


def test_every_quoted_claim_was_told_by_the_run() -> None:
    assert QUOTED
    assert [claim for claim in QUOTED if claim not in FINDINGS] == []


def test_the_first_claim_is_whether_there_is_a_barrier() -> None:
    [first, *_] = re.findall(r"^(?:A|No|The opposite of a) barrier was found.*", FINDINGS, re.M)
    assert QUOTED[0] == first


def test_no_other_number_stands_on_the_first_screen() -> None:
    screen = README.partition("## ")[0]
    prose = "\n".join(line for line in screen.splitlines() if not line.startswith((">", "```", "!", "ibft", "make")))
    allowed = r"arxiv\.org/abs/[\d.]+|Pass@\S+|2 CPU cores|~?20 minutes|Min-K%|135M"
    assert re.findall(r"\d[\d.]*%?", re.sub(allowed, "", prose)) == []

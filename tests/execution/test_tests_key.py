"""Tests that draw random numbers: no completion foretells them, and a rerun draws the same ones."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ibft.config.sections import Execution
from ibft.execution.judge import judge
from ibft.execution.tests_key import tests_key as key_in
from ibft.runtime.errors import UserError
from tests.execution.problems import PYTHON, frame

DRAWING = """
import random
def check(candidate):
    for _ in range(5):
        total = random.randint(0, 10**9)
        assert candidate([total - 5], 5) == total, f"{total}"
"""
PROBLEM = {**PYTHON, "tests": DRAWING}
PUBLIC = tuple(PROBLEM[name] for name in ("language", "prompt", "entry_point", "tests", "reference_solution"))
# Knows all that is public, its own text included, and answers what the tests would draw if a seed followed from that.
FORETELLING = """PUBLIC = %r
TEXT = %r
import hashlib, random
DIGEST = hashlib.sha256("\\0".join((*PUBLIC, TEXT %% (PUBLIC, TEXT))).encode()).hexdigest()
DRAW = random.Random(DIGEST)
def total(values, extra):
    return DRAW.randint(0, 10**9)
"""


def test_a_completion_cannot_compute_what_the_tests_draw() -> None:
    samples = [
        ("py/total", 0, FORETELLING % (PUBLIC, FORETELLING)),
        ("py/total", 1, "    return sum(values) + extra\n"),
    ]
    rows = list(judge(frame(PROBLEM), samples, Execution(), 1))
    assert [row.verdict.status for row in rows] == ["wrong_answer", "passed"]


def test_a_rerun_with_the_same_key_draws_the_same_numbers_and_another_key_others() -> None:
    def drawn(key: bytes) -> str:
        (row,) = judge(frame(PROBLEM), [("py/total", 0, "    return -1\n")], Execution(), 1, key=key)
        return row.verdict.detail

    assert drawn(b"a" * 32) == drawn(b"a" * 32) != drawn(b"b" * 32)


def test_a_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "results" / ".tests-key"
    with ThreadPoolExecutor(16) as pool:
        keys = set(pool.map(lambda _: key_in(path), range(16)))
    assert len(keys) == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_a_damaged_key_is_named(tmp_path: Path) -> None:
    (tmp_path / ".tests-key").write_bytes(b"short")
    with pytest.raises(UserError, match="holds 5 bytes"):
        key_in(tmp_path / ".tests-key")

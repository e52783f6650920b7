"""The command: each criterion reads its own table and keeps the right end of it."""

from pathlib import Path

import pandas as pd
import pytest

from ibft.runtime.errors import UserError
from ibft.store.parquet import read_table, write_table
from ibft.store.schemas import EXAMPLES, GRADIENTS, MEMORIZATION, SELECTION
from tests.memorization.conftest import script

IDS = [f"e{number}" for number in range(5)]


@pytest.fixture
def command(tmp_path: Path) -> list[object]:
    """Options for five examples, e0 the most memorized and the one with the highest gradient norm."""
    text = {"instruction": "i", "response": "r", "language": "python", "source": "s"}
    write_table(tmp_path / "examples", EXAMPLES, [{"example_id": example, **text} for example in IDS])
    common = {"tokens": 9, "truncated": False, "min_k_plus_plus": 0.0}
    memorization = [
        {"example_id": example, "k": k, "min_k_prob": rank if k == 20 else -rank, **common}
        for rank, example in enumerate(IDS)
        for k in (5, 20)
    ]
    write_table(tmp_path / "memorization", MEMORIZATION, memorization)
    gradients = [{"example_id": e, "tokens": 9, "grand": 5.0 - n, "el2n": 0.1} for n, e in enumerate(IDS)]
    write_table(tmp_path / "gradients", GRADIENTS, gradients)
    return [f"--examples={tmp_path / 'examples'}", "--output", tmp_path / "kept"]


@pytest.mark.parametrize(("by", "kept"), [("mink", ["e1", "e2", "e3", "e4"]), ("grand", ["e0", "e1", "e2", "e3"])])
def test_mink_drops_the_most_memorized_and_grand_the_lowest_norm(
    by: str, kept: list[str], command: list[object], tmp_path: Path
) -> None:
    scores = tmp_path / {"mink": "memorization", "grand": "gradients"}[by]
    job = f'{{"selection": {{"by": "{by}", "keep_fraction": 0.8}}, "k": 20}}'
    script("select_examples")([*command, "--scores", scores, "--job", job])
    assert read_table(tmp_path / "kept", SELECTION)["example_id"].tolist() == kept


def test_two_runs_write_equal_bytes(command: list[object], tmp_path: Path) -> None:
    def run() -> bytes:
        script("select_examples")([*command, "--job", '{"selection": {"by": "random", "keep_fraction": 0.6}}'])
        return (tmp_path / "kept").read_bytes()

    assert run() == run()
    assert len(pd.read_parquet(tmp_path / "kept")) == 3


def test_a_k_that_was_not_scored_is_refused(command: list[object], tmp_path: Path) -> None:
    job = '{"selection": {"by": "mink", "keep_fraction": 0.8}, "k": 30}'
    with pytest.raises(UserError, match="the scores hold no k = 30"):
        script("select_examples")([*command, "--scores", tmp_path / "memorization", "--job", job])


def test_mink_without_scores_is_refused(command: list[object]) -> None:
    with pytest.raises(UserError, match="by mink needs scores"):
        script("select_examples")([*command, "--job", '{"selection": {"by": "mink", "keep_fraction": 0.8}}'])

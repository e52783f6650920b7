"""An audit shows of every token, in both forms, what the scorer says, and the text as it stands."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ibft.config.jobs import TraceTokens
from ibft.config.sections import Scoring
from ibft.memorization.scoring import score, scores
from ibft.memorization.traces import pieces_of, trace, traces
from ibft.models.loading import load_model
from ibft.store.journal import Journal
from tests.tiny_model import make_tiny_tokenizer

JOB = TraceTokens(scoring=Scoring(max_length=256, batch_tokens=512))


@pytest.fixture
def few(examples: pd.DataFrame) -> pd.DataFrame:
    return examples.head(5)


def traced(tiny_folder: Path, few: pd.DataFrame, folder: Path, *, stop_after: int = 0) -> pd.DataFrame:
    model, tokenizer = load_model(tiny_folder, None, "float32")
    with Journal(folder / "journal", "key") as journal:
        if stop_after:
            append, left = journal.append, iter(range(stop_after))
            journal.append = lambda entry: (next(left), append(entry))[1]  # type: ignore[method-assign]
        trace(model, tokenizer, few, JOB, journal)
        return traces(journal, few)


def test_plain_text_scores_as_the_scorer_says(tiny_folder: Path, few: pd.DataFrame, tmp_path: Path) -> None:
    found = traced(tiny_folder, few, tmp_path)
    model, tokenizer = load_model(tiny_folder, None, "float32")
    settings = JOB.scoring.model_copy(update={"k": (20, 100)})
    with Journal(tmp_path / "other", "key") as journal:
        score(model, tokenizer, [few], settings, journal, total=len(few))
        expected = pd.concat(scores(journal, settings.k))
    plain = found[found["form"] == "plain"]
    assert list(plain["example_id"]) == list(few["example_id"])
    for k, ours, theirs in ((20, "min_k_prob", "min_k_prob"), (20, "min_k_plus_plus", "min_k_plus_plus")):
        np.testing.assert_allclose(plain[ours], expected.loc[expected["k"] == k, theirs], rtol=1e-4)
    np.testing.assert_allclose(plain["loss"], expected.loc[expected["k"] == 100, "min_k_prob"], rtol=1e-4)
    np.testing.assert_allclose([-np.mean(row) for row in plain["log_probs"]], plain["loss"], atol=1e-3)


def test_in_the_prompt_the_response_is_scored(tiny_folder: Path, few: pd.DataFrame, tmp_path: Path) -> None:
    found = traced(tiny_folder, few, tmp_path).set_index(["form", "example_id"])
    for row in few.itertuples():
        if ("prompt", row.example_id) in found.index:
            told = "".join(found.loc[("prompt", str(row.example_id)), "pieces"])
            assert row.response[:20].strip() in told and row.instruction[:20] not in told


def test_a_killed_trace_goes_on(tiny_folder: Path, few: pd.DataFrame, tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    whole = traced(tiny_folder, few, tmp_path / "whole")
    with pytest.raises(StopIteration):
        traced(tiny_folder, few, tmp_path, stop_after=2)
    pd.testing.assert_frame_equal(traced(tiny_folder, few, tmp_path), whole)


def test_pieces_are_the_text() -> None:
    tokenizer = make_tiny_tokenizer()
    text = "def add(größe):\n    return '日本' # x\n"
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    pieces = pieces_of(tokenizer, ids)
    assert "".join(pieces) == text and len(pieces) == len(ids)

"""`auto`: batches are the same everywhere, only the passes within them follow the memory, and scores do not change."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ibft.config.jobs import TraceTokens
from ibft.config.sections import Scoring
from ibft.gradients import grand
from ibft.gradients.warm_up import fresh_adapter
from ibft.memorization.nll import measure_nll
from ibft.memorization.traces import trace, traces
from ibft.models.pass_memory import (
    ON_CPU,
    bytes_of_logits,
    bytes_per_token,
    tokens_of_batch,
    tokens_of_pass,
    tokens_within,
)
from ibft.store.journal import Journal
from tests.memorization.test_gradients import LORA, texts
from tests.memorization.test_scoring import scored

__all__ = ["texts"]  # the fixture
Tiny = tuple[PreTrainedModel, PreTrainedTokenizerBase]


def test_scores_in_any_passes_are_the_same_bytes(
    tiny: Tiny, examples: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = scored(tiny, examples, tmp_path, batch_tokens="auto")
    pd.testing.assert_frame_equal(scored(tiny, examples, tmp_path / "4096", batch_tokens=4096), whole, check_exact=True)
    monkeypatch.setitem(ON_CPU, "memorization", 64)
    pd.testing.assert_frame_equal(scored(tiny, examples, tmp_path / "64", batch_tokens="auto"), whole, check_exact=True)
    assert tokens_of_batch("auto", "memorization") == 65536


def test_nll_and_traces_in_any_passes_are_the_same_bytes(
    tiny: Tiny, examples: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(folder: str) -> list[pd.DataFrame]:
        with Journal(tmp_path / folder, "key") as journal:
            trace(*tiny, few, TraceTokens(scoring=Scoring(max_length=256, batch_tokens="auto")), journal)
            found = traces(journal, few)
        return [measure_nll(*tiny, few, profile="chat", max_length=256, batch_tokens="auto"), found]

    few = examples.head(5)
    whole = measured("whole")
    monkeypatch.setitem(ON_CPU, "memorization", 64)
    for found, expected in zip(measured("parts"), whole, strict=True):
        pd.testing.assert_frame_equal(found, expected, check_exact=True)


def test_gradient_norms_in_small_passes_are_those_of_the_batch(tiny: Tiny, texts: list[object]) -> None:
    with fresh_adapter(tiny[0], LORA, seed=0):
        whole, parts = (
            grand._rows(dict(enumerate(reversed(texts))), grand.norms(tiny[0], "mean"), in_pass)
            for in_pass in (4096, 100)
        )
    np.testing.assert_allclose(parts, whole, rtol=1e-5)


def test_a_pass_takes_what_is_free_and_no_more(tiny: Tiny) -> None:
    model = tiny[0]
    assert tokens_of_pass("auto", model, "training") == ON_CPU["training"] == 8192
    assert tokens_of_pass(300, model, "training") == 300
    free = bytes_of_logits(model) + 10_000 * bytes_per_token(model, "training", (12, 0))
    found = tokens_within(free / 0.9, model, "training")
    assert found % 256 == 0
    assert 10_000 - 256 < found <= 10_000
    assert tokens_within(1.0, model, "training") == 256

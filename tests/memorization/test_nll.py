"""Held-out NLL is the loss of the response as training shows it, and the memorization scorer sees the same."""

from pathlib import Path

import pandas as pd
import pytest
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ibft.config.sections import Scoring
from ibft.memorization.nll import measure_nll
from ibft.memorization.scoring import score, scores
from ibft.models.encoding import encode_with_profile
from ibft.runtime.errors import UserError
from ibft.store.journal import Journal

Tiny = tuple[PreTrainedModel, PreTrainedTokenizerBase]


def test_it_is_min_100_prob_of_the_response_in_the_words_of_training(
    tiny: Tiny, examples: pd.DataFrame, tmp_path: Path
) -> None:
    measured = measure_nll(*tiny, examples, profile="chat", max_length=512, batch_tokens=700)
    settings = Scoring(k=(100,), scope="response", profile="chat", max_length=512, batch_tokens=300)
    with Journal(tmp_path / "journal", "key") as journal:
        score(*tiny, [examples], settings, journal, total=len(examples))
        [scored] = scores(journal, settings.k)
    assert measured["example_id"].tolist() == scored["example_id"].tolist()
    assert measured["tokens"].tolist() == scored["tokens"].tolist()
    assert measured["nll"].tolist() == pytest.approx(scored["min_k_prob"].tolist(), rel=1e-5)
    [first, *_] = encode_with_profile(tiny[1], examples, "chat", 512)
    assert measured["tokens"][0] == len(first.response)


def test_another_prompt_is_another_score(tiny: Tiny, examples: pd.DataFrame) -> None:
    chat, plain = (
        measure_nll(*tiny, examples, profile=profile, max_length=512, batch_tokens=700)["nll"]
        for profile in ("chat", "plain")
    )
    assert (chat - plain).abs().min() > 0


def test_a_response_that_is_cut_off_is_refused(tiny: Tiny, examples: pd.DataFrame) -> None:
    with pytest.raises(UserError, match="example e00 has no token of its response within"):
        measure_nll(*tiny, examples, profile="chat", max_length=4, batch_tokens=64)

"""Scores of memorization tell members where they were planted, and the twin's scores take away what is only easy."""

import zlib

import numpy as np
import pandas as pd
import pytest

from ibft.barrier.detection import SCORES, detection, roc, scores_of
from ibft.data.membership import is_member, membership_of
from ibft.runtime.errors import UserError

IDS = [f"e{number}" for number in range(80)]
MEMBERS = np.arange(80) < 40


def memorization(loss: np.ndarray) -> pd.DataFrame:
    rows = [
        {"example_id": i, "tokens": 10, "k": k, "min_k_prob": value * factor, "min_k_plus_plus": value}
        for i, value in zip(IDS, loss, strict=True)
        for k, factor in ((20, 2.0), (100, 1.0))
    ]
    return pd.DataFrame(rows).iloc[::-1]  # in any order


def test_calibration_by_the_twin_shows_members_that_ease_hides() -> None:
    random = np.random.default_rng(0)
    ease = random.gamma(2, 0.5, 80)
    texts = pd.Series("assign out = a & b;", index=IDS)
    of_models = {"exposed": memorization(ease * np.where(MEMBERS, 0.8, 1.0)), "control": memorization(ease)}
    scores = {name: scores_of(frame, texts, 20) for name, frame in of_models.items()}
    found = pd.DataFrame(detection(scores, MEMBERS, "control")).set_index(["model", "score", "calibrated"])
    for score in SCORES:
        assert found.loc[("exposed", score, True), "auroc"] == 1.0
        assert found.loc[("exposed", score, True), "members_dropped"] == 1.0
        raw, placebo = found.loc[("exposed", score, False)], found.loc[("control", score, False)]
        assert placebo["low"] < 0.5 < placebo["high"] and raw["auroc"] < 0.8
    curve = pd.concat(roc(scores, MEMBERS, "control"))
    perfect = curve[curve["calibrated"] & (curve["score"] == "loss")]
    assert ((perfect["false_positives"] == 0) & (perfect["true_positives"] == 1)).any()


def test_the_loss_is_of_all_tokens_and_zlib_divides_its_sum_by_the_compressed_size() -> None:
    texts = pd.Series([f"wire w{number};" * (1 + number) for number in range(80)], index=IDS)
    scores = scores_of(memorization(np.arange(80.0)), texts, 20)
    assert scores["loss"].tolist() == list(range(80)) and scores["min_k_prob"].tolist() == list(range(0, 160, 2))
    assert scores.loc["e7", "zlib"] == pytest.approx(7 * 10 / len(zlib.compress(texts["e7"].encode())))
    with pytest.raises(UserError, match="k = 20 and 100"):
        scores_of(memorization(np.arange(80.0)), texts.iloc[1:], 20)


def test_a_member_is_known_by_its_text_not_by_its_id() -> None:
    shown = pd.DataFrame({"example_id": ["a", "b"], "instruction": ["x", "y"], "response": ["1", "2"]})
    other = pd.DataFrame({"example_id": ["a", "c"], "instruction": ["z", "y"], "response": ["1", "2"]})
    assert is_member(other, membership_of(shown, "shown", 2)).tolist() == [False, True]

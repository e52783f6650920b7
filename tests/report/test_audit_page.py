"""The page of an audit: what it recommends, and that it says so only where the evidence does."""

import html
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ibft.config.jobs import WriteAudit
from ibft.memorization.known import SMALLEST_REFERENCE, known, spans
from ibft.report.audit import page
from ibft.report.audit_evidence import DOUBTFUL, DROP, Audit
from ibft.runtime.errors import UserError
from ibft.store.schemas import CONTAMINATION

COUNT = 60
HOSTILE = '</pre><script>alert("x")</script>\u202e'


def traces(name: str, scores: Any) -> pd.DataFrame:
    """TRACES in which every score of an example is the same, and its text one token that is hostile and nine likely."""
    rows = [
        {
            "example_id": f"{name}-{number}",
            "form": form,
            "tokens": 10,
            "truncated": number == 0,
            **dict.fromkeys(("loss", "zlib_ratio", "min_k_prob", "min_k_plus_plus"), float(score)),
            "pieces": [HOSTILE, *(f" w{place}" for place in range(9))],
            "log_probs": np.log([0.01] + [0.95] * 9),
            "greedy": [False, *[True] * 9],
        }
        for form in ("plain", "prompt")
        for number, score in enumerate(scores)
    ]
    return pd.DataFrame(rows)


def overlap(example_id: str) -> pd.DataFrame:
    values: dict[str, Any] = dict.fromkeys(CONTAMINATION.schema.names, 0)
    texts = {"example_id": example_id, "substring_task_id": "HumanEval/0", "ngram_task_id": None, "contaminated": True}
    return pd.DataFrame([values | texts])


def audit(known_examples: int, comparison: str = "same kind") -> Audit:
    """Of `COUNT` examples, so many score far below the reference, and the others like it."""
    random = np.random.default_rng(0)
    scores = np.concatenate([random.normal(1, 0.1, known_examples), random.normal(5, 1, COUNT - known_examples)])
    return Audit(
        job=WriteAudit(model="m", dataset="d", reference="r", comparison=comparison),
        examples=pd.DataFrame(),
        data=traces("d", scores),
        reference=traces("r", random.normal(5, 1, 100)),
        contamination={"humaneval": overlap("d-0")},
    )


def text_of(shown: str) -> str:
    body = re.sub(r"<(style|head)>.*?</\1>", "", shown, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def test_what_is_known_and_what_overlaps_is_recommended_against() -> None:
    found = audit(30)
    counts = found.decisions["recommendation"].value_counts()
    assert found.decisions.set_index("example_id").loc["d-0", "recommendation"] == DROP
    assert counts[DROP] == 1 and 29 <= counts[DOUBTFUL] <= 35
    share = found.known["plain", "min_k_prob"].share
    assert share.low < 0.5 < share.high and share.low > 0.3
    text = text_of(page(found))
    assert "Drop 1 example that overlaps with a benchmark, expect little from" in text
    assert "1 example that overlaps with humaneval, results on which would not count." in text
    assert (
        "<code>selection: {by: mink, keep_fraction: 0." in page(found)
        and "1 example reached the maximal length" in text
    )


def test_nothing_is_recommended_against_where_data_scores_like_the_reference() -> None:
    found = audit(0)
    text = text_of(page(found))
    assert "Nothing shows that m knows d" in text and "that interval reaches 0%" in text
    assert DOUBTFUL not in set(found.decisions["recommendation"]) and "knows an estimated" not in text


def test_a_reference_of_another_kind_gives_no_share() -> None:
    found = audit(30, "other kind")
    text = text_of(page(found))
    assert "cannot be told" in text and "knows an estimated" not in text
    assert set(found.decisions["recommendation"]) == {DROP, "train"}


def test_tokens_are_shaded_and_underlined_and_never_run() -> None:
    shown = page(audit(30))
    assert shown.count('<span class="p0">') == 16
    assert '<span class="p3 run"> w0</span>' in shown
    assert "<script" not in shown and "\u202e" not in shown and "&lt;script&gt;" in shown


@pytest.mark.parametrize("share", [0.0, 0.4])
def test_the_interval_of_the_share_covers_the_truth(share: float) -> None:
    """Of 95% intervals, fewer than 19 of 24 would be a chance of 1 in 1,000."""
    random = np.random.default_rng(1)
    held = 0
    for seed in range(24):
        few = int(share * 200)
        data = np.concatenate([random.normal(-9, 1, few), random.normal(0, 1, 200 - few)])
        interval = known(data, random.normal(0, 1, 100), seed=seed).share
        held += interval.low <= share <= interval.high
    assert held >= 19


def test_too_small_a_reference_is_refused() -> None:
    with pytest.raises(UserError, match="30 examples are compared with 19 of the reference: give 20 or more"):
        known(np.arange(30.0), np.arange(float(SMALLEST_REFERENCE - 1)))


def test_spans_are_runs_of_likely_tokens() -> None:
    likely, not_likely = np.log(0.9), np.log(0.1)
    row = np.array([likely] * 8 + [not_likely] + [likely] * 7 + [not_likely] + [likely] * 9)
    assert spans(row) == [(0, 8), (17, 26)]

"""Gradient norms by memorization: deciles and rank correlations."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ibft.gradients.imbalance import correlations, deciles, rank_correlation, relate
from ibft.runtime.errors import UserError

RANDOM = np.random.default_rng(0)


def related(examples: int = 105) -> pd.DataFrame:
    """Longer examples have lower Min-K% Prob and lower norms; nothing else ties the two together."""
    tokens = RANDOM.permutation(np.arange(10, 10 + examples))
    return pd.DataFrame(
        {
            "example_id": [f"e{number:03d}" for number in range(examples)],
            "tokens": tokens,
            "grand": 500 - tokens + 20 * RANDOM.normal(size=examples),
            "el2n": np.ones(examples),
            "min_k_prob": 500 - tokens + 20 * RANDOM.normal(size=examples),
        }
    )


def test_deciles_run_from_the_most_memorized_and_hold_every_example_once() -> None:
    rows = related()
    table = deciles(rows)
    assert table["decile"].tolist() == list(range(1, 11))
    assert table["examples"].sum() == 105
    assert table["examples"].max() - table["examples"].min() == 1
    assert (table["min_k_prob_high"].to_numpy()[:-1] <= table["min_k_prob_low"].to_numpy()[1:]).all()
    lowest = rows.nsmallest(table["examples"][0], "min_k_prob")
    assert table["grand"][0] == pytest.approx(lowest["grand"].mean())
    interval = stats.ttest_1samp(lowest["grand"], 0).confidence_interval(0.95)
    assert table.loc[0, ["grand_low", "grand_high"]].tolist() == pytest.approx([interval.low, interval.high])


def test_few_and_equal_examples_fill_fewer_deciles() -> None:
    table = deciles(related(3).assign(min_k_prob=1.0))
    assert table["decile"].tolist() == [1, 2, 3]
    assert (table["grand_low"] == table["grand"]).all()


def test_a_correlation_that_length_explains_vanishes_when_length_is_held_constant() -> None:
    table = correlations(related(400)).set_index(["score", "other"])
    grand = table.loc[("grand", "min_k_prob")].set_index(table.loc[("grand", "min_k_prob"), "given"].fillna("nothing"))
    assert grand.loc["nothing", "rho"] > 0.9
    assert abs(grand.loc["tokens", "rho"]) < 0.15
    assert (grand["low"] < grand["rho"]).all()
    assert (grand["rho"] < grand["high"]).all()
    assert table.loc["el2n", "rho"].isna().all(), "EL2N does not vary here"


def test_the_partial_correlation_is_the_textbook_one() -> None:
    rows = related(60)
    ranks = [stats.rankdata(rows[name]) for name in ("grand", "min_k_prob", "tokens")]
    xy, xz, yz = (np.corrcoef(ranks[i], ranks[j])[0, 1] for i, j in ((0, 1), (0, 2), (1, 2)))
    expected = (xy - xz * yz) / np.sqrt((1 - xz**2) * (1 - yz**2))
    assert rank_correlation(rows["grand"], rows["min_k_prob"], rows["tokens"]) == pytest.approx(expected)
    assert rank_correlation(rows["grand"], rows["min_k_prob"]) == pytest.approx(xy)
    assert rank_correlation(rows["grand"], rows["min_k_prob"], rows["grand"]) is None


def test_95_percent_intervals_cover_the_truth() -> None:
    truth, hits = 0.6, 0
    of_ranks = 6 / np.pi * np.arcsin(truth / 2)  # Spearman's rho of a bivariate normal
    for _ in range(400):
        first, second = RANDOM.multivariate_normal([0, 0], [[1, truth], [truth, 1]], size=80).T
        rows = pd.DataFrame({"grand": first, "el2n": first, "min_k_prob": second, "tokens": RANDOM.normal(size=80)})
        row = correlations(rows).iloc[0]
        hits += row["low"] <= of_ranks <= row["high"]
    assert 0.92 <= hits / 400 <= 0.98


def test_examples_without_a_gradient_are_left_out_and_foreign_tables_refused() -> None:
    rows = related(20)
    scores = rows[["example_id", "min_k_prob"]].assign(k=20)
    gradients = rows[["example_id", "tokens", "grand", "el2n"]]
    gradients.loc[4, "tokens"] = 0
    assert len(relate(gradients, scores, 20)) == 19
    with pytest.raises(UserError, match="share no example"):
        relate(gradients.assign(example_id="other " + gradients["example_id"]), scores, 20)
    with pytest.raises(UserError, match="k = 5"):
        relate(gradients, scores, 5)

"""Which examples stay, for each criterion and any keep ratio."""

from typing import get_args

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibft.runtime.errors import UserError
from ibft.selection import criteria
from ibft.selection.select import align, random_scores, select
from ibft.store.schemas import TABLES


def frame(scores: list[float]) -> pd.DataFrame:
    return pd.DataFrame({"example_id": [f"e{number}" for number in range(len(scores))], "score": scores})


def test_the_highest_scores_stay_in_the_datasets_order() -> None:
    kept = select(frame([3.0, 1.0, 5.0, 2.0, 4.0]), keep=0.6)
    assert kept["example_id"].tolist() == ["e0", "e2", "e4"]
    assert kept["score"].tolist() == [3.0, 5.0, 4.0]


def test_the_lowest_scores_stay_where_a_criterion_says_so() -> None:
    assert select(frame([3.0, 1.0, 5.0, 2.0, 4.0]), keep=0.6, lowest=True)["example_id"].tolist() == ["e0", "e1", "e3"]


def test_ties_are_broken_by_id_whatever_the_order_of_rows() -> None:
    scores = frame([1.0] * 10)
    for seed in range(3):
        shuffled = scores.sample(frac=1, random_state=seed)
        assert sorted(select(shuffled, keep=0.3)["example_id"]) == ["e0", "e1", "e2"]


@given(st.lists(st.floats(0, 10), min_size=1, max_size=50), st.floats(0.01, 1))
def test_the_number_kept_is_the_rounded_share_and_nothing_dropped_beats_what_is_kept(
    values: list[float], keep: float
) -> None:
    scores = frame(values)
    kept = select(scores, keep)
    assert len(kept) == max(1, round(keep * len(values)))
    dropped = scores[~scores["example_id"].isin(kept["example_id"])]
    assert dropped.empty or dropped["score"].max() <= kept["score"].min()


def test_random_is_seeded_and_larger_coresets_contain_smaller_ones() -> None:
    ids = [f"e{number}" for number in range(1000)]
    scores = random_scores(ids, seed=0)
    assert scores["score"].between(0, 1, inclusive="left").all()
    assert abs(scores["score"].mean() - 0.5) < 0.05
    assert set(select(scores, 0.6)["example_id"]) < set(select(scores, 0.8)["example_id"])
    assert scores.equals(random_scores(ids, seed=0))
    assert abs(np.corrcoef(scores["score"], random_scores(ids, seed=1)["score"])[0, 1]) < 0.1


def test_random_does_not_depend_on_the_rest_of_the_dataset() -> None:
    assert random_scores(["b"], seed=3)["score"].iloc[0] == random_scores(["a", "b"], seed=3)["score"].iloc[1]


def test_scores_of_another_dataset_are_refused() -> None:
    with pytest.raises(UserError, match="2 examples are in only one"):
        align(pd.Series(["a", "b"]), pd.DataFrame({"example_id": ["a", "c"], "grand": [1.0, 2.0]}), "grand")


def test_scores_follow_the_order_of_the_dataset() -> None:
    aligned = align(pd.Series(["a", "b"]), pd.DataFrame({"example_id": ["b", "a"], "grand": [2.0, 1.0]}), "grand")
    assert aligned["score"].tolist() == [1.0, 2.0]


def test_what_is_not_a_number_is_refused() -> None:
    with pytest.raises(UserError, match="1 examples have no score, the first is e1"):
        select(frame([1.0, float("nan")]), 0.5)
    with pytest.raises(UserError, match="no examples"):
        select(frame([]), 0.5)


def test_every_criterion_has_an_entry_whose_column_its_table_holds() -> None:
    assert set(get_args(criteria.Name)) == set(criteria.CRITERIA)
    for criterion in criteria.CRITERIA.values():
        assert criterion.table is None or criterion.column in TABLES[criterion.table].schema.names

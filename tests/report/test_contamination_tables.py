"""The two tables on overlap: how much there is, and the examples to judge by eye."""

import pandas as pd
import pytest

from ibft.config.sections import Contamination
from ibft.report.data_tables import contamination_table, most_overlapping_table
from ibft.runtime.errors import UserError
from ibft.store.schemas import CONTAMINATION
from ibft.tables.render import TextTable
from tests.synthetic_run import LABELS

SETTINGS = Contamination(overlap=0.5, covered=20, substring=50)
NONE = {"ngram_overlap": 0.0, "covered_tokens": 0, "ngram_task_id": None, "contaminated": False, "similarity": 0.0}


def overlaps(*rows: dict) -> pd.DataFrame:
    common = {"part": "response", "against": "solution", "substring_task_id": "p0", "substring": "assign y"}
    common["similar_task_id"] = None
    frame = pd.DataFrame([{**common, **NONE, "substring_tokens": 2} | row for row in rows])
    frame["substring_characters"] = frame["substring"].str.len()
    return frame[CONTAMINATION.schema.names]


@pytest.fixture
def tables() -> dict[tuple[str, str], pd.DataFrame]:
    covered = {"ngram_overlap": 0.6, "covered_tokens": 30, "ngram_task_id": "p1", "contaminated": True}
    quoted = {"substring_tokens": 55, "substring_task_id": "p2", "contaminated": True, "substring": "x" * 300}
    edited = {"similarity": 0.8, "similar_task_id": "p4", "contaminated": True}
    idiom = {"ngram_overlap": 1.0, "covered_tokens": 8, "ngram_task_id": "p3", "substring_tokens": 8}
    return {
        ("stdlib", "humaneval"): overlaps({"example_id": "a"}),
        ("rtl", "rtl-mini"): overlaps(
            {"example_id": "e0"} | covered,
            {"example_id": "e0", "part": "instruction", "against": "text"} | covered,
            {"example_id": "e1"} | quoted,
            {"example_id": "e1", "part": "instruction", "against": "text"} | edited,
            {"example_id": "e2", "substring": "assign\n\t\ty"} | idiom,
            *({"example_id": f"e{number}"} for number in range(3, 10)),
        ),
    }


def cells(table: TextTable) -> list[dict[str, str]]:
    return [dict(zip([title for title, _ in table.columns], row, strict=True)) for row in table.rows]


def test_examples_and_problems_are_counted_once_and_pairs_are_in_the_order_of_the_labels(
    tables: dict[tuple[str, str], pd.DataFrame],
) -> None:
    table = contamination_table(tables, SETTINGS, LABELS, {"rtl-mini": 44, "humaneval": 12})
    assert cells(table) == [
        {
            "Fine-tuning data": "generated RTL",
            "Benchmark": "rtl-mini",
            "Examples": "10",
            "Overlapping": "2 (20.0%)",
            "Problems": "3 of 44",
            "8-gram overlap": "100% (8)",
            "Median run": "2",
            "Longest run": "55",
            "Most similar": "80%",
        },
        {
            "Fine-tuning data": "Python standard library",
            "Benchmark": "HumanEval",
            "Examples": "1",
            "Overlapping": "0 (0.0%)",
            "Problems": "0 of 12",
            "8-gram overlap": "0% (0)",
            "Median run": "2",
            "Longest run": "2",
            "Most similar": "0%",
        },
    ]


def test_the_note_names_the_thresholds_and_what_became_of_the_examples(
    tables: dict[tuple[str, str], pd.DataFrame],
) -> None:
    sizes = {"rtl-mini": 44, "humaneval": 12}
    kept = contamination_table(tables, SETTINGS, LABELS, sizes).note
    for threshold in ("50 tokens", "50%", "and 20 tokens", "45%", "examples were kept"):
        assert threshold in kept
    dropped = contamination_table(tables, SETTINGS.model_copy(update={"drop": True}), LABELS, sizes).note
    assert "examples were left out" in dropped


def test_flagged_examples_come_first_then_those_that_overlap_most_each_once(
    tables: dict[tuple[str, str], pd.DataFrame],
) -> None:
    rows = cells(most_overlapping_table(tables, LABELS))
    assert [row["Example"] for row in rows] == ["e0", "e1", "e2", "e3", "e4", "a"]
    assert [row["Counts"] for row in rows] == ["yes", "yes", "no", "no", "no", "no"]
    first, quoted, idiom = rows[:3]
    assert first["Data ~ benchmark"] == "generated RTL ~ rtl-mini"
    assert (first["Overlap"], first["Run"]) == ("60% (30)", "2 (in p0)")
    assert (quoted["Overlap"], quoted["Run"]) == ("0% (0)", "55")
    assert quoted["Shared text"] == "x" * 119 + "…"
    assert idiom["Shared text"] == "assign y"
    parts = [row["Part ~ problem"] for row in (first, quoted, idiom)]
    assert parts == [f"response ~ solution of {task_id}" for task_id in ("p1", "p2", "p3")]


def test_nothing_shared_at_all_is_said(tables: dict[tuple[str, str], pd.DataFrame]) -> None:
    nothing = {"substring_tokens": 0, "substring_task_id": None, "substring": ""}
    row = cells(most_overlapping_table({("x", "y"): overlaps({"example_id": "e"} | nothing)}, LABELS))[0]
    assert (row["Part ~ problem"], row["Run"], row["Shared text"]) == ("response ~ solution of none", "0", "")


def test_a_benchmark_without_problems_is_refused(tables: dict[tuple[str, str], pd.DataFrame]) -> None:
    with pytest.raises(UserError, match="the overlap with humaneval was given without its problems"):
        contamination_table(tables, SETTINGS, LABELS, {"rtl-mini": 44})

"""Imported completions become samples like our own, or are refused in one sentence."""

from typing import Any

import pytest

from ibft.data.records import Record
from ibft.runtime.errors import UserError
from ibft.sampling.imported import import_samples
from ibft.store.parquet import read_table, write_table
from ibft.store.schemas import SAMPLES
from tests import synthetic_run

PROBLEMS = synthetic_run.problems("rtl-mini", 3)
FENCED = "Here it is:\n```verilog\nmodule top(input a, input b, output y);\n  assign y = a & b;\nendmodule\n```\n"


def records(*rows: tuple[str, Any]) -> list[Record]:
    return [(f"file:{i}", {"task_id": task, "completion": text}) for i, (task, text) in enumerate(rows, start=1)]


def two_each(text: str) -> list[Record]:
    return records(*((task, f"{text}{i}") for i in range(2) for task in reversed(PROBLEMS["task_id"])))


def test_samples_follow_the_problems_and_are_numbered_in_the_order_of_the_file(tmp_path) -> None:
    samples = import_samples(two_each("code "), PROBLEMS, "as-is")
    assert samples["task_id"].tolist() == [task for task in PROBLEMS["task_id"] for _ in range(2)]
    assert samples["sample"].tolist() == [0, 1] * 3
    assert samples["code"].tolist() == ["code 0", "code 1"] * 3
    assert set(samples["engine"]) == {"imported"}
    assert set(samples["profile"]) == {"as-is"}
    write_table(tmp_path / "samples.parquet", SAMPLES, samples)
    unknown = ["finish_reason", "prompt_tokens", "completion_tokens", "log_likelihood", "seed"]
    assert read_table(tmp_path / "samples.parquet", SAMPLES)[unknown].isna().all(axis=None)


def test_a_profile_takes_the_code_out() -> None:
    samples = import_samples(two_each(FENCED), PROBLEMS, "vericoder")
    assert samples["code"].str.startswith("module top").all()
    assert samples["completion"].str.startswith("Here it is").all()
    assert set(samples["profile"]) == {"vericoder v1"}


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([("rtl-mini/00", "x")], r"file:1: 'rtl-mini/00' is no problem .*did you mean 'rtl-mini/00\d'"),
        ([("rtl-mini/000", None)], "file:1: 'completion' must be a string"),
        ([("rtl-mini/000", "x"), ("rtl-mini/001", "x")], "rtl-mini/002 has 0 where most have 1"),
        ([], r"rtl-mini/000 has 0 .*\(and 2 more"),
    ],
)
def test_what_cannot_be_compared_is_refused(rows: list[tuple[str, Any]], told: str) -> None:
    with pytest.raises(UserError, match=told):
        import_samples(records(*rows), PROBLEMS, "as-is")


def test_uneven_numbers_of_samples_are_refused() -> None:
    uneven = [*two_each("x"), *records(("rtl-mini/001", "x"))]
    with pytest.raises(UserError, match="rtl-mini/001 has 3 where most have 2"):
        import_samples(uneven, PROBLEMS, "as-is")

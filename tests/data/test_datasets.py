"""Data sets of every source: kept rows, ids, draws, and the sentence for each thing that can be wrong."""

import gzip
import json
import logging
import subprocess
from pathlib import Path
from typing import Any

import datasets
import pandas as pd
import pytest
from pydantic import ValidationError

from ibft.config.sections import Dataset
from ibft.data import hub_datasets
from ibft.data.datasets import prepare_dataset
from ibft.data.hub import Pin
from ibft.runtime.errors import UserError
from ibft.store import parquet
from ibft.store.schemas import EXAMPLES
from tests.conftest import REPOSITORY
from tests.warm_python import python

ROWS = [{"ask": f"question {number}", "say": f"answer {number}"} for number in range(20)]


def of_file(path: Path, **keys: Any) -> Dataset:
    return Dataset(source=f"path:{path}", language="python", instruction="ask", response="say", **keys)


def write_lines(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_json_lines_json_parquet_and_gzip_hold_the_same_examples(tmp_path: Path) -> None:
    lines = write_lines(tmp_path / "rows.jsonl", ROWS)
    (tmp_path / "rows.json").write_text(json.dumps(ROWS, indent=1))
    pd.DataFrame(ROWS).to_parquet(tmp_path / "rows.parquet")
    (tmp_path / "rows.jsonl.gz").write_bytes(gzip.compress(lines.read_bytes()))
    suffixes = ("jsonl", "json", "parquet", "jsonl.gz")
    frames = [prepare_dataset(of_file(tmp_path / f"rows.{suffix}")) for suffix in suffixes]
    assert list(frames[0].columns) == EXAMPLES.schema.names
    for frame in frames:
        assert list(frame["instruction"]) == [row["ask"] for row in ROWS]
        assert list(frame["response"]) == [row["say"] for row in ROWS]
        assert list(frame["example_id"]) == [f"rows-{number:06d}" for number in range(20)]


def test_a_draw_is_seeded_keeps_the_order_and_the_ids(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "rows.jsonl", ROWS)
    everything = prepare_dataset(of_file(path))
    drawn = prepare_dataset(of_file(path, examples=7, seed=3))
    assert len(drawn) == 7
    assert drawn.equals(prepare_dataset(of_file(path, examples=7, seed=3)))
    assert not drawn.equals(prepare_dataset(of_file(path, examples=7, seed=4)))
    merged = everything[everything["example_id"].isin(drawn["example_id"])].reset_index(drop=True)
    assert drawn.equals(merged)


def test_blank_and_repeated_rows_are_dropped_and_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = [*ROWS, {"ask": " \n", "say": "x"}, {"ask": "x", "say": None}, ROWS[4], {**ROWS[4], "say": "another"}]
    with caplog.at_level(logging.INFO):
        examples = prepare_dataset(of_file(write_lines(tmp_path / "rows.jsonl", rows)))
    assert len(examples) == 21
    assert "dropped 2 empty and 1 repeated examples of 24" in caplog.text
    assert examples["example_id"].iloc[-1] == "rows-000023"


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("rows.jsonl", '{"ask": "a", "say": "b"}\n{"ask": \n', r"rows\.jsonl:2: not JSON"),
        ("rows.jsonl", '{"ask": "a", "say": "b"}\n\n[1]\n', r"rows\.jsonl:3: must be a JSON object, not list"),
        ("rows.jsonl", '{"ask": "a"}\n', r"rows\.jsonl:1: there is no column 'say'; it has ask"),
        ("rows.jsonl", '{"ask": "a", "say": 3}\n', r"rows\.jsonl:1: 'say' must be a string, not int"),
        ("rows.jsonl", "", "holds no usable example"),
        ("rows.json", '{"ask": "a"}', "must hold one list of objects, not dict"),
        ("rows.json", '[\n{"ask": }]', r"rows\.json:2: not JSON"),
        ("rows.xlsx", "ask,say\n", "the suffix '.xlsx' is unknown"),
        ("rows.parquet", "no parquet", "cannot be read as Parquet"),
        ("rows.jsonl.gz", "no gzip", "is not a whole gzip file"),
    ],
)
def test_a_malformed_file_is_named_with_its_line(tmp_path: Path, name: str, content: str, sentence: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=sentence):
        prepare_dataset(of_file(tmp_path / name))


def test_text_that_is_not_utf8_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_bytes(b'{"ask": "a", "say": "b"}\n{"ask": "\xff"}\n')
    with pytest.raises(UserError, match=r"rows\.jsonl:2: not UTF-8"):
        prepare_dataset(of_file(tmp_path / "rows.jsonl"))


def test_an_absent_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"absent\.jsonl cannot be read: No such file"):
        prepare_dataset(of_file(tmp_path / "absent.jsonl"))


@pytest.mark.parametrize("source", ["path", "generated:fictitious-authors"])
def test_asking_for_more_than_there_is_says_how_many_there_are(tmp_path: Path, source: str) -> None:
    path = write_lines(tmp_path / "rows.jsonl", ROWS)
    dataset = of_file(path, examples=5000)
    if source != "path":
        dataset = dataset.model_copy(update={"source": source})
    with pytest.raises(UserError, match=r"holds \d+ usable examples, fewer than `examples: 5000`"):
        prepare_dataset(dataset)


@pytest.mark.parametrize("generator", ["rtl", "python-stdlib", "fictitious-authors"])
def test_generated_examples_fit_the_table_and_grow_at_the_end(generator: str, tmp_path: Path) -> None:
    small, large = (
        prepare_dataset(Dataset(source=f"generated:{generator}", language="some", examples=count)) for count in (20, 50)
    )
    assert large.head(20).equals(small)
    parquet.write_table(tmp_path / "examples.parquet", EXAMPLES, large)
    assert len(parquet.read_table(tmp_path / "examples.parquet", EXAMPLES)) == 50


# The hub. Nothing is downloaded: the loader is replaced, so only what is made of its answers is under test.

HUB = Dataset(source="hub:owner/name", language="verilog", instruction="Instruction", response="Response")


def answer(monkeypatch: pytest.MonkeyPatch, reply: datasets.Dataset | Exception) -> list[Any]:
    calls: list[Any] = []

    def load_dataset(*arguments: Any, **keywords: Any) -> datasets.Dataset:
        calls.append((arguments, keywords))
        if isinstance(reply, Exception):
            raise reply
        return reply

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    monkeypatch.setattr(hub_datasets, "pin", lambda _kind, _name, revision: Pin(revision or "main", {}))
    monkeypatch.setattr(hub_datasets, "fetch_checked", lambda *_: None)
    return calls


def test_the_hub_is_asked_for_the_pinned_revision_subset_and_split(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = {"Instruction": ["a", "b", ""], "Response": ["x", "y", "z"], "other": [1, 2, 3]}
    calls = answer(monkeypatch, datasets.Dataset.from_dict(rows))
    examples = prepare_dataset(HUB.model_copy(update={"revision": "abc123", "subset": "full", "split": "test"}))
    assert calls == [(("owner/name", "full"), {"split": "test", "revision": "abc123"})]
    assert list(examples["example_id"]) == ["name-000000", "name-000001"]
    assert list(examples["response"]) == ["x", "y"]


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ConnectionError("Couldn't reach 'owner/name' on the Hub"), "cannot be loaded .*check the network"),
        (
            datasets.exceptions.DatasetNotFoundError("Dataset 'owner/name' is a gated dataset on the Hub."),
            "is gated: accept its licence at https://huggingface.co/datasets/owner/name, then set .* HF_TOKEN",
        ),
        (datasets.exceptions.DatasetNotFoundError("Dataset 'owner/name' doesn't exist"), "was not found"),
        (ValueError("Unknown split \"train\". Should be one of ['test']."), "split 'train': Unknown split"),
    ],
)
def test_what_the_hub_refuses_is_one_sentence(monkeypatch: pytest.MonkeyPatch, error: Exception, sentence: str) -> None:
    answer(monkeypatch, error)
    with pytest.raises(UserError, match=sentence):
        prepare_dataset(HUB)


def test_a_missing_column_is_named_with_those_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, datasets.Dataset.from_dict({"Instruction": ["a"], "output": ["x"]}))
    with pytest.raises(UserError, match="there is no column 'Response'; it has Instruction, output"):
        prepare_dataset(HUB)


def test_the_script_writes_the_table_and_reports_errors_without_a_traceback(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "rows.jsonl", ROWS)
    script = [python(), str(REPOSITORY / "workflow/scripts/prepare_dataset.py")]

    def run(settings: Dataset) -> subprocess.CompletedProcess[str]:
        output = ["--output", str(tmp_path / "out.parquet"), "--log", str(tmp_path / "log")]
        command = [*script, "--job", settings.as_json(), *output]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert run(of_file(path, examples=5)).returncode == 0
    assert len(parquet.read_table(tmp_path / "out.parquet", EXAMPLES)) == 5
    failed = run(of_file(path, examples=21))
    assert failed.returncode == 1
    assert "holds 20 usable examples" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_parts_of_generated_data_are_disjoint_and_of_the_same_families() -> None:
    def part(**keys: Any) -> pd.DataFrame:
        return prepare_dataset(Dataset(source="generated:rtl", language="verilog", longest_response=259, **keys))

    members, others, both = (part(families=(0, 40), rounds=r) for r in ((0, 1), (1, 2), (0, 2)))
    assert len(members) == len(others) == members["source"].nunique() == 40
    assert set(both["example_id"]) == {*members["example_id"], *others["example_id"]}
    assert set(members["source"]) == set(others["source"])
    assert both["response"].is_unique and both["response"].str.len().max() < 260
    elsewhere = part(families=(40, 80), rounds=(0, 1))
    assert len(elsewhere) == 40 and not set(elsewhere["source"]) & set(members["source"])


def test_an_empty_range_of_rounds_is_refused() -> None:
    with pytest.raises(ValidationError, match="the second number must be larger"):
        Dataset(source="generated:rtl", language="verilog", rounds=(2, 2))

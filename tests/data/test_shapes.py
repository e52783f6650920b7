"""Fine-tuning data in the shapes that people have: equal rows give equal tables, and what is wrong is one sentence."""

import csv
import gzip
import json
import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from ibft.config.sections import Dataset
from ibft.data.datasets import prepare_dataset, read_dataset
from ibft.runtime.errors import UserError
from ibft.store.manifests import write_manifest
from ibft.store.parquet import write_table
from ibft.store.schemas import EXAMPLES
from tests.conftest import REPOSITORY

ASKED = [("Add two numbers.", "a and b"), ('Write, "quoted",\nover two lines.', ""), ("Größe?", "1;2")]
ROWS = [
    {"instruction": ask, "input": given, "output": f"answer,\n{number}"} for number, (ask, given) in enumerate(ASKED)
]
ASKS = [f"{ask}\n{given}" if given else ask for ask, given in ASKED]
ANSWERS = [row["output"] for row in ROWS]
PAIRS = list(zip(ASKS, ANSWERS, strict=True))


def lines(rows: list[Any]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def messages(role: str, text: str, user: str, assistant: str) -> list[list[dict[str, str]]]:
    return [[{role: user, text: ask}, {role: assistant, text: answer}] for ask, answer in PAIRS]


def as_csv(path: Path) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["instruction", "input", "output"])
        writer.writeheader()
        writer.writerows(ROWS)


CHAT = [
    {"messages": said, "id": number} for number, said in enumerate(messages("role", "content", "user", "assistant"))
]
SHARED = [{"conversations": said} for said in messages("from", "value", "human", "gpt")]
COMPLETIONS = [{"prompt": ask, "completion": answer} for ask, answer in PAIRS]
WRITERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "Alpaca in JSON": ("rows.json", lambda path: path.write_text(json.dumps(ROWS, indent=1))),
    "Alpaca in JSON Lines called .json": ("rows.json", lambda path: path.write_bytes(lines(ROWS))),
    "Alpaca in gzipped JSON Lines": ("rows.jsonl.gz", lambda path: path.write_bytes(gzip.compress(lines(ROWS)))),
    "Alpaca in CSV": ("rows.csv", as_csv),
    "chat messages in JSON Lines": ("rows.jsonl", lambda path: path.write_bytes(lines(CHAT))),
    "chat messages in Parquet": ("rows.parquet", lambda path: pd.DataFrame(CHAT).to_parquet(path)),
    "ShareGPT": ("rows.jsonl", lambda path: path.write_bytes(lines(SHARED))),
    "prompt and completion": ("rows.jsonl", lambda path: path.write_bytes(lines(COMPLETIONS))),
}


def of(place: Path | str, **keys: Any) -> Dataset:
    return Dataset(source=f"path:{place}", language="english", **keys)


@pytest.mark.parametrize("shape", WRITERS)
def test_the_same_rows_in_every_shape_are_the_same_table(shape: str, tmp_path: Path) -> None:
    name, write = WRITERS[shape]
    write(tmp_path / name)
    found = prepare_dataset(of(tmp_path / name))
    assert found["source"].str.startswith(str(tmp_path / name)).all()
    expected = {
        "example_id": [f"rows-{number:06d}" for number in range(3)],
        "instruction": ASKS,
        "response": ANSWERS,
        "language": "english",
        "history": None,
    }
    assert found.drop(columns="source").to_dict("list") == pd.DataFrame(expected)[
        [column for column in found.columns if column != "source"]
    ].to_dict("list")


def test_columns_that_are_not_read_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "rows.jsonl").write_bytes(lines([{**row, "license": "MIT", "stars": 3} for row in ROWS]))
    with caplog.at_level(logging.INFO):
        facts = read_dataset(of(tmp_path / "rows.jsonl")).facts
    assert facts == {"read_as": "alpaca", "columns_not_read": ["license", "stars"], "messages_left_out": 0}
    assert "columns that are not read: license, stars" in caplog.text


def test_folders_and_globs_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    (folder / "b").mkdir(parents=True)
    (folder / "b" / "last.jsonl").write_bytes(lines(ROWS[2:]))
    (folder / "a.jsonl").write_bytes(lines(ROWS[:2]))
    (folder / "notes.txt").write_text("no rows")
    for place in (folder, f"{folder}/**/*.jsonl"):
        found = prepare_dataset(of(place))
        assert list(found["example_id"]) == [f"mine-{number:06d}" for number in range(3)]
        assert list(found["response"]) == ANSWERS
    with pytest.raises(UserError, match=r"\*\.csv has no file that ends in \.jsonl, .*: name the file"):
        prepare_dataset(of(f"{folder}/*.csv"))


LONG = [
    {"role": "system", "content": "Be brief."},
    {"role": "assistant", "content": "Hello."},
    {"role": "user", "content": "One?"},
    {"role": "assistant", "content": "FIRST"},
    {"role": "user", "content": "Two?"},
    {"role": "user", "content": "And more?"},
    {"role": "assistant", "content": "SECOND"},
    {"role": "user", "content": "Thanks."},
]


def conversation(folder: Path) -> pd.DataFrame:
    (folder / "rows.jsonl").write_bytes(lines([{"messages": LONG}]))
    return prepare_dataset(of(folder / "rows.jsonl"))


def test_a_conversation_is_one_example_with_a_history(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    [row] = conversation(tmp_path).to_dict("records")
    assert (row["instruction"], row["response"]) == ("Two?\n\nAnd more?", "SECOND")
    assert json.loads(row["history"]) == [["system", "Be brief."], ["user", "One?"], ["assistant", "FIRST"]]
    assert "left out 2 messages of conversations to which no answer belongs" in caplog.text


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.jsonl", lines([{"text": "x"}]), r"a\.jsonl:1: of no known format; it has text: name two columns"),
        ("a.jsonl", lines([CHAT[0], {"text": "x"}]), r"a\.jsonl:2: there is no column 'messages'; it has text"),
        ("a.jsonl", lines([{**ROWS[0], **CHAT[0]}]), r"a\.jsonl:1: the columns fit alpaca and messages: say which"),
        ("a.jsonl", lines([{"messages": "x"}]), r"a\.jsonl:1: 'messages' must be a list of messages, or JSON of one"),
        ("a.jsonl", lines([{"messages": ["x"]}]), r"a\.jsonl:1: message 1 of 'messages' must be an object with role"),
        (
            "a.jsonl",
            lines([{"messages": [{"role": "tool"}]}]),
            r"a\.jsonl:1: message 1 .* has the role 'tool'.*valid are",
        ),
        (
            "a.jsonl",
            lines([{"messages": [{"role": "user", "content": 1}]}]),
            "message 1 .* has no text: it needs a str",
        ),
        ("a.jsonl", lines([{"messages": [LONG[2], LONG[0]]}]), "a system message must be the first; put it there"),
        ("a.csv", b"prompt,completion\na,b\nc\n", r"a\.csv:3: has 1 cells, the header 2: put quotes round text"),
        ("a.csv", b'prompt,completion\na,"b"c\n', r"a\.csv:2: not CSV: .*double those in it"),
        ("a.csv", b"prompt,prompt\na,b\n", r"a\.csv:1: the header names 'prompt' twice"),
        ("a.tsv", b"prompt\tcompletion\na\t\xff\n", r"a\.tsv:2: not UTF-8 text"),
    ],
)
def test_a_wrong_shape_is_one_sentence_with_its_line(tmp_path: Path, name: str, content: bytes, sentence: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=sentence):
        prepare_dataset(of(tmp_path / name))


def mixture(folder: Path, weights: dict[str, float], **keys: Any) -> Dataset:
    for name, count in (("many", 60), ("few", 10)):
        rows = [{"prompt": f"{name} {number}", "completion": "x"} for number in range(count)]
        (folder / f"{name}.jsonl").write_bytes(lines(rows))
    return Dataset(mixture=weights, parts={name: of(folder / f"{name}.jsonl") for name in weights}, **keys)


def test_a_mixture_has_the_shares_of_its_weights_and_no_example_twice(tmp_path: Path) -> None:
    mixed = read_dataset(mixture(tmp_path, {"many": 3, "few": 1}))
    assert mixed.facts["mixture"] == {"many": 30, "few": 10}
    assert mixed.examples["example_id"].is_unique
    assert mixed.examples["example_id"].str.match(r"(many|few)/(many|few)-\d{6}").all()
    smaller = read_dataset(mixture(tmp_path, {"many": 3, "few": 1}, examples=10))
    assert sum(smaller.facts["mixture"].values()) == 10
    with pytest.raises(UserError, match="dataset few has 10 examples, and its share of `examples: 60` is 15: lower"):
        read_dataset(mixture(tmp_path, {"many": 3, "few": 1}, examples=60))


def test_prefetch_pins_the_parts_of_a_mixture(tmp_path: Path) -> None:
    """The manifest of a mixture names the commit of a part from the hub; a part that is a mixture names its own."""
    inner = {"source": "", "revision": None, "parts": {"hers": {"source": "hub:a/b", "revision": "0" * 40}}}
    parts = {"inner": inner, "mine": {"source": "path:rows.json", "revision": None}}
    mixed = read_dataset(mixture(tmp_path, {"many": 3, "few": 1}))
    assert {name: part["source"] for name, part in mixed.facts["parts"].items()} == {
        name: f"path:{tmp_path}/{name}.jsonl" for name in ("many", "few")
    }
    write_table(tmp_path / "mixed.parquet", EXAMPLES, mixed.examples, source="", revision=None, parts=parts)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    write_manifest(tmp_path / "model", revision=None)
    command = [sys.executable, REPOSITORY / "workflow" / "scripts" / "prefetch.py", "--output", tmp_path / "pins.yaml"]
    command += ["--models", f"m={tmp_path}/model", "--datasets", f"mixed={tmp_path}/mixed.parquet"]
    subprocess.run(command, check=True)
    assert yaml.safe_load((tmp_path / "pins.yaml").read_text())["datasets"] == {"hers": {"revision": "0" * 40}}

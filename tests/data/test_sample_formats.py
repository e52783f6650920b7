"""Samples of every form are read, exported and read again; a wrong file gets one sentence with the place."""

import argparse
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ibft.commands import score
from ibft.config.sections import Benchmark
from ibft.data.answers import opened
from ibft.data.benchmarks import prepare_benchmark
from ibft.data.sample_formats import SAMPLE_FORMATS, Exported, write_samples
from ibft.execution.assemble import assemble
from ibft.runtime.errors import UserError

KNOWN = ("HumanEval/0", "HumanEval/53", "Mbpp/11")
TEXTS = [("HumanEval/53", "    return x + y\n"), ("HumanEval/53", "    return 'ü\\r'\r\n"), ("HumanEval/0", "")]


def read(path: Path) -> list[tuple[str, int, str]]:
    with opened(path) as answers:
        return list(answers.read(KNOWN))


@pytest.mark.parametrize("name", SAMPLE_FORMATS)
@pytest.mark.parametrize("texts", [TEXTS, [(task_id, text) for task_id in KNOWN for text in map(str, range(12))]])
def test_what_is_exported_is_read_again(tmp_path: Path, name: str, texts: list[tuple[str, str]]) -> None:
    write_samples(name, tmp_path / "out.jsonl", (Exported(task_id, text, text) for task_id, text in texts), "python")
    found = [(task_id, text) for task_id, _, text in read(tmp_path / "out.jsonl")]
    if name == "folder":  # problem by problem, and lines of files end as everywhere
        texts = sorted(((task_id, text.replace("\r\n", "\n")) for task_id, text in texts), key=_place)
    assert found == texts


def _place(text: tuple[str, str]) -> int:
    return KNOWN.index(text[0])


def test_logs_of_lm_eval_and_folders_of_verilog_eval_are_read(tmp_path: Path) -> None:
    rows = [
        {"doc_id": 0, "doc": {"task_id": "HumanEval/0", "prompt": "d"}, "resps": [["a", "b"]], "filtered_resps": ["x"]},
        {"doc_id": 1, "doc": {"task_id": 11, "text": "Halve."}, "resps": ["c"], "arguments": {}},
    ]  # fmt: skip
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert read(tmp_path / "log.jsonl") == [("HumanEval/0", 0, "a"), ("HumanEval/0", 1, "b"), ("Mbpp/11", 0, "c")]
    folder = tmp_path / "build" / "HumanEval_0"
    folder.mkdir(parents=True)
    for number in (10, 9):
        (folder / f"Prob001_zero_sample{number:02}.sv").write_text(f"module m{number};")
    (folder / "Prob001_zero_sample09-sv-iv-test.log").write_text("Mismatches")
    assert [text for _, _, text in read(tmp_path / "build")] == ["module m9;", "module m10;"]


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ({"task_id": "HumanEval/0"}, "needs a task_id and one of completion, solution, resps; it has task_id"),
        ({"task_id": "HumanEval/0", "solution": 3}, "'solution' must be a string, not int"),
        ({"resps": [["a"]]}, "'doc' must be an object with a task_id"),
        ({"doc": {"task_id": "HumanEval/0"}, "resps": "a"}, "'resps' must be a list, not str"),
        ({"doc": {"task_id": "HumanEval/0"}, "resps": [[1]]}, "'resps' must be lists of strings"),
        ({"doc": {"task_id": "HumanEval/0"}, "resps": []}, "'resps' must be lists of strings"),
        ({"doc": {"task_id": 12}, "resps": ["a"]}, "'Mbpp/12' is no problem of this benchmark (did you mean"),
    ],
)
def test_a_wrong_row_is_named_by_its_line(tmp_path: Path, row: dict[str, Any], sentence: str) -> None:
    path = tmp_path / "samples.jsonl"
    path.write_text('{"task_id": "HumanEval/0", "completion": ""}\n' + json.dumps(row))
    with pytest.raises(UserError) as refusal:
        read(path)
    assert str(refusal.value).startswith(f"{path}:2: ") and sentence in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("HumanEval_7/0.py", b"", "is called as no problem"),
        ("HumanEval_0/notes.txt", b"", "holds no sample"),
        ("HumanEval_0/0.py", b"\xff", "is not UTF-8 text"),
        ("0.py", b"", "needs a folder for each problem"),
    ],
)
def test_a_wrong_folder_is_named(tmp_path: Path, name: str, content: bytes, sentence: str) -> None:
    path = tmp_path / "samples" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with pytest.raises(UserError, match=sentence):
        read(tmp_path / "samples")


def test_a_program_that_is_exported_is_the_same_program_when_it_is_read() -> None:
    problems = prepare_benchmark(Benchmark(source="builtin:humaneval", language="python"))
    for row in problems.itertuples():
        program = assemble("python", row.prompt, row.entry_point, str(row.reference_solution))
        assert assemble("python", row.prompt, row.entry_point, program) == program


@pytest.mark.parametrize("name", SAMPLE_FORMATS)
def test_score_exports_what_it_judges(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"task_id": "HumanEval/53", "completion": text} for text in ("    return x + y\n", "    return x - y\n")]
    (tmp_path / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = tmp_path / "first.parquet"
    run(tmp_path / "samples.jsonl", "--out", out, "--export", name)
    exported = tmp_path / ("first.folder" if name == "folder" else f"first.{name}.jsonl")
    assert f"written to {exported}" in capsys.readouterr().out
    with pytest.raises(UserError, match="--export"):
        run(exported, "--out", out, "--export", name)
    run(exported, "--out", tmp_path / "second.parquet")
    first, second = (pd.read_parquet(tmp_path / f"{n}.parquet").drop(columns="wall_s") for n in ("first", "second"))
    pd.testing.assert_frame_equal(first, second)
    assert list(first["passed"]) == [True, False]


def run(*arguments: str | Path) -> None:
    parser = argparse.ArgumentParser()
    score.add_parser(parser.add_subparsers())
    parsed = parser.parse_args(["score", *map(str, arguments), "--benchmark", "humaneval"])
    parsed.run(parsed)

"""`ibft score` tells in one sentence what is wrong with its input, before it judges anything, and reads from pipes."""

import argparse
import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ibft.commands import score
from ibft.runtime.errors import UserError

SOLUTION = {"task_id": "HumanEval/53", "completion": "    return x + y\n"}
ROW = json.dumps(SOLUTION).encode() + b"\n"


def run(*arguments: str | Path) -> None:
    parser = argparse.ArgumentParser()
    score.add_parser(parser.add_subparsers())
    parsed = parser.parse_args(["score", *map(str, arguments)])
    parsed.run(parsed)


@pytest.fixture
def samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A good file of samples, in the working directory. Nothing may be judged."""

    def judge(*_: Any, **__: Any) -> None:
        raise AssertionError("something was judged")

    monkeypatch.setattr(score, "Judge", judge)
    monkeypatch.chdir(tmp_path)
    Path("samples.jsonl").write_bytes(ROW)
    return Path("samples.jsonl")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--workers", "0"], "--workers: valid on this machine are 1 to"),
        (["--workers=-1"], r"--workers: .*\(found -1\)"),
        (["--workers", "1000000000"], "--workers: valid"),
        (["--python-timeout-s", "nan"], "--python-timeout-s: .*finite"),
        (["--python-timeout-s", "inf"], "--python-timeout-s: .*finite"),
        (["--python-timeout-s", "1e300"], "--python-timeout-s: .*3600"),
        (["--python-timeout-s=-1"], "--python-timeout-s: .*greater than 0"),
        (["--verilog-timeout-s", "0"], "--verilog-timeout-s: .*greater than 0"),
        (["--memory-mb", "0"], "--memory-mb: .*1"),
        (["--memory-mb", "99999999999999999999"], "--memory-mb: .*1048576"),
        (["--isolation", "rlimits"], "--allow-unsafe"),
        (["--problems", "absent"], "--problems: humaneval is part of ibft"),
        (["--benchmark", "eval-human", "--problems", "absent"], r"absent/VerilogEval_Human.jsonl cannot be read"),
        (["--out", "."], "--out: . is no file"),
        (["--out", "samples.jsonl"], "--out: samples.jsonl holds the samples"),
        (["--out", "link"], "--out: link holds the samples"),
        (["--out", "samples.jsonl/out"], "--out: samples.jsonl/out cannot be written"),
        (["--out", "/proc/absent/out"], "--out: /proc/absent/out cannot be written"),
        (["--out", "/dev/null"], "--out: /dev/null is no file"),
        (["--out", "x" * 250], "--out: x+ cannot be written: File name too long"),
    ],
)
def test_options_that_cannot_be_are_told(samples: Path, options: list[str], sentence: str) -> None:
    Path("link").symlink_to(samples)
    with pytest.raises(UserError, match=sentence) as refusal:
        run(samples, "--benchmark", "humaneval", "--out", "out.parquet", *options)
    assert "\n" not in str(refusal.value)
    assert samples.read_bytes() == ROW


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "holds no sample"),
        (b"\n\n", "holds no sample"),
        (ROW * 3 + ROW.replace(b"53", b"553"), r"jsonl:4: 'HumanEval/553' is no problem .*did you mean 'HumanEval/"),
        (ROW + b'{"task_id": "\\ud800", "completion": ""}', r"jsonl:2: '\W' is no problem"),
        (ROW + b'{"task_id": "HumanEval/53\\u0000", "completion": ""}', r"jsonl:2: .* is no problem"),
        (ROW + b'{"task_id": 53, "completion": ""}', r"jsonl:2: 'task_id' must be a string, not int"),
        (ROW + b'{"task_id": "HumanEval/53", "completion": null}', r"jsonl:2: 'completion' must be a string"),
        (ROW + b"[" * 100_000, r"jsonl:2: .*nested too deeply"),
        (ROW + b'{"task_id": ' + b"5" * 5000 + b"}", r"jsonl:2: a number has more digits"),
        (ROW.decode().encode("utf-16"), r"jsonl:1: not UTF-8"),
        (b"\xff" * 100, r"jsonl:1: not UTF-8"),
        (b'{"task_id": "' + b"x" * 10_000_000 + b'", "completion": ""}', r"jsonl:1: .*is no problem"),
    ],
)
def test_a_bad_row_is_named_before_anything_is_judged(samples: Path, content: bytes, sentence: str) -> None:
    samples.write_bytes(content)
    with pytest.raises(UserError, match=sentence):
        run(samples, "--benchmark", "humaneval", "--out", "out.parquet")
    assert not Path("out.parquet").exists()


def test_a_task_id_of_megabytes_is_not_repeated_in_full(samples: Path) -> None:
    samples.write_bytes(b'{"task_id": "' + b"x" * 1_000_000 + b'", "completion": ""}')
    with pytest.raises(UserError) as refusal:
        run(samples, "--benchmark", "humaneval", "--out", "out.parquet")
    assert len(str(refusal.value)) < 500


@pytest.mark.parametrize("name", ["absent", ".", "pipe", "/dev/null", "broken.jsonl.gz"])
def test_what_is_no_file_of_samples_is_refused_at_once(samples: Path, name: str) -> None:
    os.mkfifo("pipe")
    Path("broken.jsonl.gz").write_bytes(gzip.compress(ROW)[:-9])
    with pytest.raises(
        UserError, match=rf"{name} (cannot be read|is a named pipe|is not a whole gzip|holds no sample)"
    ):
        run(name, "--benchmark", "humaneval", "--out", "out.parquet")


@pytest.mark.slow
@pytest.mark.parametrize("command", ["cat rows.jsonl", "gzip < rows.jsonl", "cat bom rows.jsonl"])
def test_a_process_substitution_is_judged_whole(tmp_path: Path, command: str) -> None:
    (tmp_path / "rows.jsonl").write_bytes(ROW * 3)
    (tmp_path / "bom").write_bytes(b"\xef\xbb\xbf")
    ibft = f"{sys.executable} -c 'from ibft.cli import main; main()'"
    line = f"{ibft} score <({command}) --benchmark humaneval --out out.parquet"
    done = subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "3 of 3" in done.stdout
    assert list(pd.read_parquet(tmp_path / "out.parquet")["status"]) == ["passed"] * 3


@pytest.mark.slow
def test_a_process_substitution_that_fails_is_refused(tmp_path: Path) -> None:
    ibft = f"{sys.executable} -c 'from ibft.cli import main; main()'"
    line = f"{ibft} score <(cat absent) --benchmark humaneval --out out.parquet"
    done = subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1
    assert "holds no sample" in done.stderr and "Traceback" not in done.stderr

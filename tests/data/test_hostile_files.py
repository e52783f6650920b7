"""Whatever a file of records holds, it becomes rows or one sentence that names the file and the line."""

import os
import re
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ibft.config.sections import Dataset
from ibft.data import records
from ibft.data.answers import opened
from ibft.data.datasets import prepare_dataset
from ibft.data.records import read_records
from ibft.runtime.errors import UserError
from tests.data.hostile_files import HOSTILE_FILES, HostileFile
from tests.warm_python import python


def test_there_are_many() -> None:
    assert len(HOSTILE_FILES) >= 40


@pytest.mark.parametrize("file", HOSTILE_FILES.values(), ids=list(HOSTILE_FILES))
def test_a_hostile_file_is_read_or_gets_its_sentence(
    tmp_path: Path, file: HostileFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "LARGEST_EXPANDED", 100 * records.MIB)  # the bombs are as small
    path = tmp_path / file.name
    path.write_bytes(file.bytes())
    dataset = Dataset(source=f"path:{path}", language="python", instruction="ask", response="say")
    if file.sentence is None:
        assert len(prepare_dataset(dataset)) == 1
    else:
        with pytest.raises(UserError, match=file.sentence) as refusal:
            prepare_dataset(dataset)
        assert file.name in str(refusal.value) and "\n" not in str(refusal.value)
    try:
        with opened(path) as answers:
            assert not list(answers.read({"a"}))  # none of these is a file of samples
    except UserError as refusal:
        assert "\n" not in str(refusal)


def pipe(path: Path) -> None:
    os.mkfifo(path)


def listening(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def loop(path: Path) -> None:
    path.symlink_to(path)


@pytest.mark.parametrize("make", [pipe, listening, device, loop, Path.mkdir])
def test_what_is_no_file_is_refused_without_being_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None]
) -> None:
    monkeypatch.chdir(tmp_path)  # the name of a socket has to be short
    path = Path("f.jsonl")
    make(path)
    with pytest.raises(UserError, match=r"^f\.jsonl cannot be read: .*(pipe|folder|symbolic links)"):
        read_records(path)
    with (
        pytest.raises(UserError, match=r"^f\.jsonl (cannot be read|is a named pipe|holds no sample)"),
        opened(path) as answers,
    ):
        list(answers.read(set()))


def test_a_name_that_no_file_can_have_is_refused() -> None:
    for name in ("a\0b.jsonl", "x" * 300 + ".jsonl", "absent/../../f.jsonl"):
        with pytest.raises(UserError, match="cannot be read"):
            read_records(Path(name))


def test_a_script_tells_the_sentence_and_no_traceback(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jsonl")
    job = Dataset(source=f"path:{tmp_path / 'pipe.jsonl'}", language="python").as_json()
    command = [python(), "workflow/scripts/prepare_dataset.py", "--job", job]
    run = subprocess.run(
        [*command, "--output", str(tmp_path / "out.parquet")], capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 1
    assert re.search(r"ERROR .*pipe\.jsonl cannot be read: it is a pipe", run.stderr)
    assert "Traceback" not in run.stderr and "bug in ibft" not in run.stderr

"""`ibft verify` looks at the outputs of one run, and names every one that is not what the run made."""

import argparse
import json
import os
import shutil
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ibft.commands import verify as command
from ibft.runtime.errors import UserError
from ibft.store.manifests import RESULTS_VARIABLE, manifest_path, write_manifest
from ibft.store.output_records import record_path
from ibft.store.run_records import Job, RunRecord


def new_run(results: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A results folder with one output, as the workflow writes it; the output."""
    monkeypatch.setenv(RESULTS_VARIABLE, str(results))
    for folder in ("logs", "benchmarks", "tables"):
        (results / folder).mkdir(parents=True)
    output = results / "tables" / "headline.md"
    output.write_text("| method |")
    write_manifest(output)
    return output


def verify(results: Path) -> None:
    command.run(argparse.Namespace(results=results, repair=False))


def test_a_run_inside_the_results_of_another_is_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    outer, inner = tmp_path / "results", tmp_path / "results" / "paper"
    new_run(outer, monkeypatch)
    damaged = new_run(inner, monkeypatch)
    damaged.write_text("| nothing |")
    verify(outer)
    told = capsys.readouterr().out
    assert f"{inner} is a run of its own: uv run ibft verify {inner}" in told
    assert f"all 1 outputs in {outer} are as they were written" in told
    with pytest.raises(UserError, match="1 of 1 outputs"):
        verify(inner)


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Made by a run that is recorded: a file, and a folder with two."""
    results = tmp_path / "results"
    output = new_run(results, monkeypatch)
    adapter = results / "training" / "adapter"
    adapter.mkdir(parents=True)
    (adapter / "weights").write_text("1 2 3")
    (adapter / "config").write_text("rank: 4")
    write_manifest(adapter, examples=12)
    RunRecord(
        folder=tmp_path,
        work=tmp_path,
        results=Path("results"),
        snakefile=Path(__file__),
        options=["--cores", "1"],
        targets=[],
        config=None,
        started=time.time(),
        jobs=[Job(inputs=[], outputs=["results/training/adapter/manifest.json", "results/tables/headline.md"])],
    ).write()
    verify(results)
    assert output.exists()
    monkeypatch.delenv(RESULTS_VARIABLE)
    return results


def rewrite(path: Path, **facts: object) -> None:
    manifest = json.loads(manifest_path(path).read_bytes())
    manifest_path(path).write_text(json.dumps({**manifest, **facts}, indent=2, sort_keys=True))


def replace(path: Path, make: Callable[[Path], object]) -> None:
    path.unlink()
    make(path)


def listen(path: Path) -> None:
    with pytest.MonkeyPatch.context() as moved:
        moved.chdir(path.parent)  # a socket's path must be short
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path.name)


ODD: dict[str, Callable[[Path], object]] = {
    "no digests": lambda adapter: rewrite(adapter, sha256={}),
    "a number as digest": lambda adapter: rewrite(adapter, sha256=5),
    "numbers as digests": lambda adapter: rewrite(adapter, sha256={"weights": 5}),
    "a digest for a folder": lambda adapter: rewrite(adapter, sha256="0" * 64),
    "a number as table": lambda adapter: rewrite(adapter, table=5),
    "a list as table": lambda adapter: rewrite(adapter, table=[]),
    "a number as place": lambda adapter: rewrite(adapter, place=5),
    "another fact": lambda adapter: rewrite(adapter, examples=13),
    "another configuration": lambda adapter: rewrite(adapter, config="0"),
    "other code": lambda adapter: rewrite(adapter, code="0"),
    "deep JSON": lambda adapter: (adapter / "manifest.json").write_text("[" * 100_000),
    "a long number": lambda adapter: (adapter / "manifest.json").write_text("9" * 9_999),
    "a list": lambda adapter: (adapter / "manifest.json").write_text("[]"),
    "no text": lambda adapter: (adapter / "manifest.json").write_bytes(b"\xff\xfe"),
    "a folder as manifest": lambda adapter: replace(adapter / "manifest.json", Path.mkdir),
    "a pipe as manifest": lambda adapter: replace(adapter / "manifest.json", os.mkfifo),
    "a socket as manifest": lambda adapter: replace(adapter / "manifest.json", listen),
    "a dead link as manifest": lambda adapter: replace(adapter / "manifest.json", lambda path: path.symlink_to("gone")),
    "no manifest": lambda adapter: (adapter / "manifest.json").unlink(),
    "a pipe": lambda adapter: replace(adapter / "weights", os.mkfifo),
    "a folder as file": lambda adapter: replace(adapter / "weights", Path.mkdir),
    "one more pipe": lambda adapter: os.mkfifo(adapter / "pipe"),
    "one more dead link": lambda adapter: (adapter / "link").symlink_to("gone"),
    "emptied": lambda adapter: [file.unlink() for file in adapter.iterdir()],
    "gone": shutil.rmtree,
    "a dead link": lambda adapter: [shutil.rmtree(adapter), adapter.symlink_to("gone")],
    "a file": lambda adapter: [shutil.rmtree(adapter), adapter.write_text("")],
    "its parent gone": lambda adapter: shutil.rmtree(adapter.parent),
}


@pytest.mark.parametrize("damage", ODD.values(), ids=ODD)
def test_every_damage_is_named_and_hides_no_other(
    results: Path, damage: Callable[[Path], object], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(results.parent)
    capsys.readouterr()
    headline, adapter = results / "tables" / "headline.md", results / "training" / "adapter"
    damage(adapter)
    headline.write_text("| nothing |")
    with pytest.raises(UserError, match="2 of 2 outputs") as told:
        verify(results)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert str(headline) in lines[0]
    assert str(adapter) in lines[1]
    resume = "ibft resume --cores 1 -- results/tables/headline.md results/training/adapter/manifest.json && "
    assert resume in str(told.value)
    assert str(told.value).endswith("ibft resume --cores 1 -- all")


def test_an_older_output_that_is_put_back_with_its_manifest_is_named(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    headline = results / "tables" / "headline.md"
    older = {path: path.read_bytes() for path in (headline, manifest_path(headline))}
    monkeypatch.setenv(RESULTS_VARIABLE, str(results))
    headline.write_text("| method | Pass@1 |")
    write_manifest(headline)
    verify(results)
    for path, content in older.items():
        path.write_bytes(content)
    with pytest.raises(UserError, match="1 of 2 outputs"):
        verify(results)


def test_an_output_that_comes_out_as_before_keeps_its_manifest(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that what reads the manifest sees no change."""
    monkeypatch.setenv(RESULTS_VARIABLE, str(results))
    adapter = results / "training" / "adapter"
    before = manifest_path(adapter).read_bytes()
    manifest_path(adapter).unlink()
    write_manifest(adapter, examples=12, seconds=3.5)
    assert manifest_path(adapter).read_bytes() == before
    write_manifest(adapter, examples=11)
    assert manifest_path(adapter).read_bytes() != before
    verify(results)


@pytest.mark.parametrize("content", [None, b"", b"nonsense"])
def test_a_lost_or_damaged_record_is_named(results: Path, content: bytes | None) -> None:
    record = record_path(results, "tables/headline.md")
    record.unlink()
    if content is not None:
        record.write_bytes(content)
    with pytest.raises(UserError, match=r"(?s)1 of 2 outputs.*ibft resume"):
        verify(results)


def test_what_no_run_has_made_is_left_alone(results: Path) -> None:
    (results / "notes.txt").write_text("mine")
    os.mkfifo(results / "pipe")
    with pytest.raises(UserError, match=r"2 of 4 outputs.*no run has made .*notes.txt.*pipe: move it away") as told:
        verify(results)
    assert "rm " not in str(told.value)
    with pytest.raises(UserError, match="2 of 4 outputs"):
        command.run(argparse.Namespace(results=results, repair=True))
    assert (results / "notes.txt").read_text() == "mine"


def test_an_output_of_no_present_run_is_named_with_its_record(results: Path) -> None:
    for path in (results / ".ibft" / "runs").iterdir():
        path.unlink()
    (results / "tables" / "headline.md").unlink()
    with pytest.raises(UserError, match=r"how to make .*headline.md is not recorded.*outputs/tables/headline.md.json"):
        verify(results)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_cannot_be_read_hides_nothing(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (results / "tables" / "headline.md").write_text("| nothing |")
    (results / "training").chmod(0)
    try:
        with pytest.raises(UserError, match=r"training cannot be read .Permission denied.: make readable"):
            verify(results)
    finally:
        (results / "training").chmod(0o700)
    assert "headline.md is damaged" in capsys.readouterr().out

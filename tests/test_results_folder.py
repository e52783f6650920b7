"""Only what ibft has written to a results folder is dated or deleted, whatever lies beside it."""

import argparse
import os
import re
import time
from pathlib import Path

import pytest

from ibft.commands.clean import run
from ibft.commands.verify import outputs_of
from ibft.runtime.errors import UserError
from ibft.store.clock import date_back
from ibft.store.output_records import KEPT
from ibft.store.results_folder import FILES, FOLDERS, mark
from tests.conftest import REPOSITORY

AHEAD = time.time() + 10_000


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A marked results folder with a user's files beside ibft's, all dated in the future, and links to outside."""
    folder, outside = tmp_path / "results", tmp_path / "outside"
    mark(folder)
    outside.mkdir()
    for place in ("samples/m/a.parquet", "logs/a.log", "report.html", "notes.txt", "paper/samples/a", "mine/models/a"):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_text("x")
    (outside / "theirs").write_text("x")
    (folder / "samples" / "link").symlink_to(outside / "theirs")
    (folder / "models").symlink_to(outside)
    for path in tmp_path.rglob("*"):
        if path.is_file():
            os.utime(path, (AHEAD, AHEAD))
    return folder


def ahead(folder: Path) -> set[str]:
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return {str(path.relative_to(folder)) for path in files if path.stat().st_mtime > time.time() + 60}


def test_only_ibfts_own_files_are_dated_back(results: Path) -> None:
    assert date_back(results) == 3
    others = {
        f"results/{KEPT}/README",
        *(f"results/{name}" for name in ("notes.txt", "paper/samples/a", "mine/models/a")),
    }
    assert ahead(results.parent) == {*others, "outside/theirs"}


def test_clean_deletes_ibfts_own_and_names_what_it_leaves(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(argparse.Namespace(results=results))
    left = {str(path.relative_to(results)) for path in results.rglob("*") if path.is_file()}
    assert left == {"notes.txt", "paper/samples/a", "mine/models/a"}
    assert (results.parent / "outside" / "theirs").read_text() == "x"
    assert "because ibft did not make it: mine, notes.txt, paper" in capsys.readouterr().out
    with pytest.raises(UserError, match="holds no results"):
        run(argparse.Namespace(results=results))


def test_clean_removes_a_folder_that_holds_nothing_else(tmp_path: Path) -> None:
    mark(tmp_path / "results")
    (tmp_path / "results" / "tables").mkdir()
    run(argparse.Namespace(results=tmp_path / "results"))
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("place", ["/", ".", "~", str(Path.home()), str(REPOSITORY), "src"])
def test_clean_refuses_folders_of_others(place: str) -> None:
    with pytest.raises(UserError):
        run(argparse.Namespace(results=Path(place)))


def test_the_mark_is_no_output(results: Path) -> None:
    assert not [path for path in outputs_of(results) if KEPT in path.parts]


def test_every_folder_that_a_rule_writes_to_is_ibfts_own() -> None:
    texts = [path.read_text() for path in [REPOSITORY / "Snakefile", *(REPOSITORY / "rules").glob("*.smk")]]
    places = {name for text in texts for name in re.findall(r"<results>/([\w.]+)|<(logs|benchmarks)>", text)}
    assert {name for names in places for name in names if name} - {*FILES} == set(FOLDERS)

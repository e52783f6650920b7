"""Files are whole or absent, and damage is noticed before use."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from ibft.runtime.errors import UserError
from ibft.store import parquet
from ibft.store.files import atomic, write_bytes
from ibft.store.manifests import manifest_path, read_manifest, verify, write_manifest
from ibft.store.schemas import EXAMPLES, GRADIENTS, SELECTION

ROWS = [{"example_id": f"e{i}", "score": i / 7} for i in range(5)]


def test_a_table_comes_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "kept.parquet"
    parquet.write_table(path, SELECTION, ROWS)
    pd.testing.assert_frame_equal(parquet.read_table(path, SELECTION), pd.DataFrame(ROWS))


def test_equal_rows_give_equal_bytes_whatever_the_facts(tmp_path: Path) -> None:
    parquet.write_table(tmp_path / "a.parquet", SELECTION, ROWS, seconds=1)
    parquet.write_table(tmp_path / "b.parquet", SELECTION, pd.DataFrame(ROWS), seconds=2)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert read_manifest(tmp_path / "a.parquet")["seconds"] == 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(bytes(byte ^ (i == 40) for i, byte in enumerate(path.read_bytes()))),
        lambda path: path.unlink(),
        lambda path: manifest_path(path).unlink(),
    ],
    ids=["truncated", "flipped", "deleted", "no manifest"],
)
def test_damage_is_named(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    path = tmp_path / "kept.parquet"
    parquet.write_table(path, SELECTION, ROWS)
    damage(path)
    with pytest.raises(UserError, match=r"kept\.parquet.*rerun Snakemake"):
        parquet.read_table(path, SELECTION)


def test_a_table_of_another_kind_is_refused(tmp_path: Path) -> None:
    parquet.write_table(tmp_path / "kept.parquet", SELECTION, ROWS)
    with pytest.raises(UserError, match="holds table selection version 1, not gradients"):
        parquet.read_table(tmp_path / "kept.parquet", GRADIENTS)


def test_wrong_columns_and_nulls_are_bugs(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="columns"):
        parquet.write_table(tmp_path / "x.parquet", EXAMPLES, pd.DataFrame(ROWS))
    with pytest.raises(ValueError, match=r"score.*null"):
        parquet.write_table(tmp_path / "x.parquet", SELECTION, [{"example_id": "e", "score": None}])
    assert not list(tmp_path.iterdir())


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_bytes(path, b"old")
    with pytest.raises(RuntimeError), atomic(path) as stream:
        stream.write(b"new")
        raise RuntimeError
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_damaged_file_of_a_folder_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "adapter"
    folder.mkdir()
    (folder / "weights").write_bytes(b"1234")
    write_manifest(folder, steps=3)
    verify(folder)
    (folder / "weights").write_bytes(b"1235")
    with pytest.raises(UserError, match="weights is damaged"):
        verify(folder)

"""The commands: measure, then drop what was flagged."""

from pathlib import Path

import pandas as pd
import pytest

from ibft.runtime.errors import UserError
from ibft.store.manifests import read_manifest
from ibft.store.parquet import read_table, write_table
from ibft.store.schemas import CONTAMINATION, EXAMPLES, PROBLEMS
from tests.contamination.conftest import examples
from tests.memorization.conftest import script

HARMLESS = [("Add.", "def add(a, b):\n    return a + b"), ("Say hello.", "print('hello')")]


@pytest.fixture
def folder(tmp_path: Path, humaneval: pd.DataFrame) -> Path:
    """Three examples, of which e1 holds a solution of HumanEval, and tables of their overlap with two benchmarks."""
    leak = ("Do it.", "def f(x):\n" + humaneval["reference_solution"][10])
    write_table(tmp_path / "examples", EXAMPLES, examples(HARMLESS[0], leak, HARMLESS[1]))
    write_table(tmp_path / "humaneval", PROBLEMS, humaneval)
    write_table(tmp_path / "other", PROBLEMS, humaneval.tail(3))
    for benchmark in ("humaneval", "other"):
        measured(tmp_path, benchmark, tmp_path / f"{benchmark}-overlap")
    return tmp_path


def measured(folder: Path, benchmark: str, output: Path) -> Path:
    options = ["--examples", folder / "examples", "--problems", folder / benchmark, "--job", '{"overlap": 0.6}']
    script("measure_contamination")([*options, "--output", output])
    return output


def test_the_table_says_which_example_overlaps_and_the_manifest_by_which_thresholds(folder: Path) -> None:
    table = read_table(folder / "humaneval-overlap", CONTAMINATION)
    assert table.loc[table["contaminated"], ["example_id", "part", "against"]].to_numpy().tolist() == [
        ["e1", "response", "solution"]
    ]
    manifest = read_manifest(folder / "humaneval-overlap")
    assert manifest["settings"] == {"ngram": 8, "overlap": 0.6, "covered": 20, "substring": 50, "similarity": 0.45}
    assert (manifest["examples"], manifest["problems"], manifest["too_short_texts"]) == (3, 164, 0)


def test_two_runs_write_equal_bytes(folder: Path) -> None:
    again = measured(folder, "humaneval", folder / "again")
    assert again.read_bytes() == (folder / "humaneval-overlap").read_bytes()


def test_what_any_benchmark_flags_is_dropped_and_the_rest_stays_as_it_was(folder: Path) -> None:
    tables = [folder / "other-overlap", folder / "humaneval-overlap"]
    script("drop_contaminated")(
        ["--examples", folder / "examples", "--contamination", *tables, "--output", folder / "clean"]
    )
    before, after = (read_table(folder / name, EXAMPLES) for name in ("examples", "clean"))
    pd.testing.assert_frame_equal(after, before.drop(1).reset_index(drop=True))
    manifest = read_manifest(folder / "clean")
    assert (manifest["examples"], manifest["dropped"], manifest["rows"]) == (3, 1, 2)


def test_dropping_everything_is_refused(folder: Path) -> None:
    write_table(folder / "one", EXAMPLES, read_table(folder / "examples", EXAMPLES).iloc[[1]])
    table = read_table(folder / "humaneval-overlap", CONTAMINATION)
    write_table(folder / "one-overlap", CONTAMINATION, table[table["example_id"] == "e1"])
    with pytest.raises(UserError, match="nothing is left to train on"):
        drop(folder, "one", "one-overlap")
    assert not (folder / "clean").exists()


def test_a_table_of_other_examples_is_refused(folder: Path) -> None:
    table = read_table(folder / "other-overlap", CONTAMINATION)
    write_table(folder / "strange", CONTAMINATION, table.replace({"example_id": {"e0": "e9"}}))
    with pytest.raises(UserError, match=r"2 examples are in only one of the dataset and .*strange, such as e0"):
        drop(folder, "examples", "strange")


def drop(folder: Path, dataset: str, overlap: str) -> None:
    options = ["--examples", folder / dataset, "--contamination", folder / overlap, "--output", folder / "clean"]
    script("drop_contaminated")(options)

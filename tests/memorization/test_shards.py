"""Scoring that several jobs share gives the bytes that one job gives."""

from itertools import chain
from pathlib import Path

import pandas as pd
import pytest

from ibft.models.batching import Shard
from ibft.runtime.errors import UserError
from ibft.store.parquet import write_table
from ibft.store.schemas import EXAMPLES
from tests.memorization.conftest import script

JOBS = {
    "memorization": '{"scoring": {"batch_tokens": 300}}',
    "gradients": '{"gradients": {"batch_tokens": 300}, "lora": {"rank": 4}, "max_length": 256, "learning_rate": 1e-3, '
    '"seed": 1}',
}


@pytest.fixture(scope="module")
def table(examples: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two dozen examples, one of them without room for its response."""
    crowded = examples.copy()
    crowded.loc[3, "instruction"] = "x " * 500
    path = tmp_path_factory.mktemp("examples") / "examples.parquet"
    write_table(path, EXAMPLES, crowded)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("name", ["memorization", "gradients"])
def test_the_number_of_shards_changes_nothing(name: str, tiny_folder: Path, table: Path, tmp_path: Path) -> None:
    options = ["--model", tiny_folder, "--examples", table, "--job", JOBS[name]]
    gathered = []
    for count in (1, 3):
        shards = [tmp_path / f"{number}-of-{count}.parquet" for number in range(1, count + 1)]
        for path in shards:
            script(f"score_{name}")([*options, "--shard", path.stem, "--output", path])
        sizes = [len(pd.read_parquet(path)) for path in shards]
        assert min(sizes) > 0.15 * sum(sizes), "the work is shared"
        gathered.append(tmp_path / f"{count}.parquet")
        arguments = ["--table", name, "--examples", table, "--shards", *reversed(shards), "--output", gathered[-1]]
        script("gather_scores")(arguments)
    assert gathered[0].read_bytes() == gathered[1].read_bytes()
    assert pd.read_parquet(gathered[0])["example_id"].unique().tolist() == pd.read_parquet(table)["example_id"].tolist()


def test_more_shards_than_batches_leave_some_empty(tiny_folder: Path, table: Path, tmp_path: Path) -> None:
    common = ["--model", tiny_folder, "--examples", table]
    shards = [tmp_path / f"{number}-of-2.parquet" for number in (1, 2)]
    for path in shards:
        job = ["--job", '{"scoring": {"batch_tokens": 100000}}', "--shard", path.stem]
        script("score_memorization")([*common, *job, "--output", path])
    assert [len(pd.read_parquet(path)) for path in shards] == [7 * 24, 0]
    gather = ["--table", "memorization", "--examples", table, "--shards", *shards, "--output", tmp_path / "all"]
    script("gather_scores")(gather)
    assert len(pd.read_parquet(tmp_path / "all")) == 7 * 24


def test_a_missing_shard_is_seen(tiny_folder: Path, table: Path, tmp_path: Path) -> None:
    one = tmp_path / "shard.parquet"
    job = ["--job", JOBS["memorization"], "--shard", "1-of-2"]
    script("score_memorization")(["--model", tiny_folder, "--examples", table, *job, "--output", one])
    with pytest.raises(UserError, match="only one of the dataset and its shards"):
        gather = ["--table", "memorization", "--examples", table, "--shards", one, "--output", tmp_path / "all"]
        script("gather_scores")(gather)


@pytest.mark.parametrize("text", ["5-of-4", "0-of-4", "1", "-1-of-2", "a-of-b", "1-of-", "1/4"])
def test_a_shard_that_does_not_exist_is_refused(
    text: str, tiny_folder: Path, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ["--model", tiny_folder, "--examples", table, "--job", "{}", "--output", tmp_path / "scores"]
    with pytest.raises(SystemExit):
        script("score_memorization")([*common, f"--shard={text}"])
    assert "such as 1-of-4 for the first of four" in capsys.readouterr().err


def test_every_batch_belongs_to_one_shard() -> None:
    for window in range(5):
        parts = [list(Shard(index, 3).of(range(10), window)) for index in range(3)]
        assert sorted(chain.from_iterable(parts)) == list(range(10))
    firsts = [next(index for index in range(3) if 0 in Shard(index, 3).of(range(10), window)) for window in range(3)]
    assert sorted(firsts) == [0, 1, 2]

"""A scoring job that is killed anywhere and run again writes the same bytes as one that was left alone."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from ibft.journal import Journal, journal_path
from ibft.storage import write_table
from ibft.tables import EXAMPLES
from tests.memorization.conftest import SCRIPTS, script


@pytest.fixture(scope="session")
def commands(
    tiny_folder: Path, examples: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[object]]:
    """Command line of either scoring script, without --output."""
    table = tmp_path_factory.mktemp("examples") / "examples.parquet"
    write_table(table, EXAMPLES, examples)
    common = ["--model", tiny_folder, "--examples", table]
    gradients = [
        "--profile",
        "chat",
        "--lora",
        '{"rank": 4}',
        "--max-length",
        256,
        "--learning-rate",
        1e-3,
        "--seed",
        1,
    ]
    return {
        "score_memorization": [*common, "--settings", '{"k": [5, 20], "batch_tokens": 256}'],
        "score_gradients": [*common, *gradients, "--settings", '{"warmup_steps": 1, "batch_tokens": 512}'],
    }


@pytest.mark.parametrize("name", ["score_memorization", "score_gradients"])
def test_dying_at_every_entry_of_the_journal_changes_nothing(
    name: str, commands: dict[str, list[object]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, append = script(name), Journal.append
    undisturbed, disturbed = tmp_path / "undisturbed.parquet", tmp_path / "disturbed.parquet"
    run([*commands[name], "--output", undisturbed])

    def append_once_and_die(journal: Journal, entry: dict[str, object]) -> None:
        append(journal, entry)
        with journal.path.open("ab") as stream:
            stream.write(b'0123456789abcdef {"rows":[[4,')  # the next entry was on its way
        raise KeyboardInterrupt

    deaths = 0
    while not disturbed.exists():
        with monkeypatch.context() as patch:
            patch.setattr(Journal, "append", append_once_and_die)
            try:
                run([*commands[name], "--output", disturbed])
            except KeyboardInterrupt:
                deaths += 1
    assert deaths > 3
    assert disturbed.read_bytes() == undisturbed.read_bytes()
    assert not journal_path(disturbed).exists()


def test_a_killed_process_resumes(tiny_folder: Path, examples: pd.DataFrame, tmp_path: Path) -> None:
    undisturbed, killed = tmp_path / "undisturbed.parquet", tmp_path / "killed.parquet"
    many = pd.concat([examples.assign(example_id=examples["example_id"] + f"-{copy}") for copy in range(10)])
    write_table(tmp_path / "examples", EXAMPLES, many)
    settings = '{"k": [5, 20], "batch_tokens": 1}'  # one example per batch: the process is caught in the middle
    arguments = ["--model", tiny_folder, "--examples", tmp_path / "examples", "--settings", settings]
    script("score_memorization")([*arguments, "--output", undisturbed])

    command = [sys.executable, str(SCRIPTS / "score_memorization.py"), *map(str, arguments), "--output", str(killed)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    journal = journal_path(killed)
    while process.poll() is None and (not journal.exists() or journal.read_bytes().count(b"\n") < 4):
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not killed.exists()
    assert journal.exists()

    script("score_memorization")([*arguments, "--output", killed])
    assert killed.read_bytes() == undisturbed.read_bytes()


def test_other_settings_do_not_reuse_the_journal(commands: dict[str, list[object]], tmp_path: Path) -> None:
    """Scores of k = 5 must never end up in a table for k = 60."""
    output = tmp_path / "scores.parquet"
    command = commands["score_memorization"]

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ibft.storage.pq.ParquetWriter.write_table", die)
        with pytest.raises(KeyboardInterrupt):
            script("score_memorization")([*command, "--output", output])
    assert journal_path(output).exists()
    script("score_memorization")([*command[:-1], '{"k": [60], "batch_tokens": 256}', "--output", output])
    assert pd.read_parquet(output)["k"].unique().tolist() == [60]

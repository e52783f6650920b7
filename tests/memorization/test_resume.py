"""A scoring job that is killed anywhere and run again writes the same bytes as one that was left alone."""

import json
import signal
import subprocess
import time
from pathlib import Path

import pandas as pd
import pytest

from ibft.store.journal import Journal, journal_path
from ibft.store.parquet import write_table
from ibft.store.schemas import EXAMPLES
from tests.memorization.conftest import SCRIPTS, script
from tests.warm_python import python


@pytest.fixture(scope="session")
def commands(
    tiny_folder: Path, examples: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[object]]:
    """Command line of either scoring script, without --output."""
    table = tmp_path_factory.mktemp("examples") / "examples.parquet"
    write_table(table, EXAMPLES, examples)
    common = ["--model", tiny_folder, "--examples", table]
    gradients = {"gradients": {"warmup_steps": 1, "batch_tokens": 512}, "lora": {"rank": 4}, "seed": 1}
    gradients |= {"max_length": 256, "learning_rate": 1e-3}
    return {
        "score_memorization": [*common, "--job", '{"scoring": {"k": [5, 20], "batch_tokens": 256}}'],
        "score_gradients": [*common, "--job", json.dumps(gradients)],
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


@pytest.mark.slow
def test_a_killed_process_resumes(tiny_folder: Path, examples: pd.DataFrame, tmp_path: Path) -> None:
    undisturbed, killed = tmp_path / "undisturbed.parquet", tmp_path / "killed.parquet"
    many = pd.concat([examples.assign(example_id=examples["example_id"] + f"-{copy}") for copy in range(10)])
    write_table(tmp_path / "examples", EXAMPLES, many)
    job = '{"scoring": {"k": [5, 20], "batch_tokens": 1}}'  # one example per batch: the process is caught in the middle
    arguments = ["--model", tiny_folder, "--examples", tmp_path / "examples", "--job", job]
    script("score_memorization")([*arguments, "--output", undisturbed])

    command = [python(), str(SCRIPTS / "score_memorization.py"), *map(str, arguments), "--output", str(killed)]
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


# Runs a script that reaches a memory limit of the operating system after the third entry of its journal.
AT_ITS_LIMIT = """
import resource, runpy, sys
from pathlib import Path
import torch
from ibft.store.journal import Journal

append, entries = Journal.append, []

def append_and_need_more(journal, entry):
    append(journal, entry)
    entries.append(entry)
    if len(entries) == 3:
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + (64 << 20),) * 2)
        torch.ones(1 << 28)

Journal.append = append_and_need_more
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["score_memorization", "score_gradients"])
def test_a_job_at_its_memory_limit_says_so_and_loses_nothing(
    name: str, commands: dict[str, list[object]], tmp_path: Path
) -> None:
    undisturbed, limited = tmp_path / "undisturbed.parquet", tmp_path / "limited.parquet"
    script(name)([*commands[name], "--output", undisturbed])
    command = [str(SCRIPTS / f"{name}.py"), *map(str, commands[name]), "--output", str(limited)]
    run = subprocess.run([python(), "-c", AT_ITS_LIMIT, *command], capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "the memory of this machine or job is used up" in run.stderr and "Traceback" not in run.stderr
    assert journal_path(limited).read_bytes().count(b"\n") >= 3
    again = subprocess.run([python(), *command], capture_output=True, text=True, check=True)
    assert "continuing after" in again.stderr
    assert limited.read_bytes() == undisturbed.read_bytes()


def test_other_settings_do_not_reuse_the_journal(commands: dict[str, list[object]], tmp_path: Path) -> None:
    """Scores of k = 5 must never end up in a table for k = 60."""
    output = tmp_path / "scores.parquet"
    command = commands["score_memorization"]

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ibft.store.parquet.pq.ParquetWriter.write_table", die)
        with pytest.raises(KeyboardInterrupt):
            script("score_memorization")([*command, "--output", output])
    assert journal_path(output).exists()
    script("score_memorization")([*command[:-1], '{"scoring": {"k": [60], "batch_tokens": 256}}', "--output", output])
    assert pd.read_parquet(output)["k"].unique().tolist() == [60]

"""The command that writes `samples`: its rows, their order, and that a run that died ends with the same bytes."""

import json
import logging
import runpy
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ibft.runtime.errors import UserError
from ibft.sampling import start, transformers_engine
from ibft.sampling.start import engine_name
from ibft.store import parquet
from ibft.store.journal import Journal, journal_path
from ibft.store.schemas import PROBLEMS, SAMPLES
from tests.conftest import REPOSITORY
from tests.sampling.conftest import TASKS
from tests.tiny_model import make_adapter

SCRIPT = REPOSITORY / "workflow" / "scripts" / "sample.py"
SETTINGS = {"n": 4, "max_new_tokens": 12, "batch_size": 8, "engine": "transformers"}


def command(model: Path, problems: Path, *outputs: Path, adapter: Path | None = None, **changed: object) -> list[str]:
    return command_for(model, {"bench": problems}, *outputs, adapter=adapter, **changed)


def command_for(
    model: Path, benchmarks: dict[str, Path], *outputs: Path, adapter: Path | None = None, **changed: object
) -> list[str]:
    """The command for several benchmarks, which have equally many of `outputs` each, in their order."""
    job = {"variant": "tiny/rtl/base/seed0", "temperature": 1.0, "sampling": SETTINGS} | changed
    words = ["--model", model, *(["--adapter", adapter] if adapter else []), "--job", json.dumps(job)]
    words += ["--benchmarks", *benchmarks, "--problems", *benchmarks.values(), "--outputs", *outputs]
    return [str(word) for word in words]


def sample(*arguments: str) -> None:
    script = runpy.run_path(str(SCRIPT))
    script["main"](script["parser"]().parse_args(arguments))


@pytest.fixture(scope="module")
def undisturbed(tiny_model: Path, problems: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("undisturbed") / "samples.parquet"
    sample(*command(tiny_model, problems, output))
    return output


def test_rows_are_ordered_by_problem_and_sample_and_say_how_they_came_about(undisturbed: Path):
    rows = parquet.read_table(undisturbed, SAMPLES)
    assert list(zip(rows["task_id"], rows["sample"], strict=True)) == [(task, s) for task in TASKS for s in range(4)]
    assert set(rows["finish_reason"]) <= {"stop", "length"}
    assert (rows["completion_tokens"] <= 12).all()
    assert (rows["log_likelihood"] < 0).all()
    assert rows["seed"].nunique() == len(rows)
    assert set(rows["profile"]) == {"chat v1"}
    assert set(rows["engine"]) == {"transformers"}
    for row in rows.itertuples():
        assert row.code.startswith(f"module top_module (\n\tinput {row.task_id},")
    assert not journal_path(undisturbed).exists()


def test_a_run_that_dies_at_every_problem_ends_with_the_same_bytes(
    tiny_model, problems, undisturbed, tmp_path, monkeypatch, caplog
):
    output = tmp_path / "samples.parquet"
    append = Journal.append

    def append_and_die(journal: Journal, entry: dict[str, object]) -> None:
        append(journal, entry)
        with journal.path.open("ab") as stream:
            stream.write(b'0123456789abcdef {"task_id":"half a li')
        raise KeyboardInterrupt

    monkeypatch.setattr(Journal, "append", append_and_die)
    for _ in TASKS:
        with pytest.raises(KeyboardInterrupt):
            sample(*command(tiny_model, problems, output))
        assert not output.exists()
    with caplog.at_level(logging.INFO):
        sample(*command(tiny_model, problems, output))
    assert "all 20 samples are drawn already" in caplog.text
    assert output.read_bytes() == undisturbed.read_bytes()
    assert not journal_path(output).exists()


def test_trials_are_drawn_together_as_they_are_drawn_one_by_one(tiny_model, problems, undisturbed, tmp_path, caplog):
    together = [tmp_path / f"together{trial}.parquet" for trial in range(3)]
    sample(*command(tiny_model, problems, *together))
    one_by_one = [tmp_path / f"trial{trial}.parquet" for trial in range(3)]
    for trials in (1, 2, 3):
        kept = [path.read_bytes() for path in one_by_one[: trials - 1]]
        caplog.clear()
        with caplog.at_level(logging.INFO):
            sample(*command(tiny_model, problems, *one_by_one[:trials]))
        assert caplog.text.count("is sampled already") == trials - 1
        assert "sampling: 20 samples" in caplog.text
        assert [path.read_bytes() for path in one_by_one[: trials - 1]] == kept
    drawn = ["task_id", "sample", "completion", "seed"]
    tables = [parquet.read_table(path, SAMPLES)[drawn] for path in one_by_one]
    pd.testing.assert_frame_equal(tables[0], parquet.read_table(undisturbed, SAMPLES)[drawn])
    for path, table in zip(together, tables, strict=True):
        pd.testing.assert_frame_equal(parquet.read_table(path, SAMPLES)[drawn], table)
    assert pd.concat(tables)["seed"].nunique() == 3 * len(tables[0])


def test_a_run_that_dies_between_two_trials_draws_nothing_again(tiny_model, problems, tmp_path, monkeypatch, caplog):
    whole = [tmp_path / f"whole{trial}.parquet" for trial in range(2)]
    sample(*command(tiny_model, problems, *whole))
    killed = [tmp_path / f"killed{trial}.parquet" for trial in range(2)]
    write_table = parquet.write_table

    def write_one_and_die(path: Path, *arguments: object, **facts: object) -> None:
        if path == killed[1]:
            raise KeyboardInterrupt
        write_table(path, *arguments, **facts)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(parquet, "write_table", write_one_and_die)
        sample(*command(tiny_model, problems, *killed))
    with caplog.at_level(logging.INFO):
        sample(*command(tiny_model, problems, *killed))
    assert "all 20 samples are drawn already" in caplog.text
    assert [path.read_bytes() for path in killed] == [path.read_bytes() for path in whole]


def test_finished_trials_of_other_settings_are_drawn_again(tiny_model, problems, tmp_path):
    output = tmp_path / "trial0.parquet"
    sample(*command(tiny_model, problems, output))
    before = parquet.read_table(output, SAMPLES)
    sample(*command(tiny_model, problems, output, sampling={**SETTINGS, "max_new_tokens": 2}))
    after = parquet.read_table(output, SAMPLES)
    assert after["completion_tokens"].max() == 2 < before["completion_tokens"].max()


@pytest.fixture
def loaded_models(monkeypatch: pytest.MonkeyPatch) -> list[Path | None]:
    """The adapters of the models that are loaded while a test runs, in order."""
    loaded: list[Path | None] = []
    load_model = transformers_engine.load_model

    def load_and_tell(folder: Path, adapter: Path | None, *arguments: Any, **options: Any) -> Any:
        loaded.append(adapter)
        return load_model(folder, adapter, *arguments, **options)

    monkeypatch.setattr(transformers_engine, "load_model", load_and_tell)
    return loaded


def test_several_benchmarks_are_sampled_by_one_engine_as_each_of_them_alone(
    tiny_model, problems, undisturbed, tmp_path, loaded_models
):
    """Also where they have a problem of the same name; and one that is added leaves the others as they are."""
    other = tmp_path / "problems.parquet"
    parquet.write_table(other, PROBLEMS, parquet.read_table(problems, PROBLEMS).iloc[[3, 0]])
    both = {"bench": problems, "other": other}
    outputs = [tmp_path / name / f"trial{trial}.parquet" for name in both for trial in range(2)]
    sample(*command_for(tiny_model, both, *outputs))
    assert loaded_models == [None]
    drawn = ["task_id", "sample", "completion", "code", "log_likelihood", "seed"]
    first, alone = (parquet.read_table(path, SAMPLES) for path in (outputs[0], undisturbed))
    pd.testing.assert_frame_equal(first[drawn], alone[drawn])
    tables = [parquet.read_table(path, SAMPLES) for path in outputs]
    assert [len(table) for table in tables] == [20, 20, 8, 8]
    assert pd.concat(tables)["seed"].nunique() == 56

    added = [tmp_path / "added" / path.relative_to(tmp_path) for path in outputs]
    sample(*command_for(tiny_model, {"bench": problems}, *added[:2]))
    before = [path.read_bytes() for path in added[:2]]
    sample(*command_for(tiny_model, both, *added))
    assert [path.read_bytes() for path in added[:2]] == before
    for path, table in zip(added, tables, strict=True):
        pd.testing.assert_frame_equal(parquet.read_table(path, SAMPLES)[drawn], table[drawn])


def test_weights_are_loaded_once_and_only_where_something_is_missing(tiny_model, problems, tmp_path, loaded_models):
    outputs = [tmp_path / f"trial{trial}.parquet" for trial in range(3)]
    sample(*command(tiny_model, problems, *outputs))
    assert loaded_models == [None]
    sample(*command(tiny_model, problems, *outputs))
    assert loaded_models == [None]
    outputs[1].unlink()
    sample(*command(tiny_model, problems, *outputs))
    assert loaded_models == [None, None]


def test_an_adapter_that_was_trained_again_is_sampled_again(tiny_model, problems, tmp_path, loaded_models):
    adapter, output = tmp_path / "ft", tmp_path / "trial0.parquet"
    completions = set()
    for seed in (3, 4):
        make_adapter(tiny_model, adapter, seed=seed)
        for _ in range(2):  # the second time, nothing is missing
            sample(*command(tiny_model, problems, output, adapter=adapter))
        completions.add(tuple(parquet.read_table(output, SAMPLES)["completion"]))
    assert loaded_models == [adapter, adapter]
    assert len(completions) == 2


def test_a_job_on_two_benchmarks_that_is_killed_again_and_again_ends_with_the_same_tables(
    tiny_model, problems, tmp_path, monkeypatch
):
    both = {"bench": problems, "other": problems}
    names = [f"{name}/trial{trial}.parquet" for name in both for trial in range(2)]
    undisturbed, killed = ([tmp_path / folder / name for name in names] for folder in ("whole", "killed"))
    sample(*command_for(tiny_model, both, *undisturbed))
    append = Journal.append
    left = 0

    def append_some_and_die(journal: Journal, entry: dict[str, object]) -> None:
        nonlocal left
        append(journal, entry)
        left -= 1
        if not left:
            with journal.path.open("ab") as stream:
                stream.write(b'0123456789abcdef {"task_id":"half a li')
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Journal, "append", append_some_and_die)
        for _ in range(3):  # 5 is odd: also between the two trials of a problem
            left = 5
            with pytest.raises(KeyboardInterrupt):
                sample(*command_for(tiny_model, both, *killed))
    sample(*command_for(tiny_model, both, *killed))
    assert [path.read_bytes() for path in killed] == [path.read_bytes() for path in undisturbed]


def test_outputs_that_do_not_fit_the_benchmarks_are_refused(tiny_model, problems, tmp_path):
    outputs = [tmp_path / f"trial{trial}.parquet" for trial in range(3)]
    with pytest.raises(UserError, match="--problems needs a table for each of --benchmarks"):
        sample(*command_for(tiny_model, {"bench": problems, "other": problems}, *outputs))


def test_the_order_of_the_problems_changes_no_sample(tiny_model, problems, undisturbed, tmp_path):
    first = parquet.read_table(undisturbed, SAMPLES)
    reordered = tmp_path / "problems.parquet"
    parquet.write_table(reordered, PROBLEMS, parquet.read_table(problems, PROBLEMS).iloc[[3, 0, 1]])
    again = tmp_path / "again.parquet"
    sample(*command(tiny_model, reordered, again))
    both = parquet.read_table(again, SAMPLES).merge(first, on=["task_id", "sample"], suffixes=("", "_first"))
    assert len(both) == 12
    pd.testing.assert_series_equal(both["completion"], both["completion_first"], check_names=False)
    pd.testing.assert_series_equal(both["log_likelihood"], both["log_likelihood_first"], check_names=False)


def test_a_profile_for_another_language_is_refused(tiny_model, problems, tmp_path):
    with pytest.raises(UserError, match="profile evalplus-base asks for python, but problem b is verilog"):
        sample(*command(tiny_model, problems, tmp_path / "s.parquet", profile="evalplus-base"))


def test_no_problems_are_refused(tiny_model, tmp_path):
    parquet.write_table(tmp_path / "problems.parquet", PROBLEMS, [])
    with pytest.raises(UserError, match="holds no problem"):
        sample(*command(tiny_model, tmp_path / "problems.parquet", tmp_path / "s.parquet"))


def test_the_engine_is_chosen_by_what_the_machine_has(monkeypatch: pytest.MonkeyPatch):
    for gpu, installed, expected in (
        (True, True, "vllm"),
        (True, False, "transformers"),
        (False, True, "transformers"),
    ):
        monkeypatch.setattr(start.torch.cuda, "is_available", lambda gpu=gpu: gpu)
        monkeypatch.setattr(start.importlib.util, "find_spec", lambda _, found=installed: object() if found else None)
        assert engine_name("auto") == expected
        assert engine_name("transformers") == "transformers"
    assert engine_name("vllm") == "vllm"


def test_a_chosen_engine_that_is_not_installed_is_named_with_the_command(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(start.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(UserError, match=r"vLLM is not installed: run `uv sync --extra vllm`"):
        engine_name("vllm")

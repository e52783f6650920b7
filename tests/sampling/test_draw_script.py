"""One engine start for many draws: the same tables as draw by draw, nothing drawn twice, nothing mixed up."""

import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ibft.runtime.errors import UserError
from ibft.sampling import transformers_engine
from ibft.store import parquet
from ibft.store.journal import Journal
from ibft.store.schemas import PROBLEMS, SAMPLES
from tests.conftest import REPOSITORY
from tests.sampling.conftest import TASKS
from tests.tiny_model import make_adapter

SCRIPTS = REPOSITORY / "workflow" / "scripts"
SETTINGS = {"n": 3, "max_new_tokens": 8, "batch_size": 8, "engine": "transformers"}
TEMPERATURES = (0.5, 1.0)
TRIALS = 2
SHARDS = 2


def run(script: str, *words: object) -> None:
    module = runpy.run_path(str(SCRIPTS / script))
    module["main"](module["parser"]().parse_args([str(word) for word in words]))


@pytest.fixture(scope="module")
def variants(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path | None]:
    folder = tmp_path_factory.mktemp("adapters")
    return {
        "tiny/rtl/base/seed0": None,
        "tiny/rtl/ft/seed0": make_adapter(tiny_model, folder / "ft", seed=1),
        "tiny/rtl/ibft/seed0": make_adapter(tiny_model, folder / "ibft", seed=2, rank=8),
    }


def draw(
    model: Path,
    problems: Path,
    variants: dict[str, Path | None],
    output: Path,
    *,
    shard: int = 0,
    shards: int = 1,
    **changed: object,
) -> None:
    sampling = {**SETTINGS, "temperatures": TEMPERATURES, "trials": TRIALS, **changed}
    tracks = [{"profile": "chat", "sampling": sampling, "benchmarks": {"bench": problems}, "variants": variants}]
    words = ["--model", model, "--tracks", json.dumps(tracks, default=str), "--output", output]
    run("draw.py", *words, "--shard", shard, "--shards", shards)


def of_one_draw(
    model: Path, problems: Path, variant: str, adapter: Path | None, temperature: float, folder: Path
) -> tuple[list[object], list[Path]]:
    """The options of the commands that make the tables of one draw, and those tables."""
    outputs = [folder / variant / f"T{temperature:g}" / f"trial{trial}.parquet" for trial in range(TRIALS)]
    words: list[object] = ["--model", model, "--problems", problems, "--profile", "chat"]
    words += ["--settings", json.dumps(SETTINGS), "--variant", variant, "--benchmark", "bench"]
    words += ["--temperature", temperature, *(["--adapter", adapter] if adapter else []), "--outputs", *outputs]
    return words, outputs


@pytest.fixture(scope="module")
def drawn(
    tiny_model: Path, problems: Path, variants: dict[str, Path | None], tmp_path_factory: pytest.TempPathFactory
) -> list[Path]:
    """What two jobs left that shared all draws. Read only."""
    folders = [tmp_path_factory.mktemp("drawn") / f"shard{shard}of{SHARDS}" for shard in range(SHARDS)]
    for shard, folder in enumerate(folders):
        draw(tiny_model, problems, variants, folder, shard=shard, shards=SHARDS)
    return folders


def test_tables_are_those_that_draw_by_draw_sampling_writes(tiny_model, problems, variants, drawn, tmp_path):
    codes = set()
    for variant, adapter in variants.items():
        for temperature in TEMPERATURES:
            one = (tiny_model, problems, variant, adapter, temperature)
            words, alone = of_one_draw(*one, tmp_path / "alone")
            run("sample.py", *words)
            words, collected = of_one_draw(*one, tmp_path / "collected")
            run("collect_samples.py", "--drawn", *drawn, *words)
            assert [path.read_bytes() for path in collected] == [path.read_bytes() for path in alone]
            rows = parquet.read_table(collected[1], SAMPLES)
            assert list(rows["task_id"]) == [task for task in TASKS for _ in range(3)]
            codes.add(tuple(rows["completion"]))
    assert len(codes) == len(variants) * len(TEMPERATURES)


def test_tables_are_collected_without_torch_and_transformers(tiny_model, problems, drawn, tmp_path):
    words, outputs = of_one_draw(tiny_model, problems, "tiny/rtl/base/seed0", None, 0.5, tmp_path)
    script = SCRIPTS / "collect_samples.py"
    program = (
        "import runpy, sys\n"
        "sys.modules['torch'] = sys.modules['transformers'] = None\n"
        f"runpy.run_path({str(script)!r}, run_name='__main__')"
    )
    command = [sys.executable, "-c", program, "--drawn", *map(str, drawn), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "no engine is started" in done.stderr
    assert all(path.exists() for path in outputs)


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


def journals(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.journal"))}


def test_weights_are_loaded_once_per_variant_and_only_where_something_is_missing(
    tiny_model, problems, variants, tmp_path, loaded_models
):
    folder = tmp_path / "drawn"
    draw(tiny_model, problems, variants, folder, temperatures=[0.5])
    assert sorted(loaded_models, key=str) == sorted(variants.values(), key=str)
    before = journals(folder)
    loaded_models.clear()
    draw(tiny_model, problems, variants, folder, temperatures=[0.5])
    assert loaded_models == []
    draw(tiny_model, problems, variants, folder, temperatures=[0.5, 1.0])
    assert len(loaded_models) == 3
    after = journals(folder)
    assert len(after) == 2 * len(before)
    assert {name: after[name] for name in before} == before


def test_another_trial_is_added_to_what_is_there(tiny_model, problems, variants, tmp_path):
    folder = tmp_path / "drawn"
    draw(tiny_model, problems, variants, folder, trials=1)
    before = journals(folder)
    draw(tiny_model, problems, variants, folder)
    after = journals(folder)
    for name, content in after.items():
        assert content.startswith(before[name])
        assert content.count(b"\n") == 1 + 2 * len(TASKS)


def test_a_job_that_is_killed_again_and_again_ends_with_the_same_tables(
    tiny_model, problems, variants, drawn, tmp_path, monkeypatch
):
    folder = tmp_path / "drawn"
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
        for _ in range(4):  # 13 is odd: also between the two trials of a problem
            left = 13
            with pytest.raises(KeyboardInterrupt):
                draw(tiny_model, problems, variants, folder)
            assert not (folder / "engine.json").exists()
    draw(tiny_model, problems, variants, folder)
    lines = sum(content.count(b"\n") for content in journals(folder).values())
    draws = len(variants) * len(TEMPERATURES)
    assert lines == draws + draws * TRIALS * len(TASKS)
    for variant, adapter in variants.items():
        one = (tiny_model, problems, variant, adapter, 1.0)
        words, undisturbed = of_one_draw(*one, tmp_path / "undisturbed")
        run("collect_samples.py", "--drawn", *drawn, *words)
        words, resumed = of_one_draw(*one, tmp_path / "resumed")
        run("collect_samples.py", "--drawn", folder, *words)
        assert [path.read_bytes() for path in resumed] == [path.read_bytes() for path in undisturbed]


def test_an_adapter_that_was_trained_again_is_drawn_again_and_alone(
    tiny_model, problems, variants, tmp_path, loaded_models
):
    folder, adapter = tmp_path / "drawn", tmp_path / "ft"
    make_adapter(tiny_model, adapter, seed=3)
    own = {**variants, "tiny/rtl/ft/seed0": adapter}
    draw(tiny_model, problems, own, folder)
    make_adapter(tiny_model, adapter, seed=4)
    words, _ = of_one_draw(tiny_model, problems, "tiny/rtl/ft/seed0", adapter, 1.0, tmp_path)
    with pytest.raises(UserError, match=r"T1\.journal belongs to other inputs, settings or code"):
        run("collect_samples.py", "--drawn", folder, *words)
    loaded_models.clear()
    draw(tiny_model, problems, own, folder)
    assert loaded_models == [adapter]
    run("collect_samples.py", "--drawn", folder, *words)


def test_what_was_not_drawn_is_named(tiny_model, problems, variants, drawn, tmp_path):
    words, outputs = of_one_draw(tiny_model, problems, "tiny/rtl/base/seed0", None, 0.7, tmp_path)
    with pytest.raises(UserError, match=r"base/seed0/bench/T0\.7\.journal is missing: remove .*shard0of2 and run"):
        run("collect_samples.py", "--drawn", *drawn, *words)
    words, outputs = of_one_draw(tiny_model, problems, "tiny/rtl/base/seed0", None, 0.5, tmp_path)
    with pytest.raises(UserError, match=r"trial0\.parquet: 2 of 5 problems are not drawn in trial 0, such as a"):
        run("collect_samples.py", "--drawn", drawn[0], *words)
    with pytest.raises(UserError, match="holds no finished draws"):
        run("collect_samples.py", "--drawn", tmp_path / "absent", *words)
    assert not any(path.exists() for path in outputs)


def test_a_damaged_journal_is_named_with_the_folder_to_remove(tiny_model, problems, tmp_path):
    folder, base = tmp_path / "drawn", {"tiny/rtl/base/seed0": None}
    draw(tiny_model, problems, base, folder)
    (torn,) = folder.rglob("T0.5.journal")
    torn.write_bytes(torn.read_bytes()[:-2])
    words, _ = of_one_draw(tiny_model, problems, "tiny/rtl/base/seed0", None, 0.5, tmp_path)
    with pytest.raises(UserError, match=r"T0\.5\.journal is damaged: remove .*/drawn and run Snakemake"):
        run("collect_samples.py", "--drawn", folder, *words)


def test_more_jobs_than_problems_leave_some_with_nothing_to_do(tiny_model, problems, tmp_path):
    few = tmp_path / "problems.parquet"
    parquet.write_table(few, PROBLEMS, parquet.read_table(problems, PROBLEMS).head(1))
    base = {"tiny/rtl/base/seed0": None}
    folders = [tmp_path / f"shard{shard}of2" for shard in range(2)]
    for shard, folder in enumerate(folders):
        draw(tiny_model, few, base, folder, shard=shard, shards=2)
    words, outputs = of_one_draw(tiny_model, few, "tiny/rtl/base/seed0", None, 0.5, tmp_path / "tables")
    run("collect_samples.py", "--drawn", *folders, *words)
    assert len(parquet.read_table(outputs[0], SAMPLES)) == 3

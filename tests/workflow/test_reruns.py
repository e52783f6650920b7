"""An edit of the code reruns the jobs that it can change, as `snakemake --dry-run` plans them on a finished run."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.workflow.conftest import Checkout

BEFORE_TRAINING = {
    "prepare_model",
    "prepare_dataset",
    "prepare_benchmark",
    "measure_contamination",
}
AFTER_TRAINING = {
    "sample_verilog",
    "execute",
    "count_passes",
    "compute_metrics",
    "write_tables",
    "draw_figure",
    "write_report",
}

Edits = list[tuple[str, str, str]]
"""A file of `ibft`, a text in it, and what takes its place."""

SECTIONS = "config/sections.py"
THAT_CHANGE_NO_RESULT: Edits = [
    ("runtime/stage.py", "this is a bug in ibft", "this is a mistake of ibft"),
    ("runtime/progress.py", " s left", " seconds left"),
    ("config/unchecked.py", "    seed: Seed", "    added: tuple[int, ...] = (1, 2)\n    seed: Seed"),
    ("config/jobs.py", "    max_length: ", "    added: int = 1\n    max_length: "),
    *(
        (SECTIONS, key, f"    added: {added}\n{key}")
        for key, added in {
            "    ngram: ": "bool = False",
            "    memory_mb: ": "float = 3",
            "    pooling: ": 'Literal["a", "b"] = "a"',
            "    warmup_steps: ": "int = 1",
            "    precision: ": "dict[str, int] = {}",
            "    scope: ": "float | None = 0.5",
            "    bottleneck: ": "int | float = 1",
            "    bootstrap: ": "Positive = 2",
            "    n: ": "str | None = None",
            "    benchmarks: ": "tuple[Name, ...] | None = None",
            "    rank: ": "bool = True",
        }.items()
    ),
    ("store/schemas.py", "# what the selection ranked by", "# the criterion, which the selection ranked by"),
]


@pytest.fixture(scope="module")
def edited(finished: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A copy of the finished checkout, which each test edits and leaves as it was."""
    copy = tmp_path_factory.mktemp("reruns") / "check out"
    shutil.copytree(finished.root, copy, symlinks=True)
    return Checkout(copy, python=finished.python)


@contextmanager
def applied(edits: Edits, root: Path) -> Iterator[None]:
    files = {name: root / "src" / "ibft" / name for name, _, _ in edits}
    before = {file: file.read_text() for file in files.values()}
    try:
        for name, old, new in edits:
            text = files[name].read_text()
            assert old in text, (name, old)
            files[name].write_text(text.replace(old, new, 1))
        yield
    finally:
        for file, text in before.items():
            file.write_text(text)


def planned(edited: Checkout, edits: Edits) -> dict[str, int]:
    with applied(edits, edited.root):
        return edited.planned()


def test_messages_progress_new_keys_and_comments_rerun_nothing(edited: Checkout) -> None:
    assert planned(edited, THAT_CHANGE_NO_RESULT) == {}


def test_an_edit_of_one_figure_redraws_that_figure_alone(edited: Checkout) -> None:
    edit = [("figures/pass_at_k.py", "Problems solved (%)", "Problems solved, percent")]
    assert planned(edited, edit) == {"draw_figure": 1, "write_report": 1}


def test_an_extractor_extracts_again_and_trains_nothing(edited: Checkout) -> None:
    edit = [("extraction/verilog.py", '_TAB = "    "', '_TAB = "  "')]
    assert set(planned(edited, edit)) == AFTER_TRAINING


def test_the_decoder_samples_again_and_trains_nothing(edited: Checkout) -> None:
    jobs = planned(edited, [("sampling/decoder.py", "LEAST_ROWS = 16", "LEAST_ROWS = 8")])
    assert set(jobs) == AFTER_TRAINING
    assert jobs["sample_verilog"] == 6


def test_the_objective_trains_again(edited: Checkout) -> None:
    jobs = planned(edited, [("training/objective.py", "return 0.5 * (mean_NZ", "return 0.6 * (mean_NZ")])
    assert jobs["train"] == 5
    assert jobs["score_memorization"] == 1  # of FT
    assert jobs["score_gradients"] == 2  # shards, which warm an adapter up by the same objective
    assert jobs["gather_scores"] == 2
    assert set(jobs) >= AFTER_TRAINING
    assert not (BEFORE_TRAINING - {"score_gradients", "select_examples"}) & set(jobs)


def test_a_new_version_of_a_table_writes_it_again(edited: Checkout) -> None:
    jobs = planned(edited, [("store/schemas.py", '"selection",\n    1,', '"selection",\n    2,')])
    assert (jobs["select_examples"], jobs["train"]) == (3, 5)
    assert not (BEFORE_TRAINING | {"score_gradients"}) & set(jobs)


def test_another_image_reruns_nothing_where_no_job_runs_in_it(
    finished: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IBFT_CONTAINER", "another.sif")
    assert finished.planned() == {}

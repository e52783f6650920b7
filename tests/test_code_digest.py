"""The digest follows what the code does and what can change a result, not how it is written or when it was saved."""

import shutil
from pathlib import Path

import pytest

from ibft.store import code_digest as module
from tests.conftest import REPOSITORY

SCRIPTS = {path.name for path in (REPOSITORY / "workflow" / "scripts").glob("*.py")}


@pytest.fixture
def copy_of_the_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(REPOSITORY / "src" / "ibft", tmp_path / "src" / "ibft")
    shutil.copytree(REPOSITORY / "workflow", tmp_path / "workflow")
    monkeypatch.setattr(module, "_SOURCE", tmp_path / "src")
    return tmp_path


def digest(root: Path, script: str, *modules: str) -> str:
    return digests(root, {script}, *modules)[script]


def digests(root: Path, scripts: set[str], *modules: str) -> dict[str, str]:
    """The digest of each script, from the sources as they are now."""
    for cached in (module._content, module._definitions, module._imported, module._files, module.imports_of):
        cached.cache_clear()
    return {script: module.code_digest(root / "workflow" / "scripts" / script, *modules) for script in scripts}


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


def replace(path: Path, old: str, new: str) -> None:
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def changed_by(root: Path, file: str, old: str, new: str) -> set[str]:
    """The scripts whose digest another text in one file of `ibft` changes."""
    before = digests(root, SCRIPTS)
    replace(root / "src" / "ibft" / file, old, new)
    after = digests(root, SCRIPTS)
    return {script for script in SCRIPTS if after[script] != before[script]}


def test_an_edit_reaches_the_scripts_that_import_it_and_no_other(copy_of_the_sources: Path) -> None:
    append(copy_of_the_sources / "src" / "ibft" / "training" / "step.py", "\nADDED = 0\n")
    changed = changed_by(copy_of_the_sources, "training/step.py", "ADDED = 0", "ADDED = 1")
    assert changed == {"train.py", "score_gradients.py", "measure_influence.py"}  # these warm up by the same step


def test_an_indirect_import_counts(copy_of_the_sources: Path) -> None:
    before = digest(copy_of_the_sources, "train.py")
    append(copy_of_the_sources / "src" / "ibft" / "training" / "linear_cross_entropy.py", "\nADDED = 1\n")
    assert digest(copy_of_the_sources, "train.py") != before


@pytest.mark.slow
def test_messages_progress_and_the_configuration_do_not_count(copy_of_the_sources: Path) -> None:
    edits = {
        "runtime/stage.py": ("this is a bug in ibft", "this is a mistake in ibft"),
        "runtime/progress.py": ("s left", "seconds left"),
        "config/sections.py": ("n: Positive = 10", "n: Positive = 10\n    added: int = 0"),
    }
    for file, (old, new) in edits.items():
        assert not changed_by(copy_of_the_sources, file, old, new), file


def test_a_package_whose_name_only_begins_like_one_that_does_not_count_counts(copy_of_the_sources: Path) -> None:
    (copy_of_the_sources / "src" / "ibft" / "runtimes.py").write_text("ADDED = 1\n")
    append(copy_of_the_sources / "workflow" / "scripts" / "train.py", "\nfrom ibft import runtimes\n")
    before = digest(copy_of_the_sources, "train.py")
    append(copy_of_the_sources / "src" / "ibft" / "runtimes.py", "MORE = 1\n")
    assert digest(copy_of_the_sources, "train.py") != before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"selection",\n    1,', '"selection",\n    2,'),
        ("    score=_real,  # what the selection", "    rank=_real,  # what the selection"),
        ("    score=_real,  # what the selection", "    score=_count,  # what the selection"),
        ("    score=_real,  # what the selection", "    score=_nullable(_real),  # what the selection"),
    ],
    ids=["version", "name of a column", "type of a column", "column that may be null"],
)
def test_a_schema_counts_for_the_scripts_that_import_it(copy_of_the_sources: Path, old: str, new: str) -> None:
    reached = {"select_examples.py", "train.py", "write_report.py"}
    assert changed_by(copy_of_the_sources, "store/schemas.py", old, new) == reached


def test_another_table_or_a_comment_in_a_schema_does_not_count(copy_of_the_sources: Path) -> None:
    assert not changed_by(copy_of_the_sources, "store/schemas.py", "# what the selection ranked by", "# rank")
    added = 'ADDED = _table("added", 1, example_id=_text)\n\nTABLES = {'
    assert not changed_by(copy_of_the_sources, "store/schemas.py", "TABLES = {", added)


def test_what_the_definition_of_a_schema_names_counts(copy_of_the_sources: Path) -> None:
    changed = changed_by(copy_of_the_sources, "store/schemas.py", "pa.float64()", "pa.float32()")
    assert {"select_examples.py", "score_memorization.py", "compute_metrics.py"} <= changed


def test_a_module_that_a_script_loads_when_it_runs_counts_where_it_is_named(copy_of_the_sources: Path) -> None:
    def figure(name: str) -> str:
        return digest(copy_of_the_sources, "draw_figure.py", f"ibft.figures.{name}")

    before = {name: figure(name) for name in ("radar", "geometry", "pass_at_k", "pass_at_k_m")}
    append(copy_of_the_sources / "src" / "ibft" / "figures" / "radar.py", "\nADDED = 1\n")
    assert [name for name in before if figure(name) != before[name]] == ["radar"]
    append(copy_of_the_sources / "src" / "ibft" / "figures" / "bars.py", "\nADDED = 1\n")
    assert [name for name in before if figure(name) != before[name]] == ["radar", "pass_at_k", "pass_at_k_m"]


def test_comments_formatting_docstrings_and_touch_do_not_count(copy_of_the_sources: Path) -> None:
    before = digest(copy_of_the_sources, "train.py")
    loop = copy_of_the_sources / "src" / "ibft" / "training" / "loop.py"
    append(loop, "\n\n# a comment\n")
    loop.write_text(loop.read_text().replace('"""The training loop', '"""Changed. The training loop', 1))
    loop.touch()
    assert digest(copy_of_the_sources, "train.py") == before


def test_a_template_beside_a_module_counts(copy_of_the_sources: Path) -> None:
    before = digest(copy_of_the_sources, "train.py")
    (copy_of_the_sources / "src" / "ibft" / "training" / "prompt.txt").write_text("hello")
    assert digest(copy_of_the_sources, "train.py") != before

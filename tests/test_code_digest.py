"""The digest follows what the code does, not how it is written or when it was saved."""

import shutil
from pathlib import Path

import pytest

from ibft import code_digest as module
from tests.conftest import REPOSITORY


@pytest.fixture
def copy_of_the_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(REPOSITORY / "src" / "ibft", tmp_path / "src" / "ibft")
    shutil.copytree(REPOSITORY / "workflow", tmp_path / "workflow")
    monkeypatch.setattr(module, "_SOURCE", tmp_path / "src")
    return tmp_path


def digest(root: Path, script: str) -> str:
    module._content.cache_clear()
    module.imports_of.cache_clear()
    return module.code_digest(root / "workflow" / "scripts" / script)


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


def test_an_edit_reaches_the_scripts_that_import_it_and_no_other(copy_of_the_sources: Path) -> None:
    scripts = ("train.py", "draw_figures.py", "compute_metrics.py")
    before = {script: digest(copy_of_the_sources, script) for script in scripts}
    append(copy_of_the_sources / "src" / "ibft" / "training" / "loop.py", "\nADDED = 1\n")
    after = {script: digest(copy_of_the_sources, script) for script in scripts}
    assert [script for script in scripts if before[script] != after[script]] == ["train.py"]


def test_an_indirect_import_counts(copy_of_the_sources: Path) -> None:
    before = digest(copy_of_the_sources, "train.py")
    append(copy_of_the_sources / "src" / "ibft" / "training" / "linear_cross_entropy.py", "\nADDED = 1\n")
    assert digest(copy_of_the_sources, "train.py") != before


def test_another_section_of_the_configuration_reruns_no_stage_that_does_not_read_it(copy_of_the_sources: Path) -> None:
    scripts = ("train.py", "score_memorization.py", "sample.py", "draw.py", "execute.py")
    before = {script: digest(copy_of_the_sources, script) for script in scripts}
    append(copy_of_the_sources / "src" / "ibft" / "config" / "sampling.py", "\nADDED = 1\n")
    after = {script: digest(copy_of_the_sources, script) for script in scripts}
    assert [script for script in scripts if before[script] != after[script]] == ["sample.py", "draw.py"]


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

"""The folder of the Snakefile: a checkout, or the copy that the installed package has."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


def workflow_folder() -> Path:
    """Return the folder that holds Snakefile, rules/, workflow/, profiles/, config/ and envs/."""
    installed = _PACKAGE / "workflow"
    return installed if installed.is_dir() else _PACKAGE.parents[1]

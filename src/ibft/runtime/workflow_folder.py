"""The folder of the Snakefile: a checkout, or the copy that the installed package has."""

import importlib.util
from pathlib import Path

from ibft.runtime.errors import UserError

_PACKAGE = Path(__file__).resolve().parents[1]


def workflow_folder() -> Path:
    """Return the folder that holds Snakefile, rules/, workflow/, profiles/, config/ and envs/."""
    installed = _PACKAGE / "workflow"
    return installed if installed.is_dir() else _PACKAGE.parents[1]


def require_snakemake() -> None:
    """Raise `UserError` where only the core of ibft is installed."""
    if importlib.util.find_spec("snakemake") is None:
        raise UserError("Snakemake is not installed: pip install 'ibft[train]', or 'ibft[workflow]' without torch")

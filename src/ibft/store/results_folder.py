"""The results folder: where it may be, and which files and folders in it are ibft's own.

Only these are ever dated or deleted.
"""

from collections.abc import Iterator
from pathlib import Path

from ibft.store.files import write_bytes
from ibft.store.output_records import KEPT
from ibft.visible import visible

MARK = Path(KEPT) / "README"  # in every folder that a workflow has written results to
FOLDERS = (
    "adapters",
    "audit",
    "barrier",
    "benchmarks",
    "contamination",
    "decontaminated",
    "examples",
    "figures",
    "geometry",
    "gradient_imbalance",
    "gradients",
    "influence",
    "logs",
    "membership",
    "memorization",
    "metrics",
    "models",
    "nll",
    "problems",
    "references",
    "samples",
    "selection",
    "split",
    "synthesis",
    "tables",
    "traces",
    "training",
    "verdicts",
)
FILES = ("pins.yaml", "report.html", "ro-crate-metadata.json")
_MARKED = b"The results of an ibft run. `ibft clean` deletes them, and nothing that was put beside them.\n"
_CHECKOUT = Path(__file__).resolve().parents[3]
_SOURCES = ("src", "rules", "workflow", "config", "profiles", "envs", "docs", "tests", "perf", ".git", ".venv")
_NO_BEGINNING = {"-": "is read as an option", "@": "is read as a file of options", "~": "is not replaced by your home"}
_NO_PART = "{}*?[]<>"  # Snakemake and shells look for other files by these


def why_not(results: str) -> str | None:
    """Say why this folder cannot hold the results; None where it can."""
    if not results.strip():
        return "a folder is needed, such as results"
    if results[0] in _NO_BEGINNING:
        return f"{results!r} begins with {results[0]!r}, which {_NO_BEGINNING[results[0]]}; give another path"
    if visible(results) != results or any(character in _NO_PART for character in results):
        return f"{results!r} holds a control character or one of {_NO_PART}; give another path"
    try:
        place = Path(results).resolve()
        if place.exists() and not place.is_dir():
            return f"{results} is a file; give a folder"
    except (OSError, RuntimeError) as error:
        return f"{results} cannot be used; {error}"
    return _why_not_there(results, place)


def _why_not_there(results: str, place: Path) -> str | None:
    """The folders of others: what lies beside them must not be mixed with results, and not be cleared with them."""
    others = {"your home": _home(), "the folder where Snakemake is started": Path.cwd(), "ibft itself": _CHECKOUT}
    for whose, folder in others.items():
        if folder is not None and folder.resolve().is_relative_to(place):
            return f"{results} is {whose}, or holds it; give a folder that holds nothing else"
    if any(place.is_relative_to(_CHECKOUT / name) for name in _SOURCES):
        return f"{results} is part of ibft itself; give a folder that holds nothing else"
    return None


def _home() -> Path | None:
    try:
        return Path.home()
    except RuntimeError:
        return None


def mark(results: Path) -> None:
    """Note that a workflow writes to this folder."""
    if not (results / MARK).exists():
        write_bytes(results / MARK, _MARKED)


def own(results: Path) -> Iterator[Path]:
    """Yield the folders and files at the top of `results` that workflows write."""
    names = [*FOLDERS, *FILES, *(f"{name}.manifest.json" for name in FILES)]
    yield from (path for name in names if (path := results / name).exists() or path.is_symlink())

"""The files and folders of a results folder that are ibft's own: only these are ever dated or deleted."""

import argparse
import shutil
from collections.abc import Iterator
from pathlib import Path

from ibft.config.results import why_not
from ibft.runtime.errors import UserError
from ibft.store.files import write_bytes
from ibft.store.output_records import KEPT

_MARK = Path(KEPT) / "README"  # in every folder that a workflow has written results to
FOLDERS = (
    "benchmarks",
    "contamination",
    "decontaminated",
    "examples",
    "figures",
    "geometry",
    "gradient_imbalance",
    "gradients",
    "logs",
    "memorization",
    "metrics",
    "models",
    "problems",
    "samples",
    "selection",
    "tables",
    "training",
    "verdicts",
)
FILES = ("pins.yaml", "report.html")
_MARKED = b"The results of an ibft run. `ibft clean` deletes them, and nothing that was put beside them.\n"


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("clean", help="delete the results of a run", description=__doc__)
    parser.add_argument("results", type=Path, nargs="?", default=Path("results"), help="results folder of the run")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Delete what ibft has written to the folder, and the folder where nothing else is in it.

    Raises:
        UserError: no workflow has written results there.
    """
    results: Path = arguments.results
    if reason := why_not(str(results)):
        raise UserError(reason)
    if not (results / _MARK).is_file():
        raise UserError(f"{results} holds no results: no workflow has left its mark ({_MARK}) there")
    for path in own(results):
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    shutil.rmtree(results / KEPT)
    left = sorted(path.name for path in results.iterdir())
    if left:
        print(f"left in {results}, because ibft did not make it: {', '.join(left)}")
    elif not results.is_symlink():
        results.rmdir()


def mark(results: Path) -> None:
    """Note that a workflow writes to this folder."""
    if not (results / _MARK).exists():
        write_bytes(results / _MARK, _MARKED)


def own(results: Path) -> Iterator[Path]:
    """The folders and files at the top of `results` that workflows write."""
    names = [*FOLDERS, *FILES, *(f"{name}.manifest.json" for name in FILES)]
    yield from (path for name in names if (path := results / name).exists() or path.is_symlink())

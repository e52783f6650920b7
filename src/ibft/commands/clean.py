"""`ibft clean`: delete the results of a run, and nothing that was put beside them."""

import argparse
import shutil
from pathlib import Path

from ibft.runtime.errors import UserError
from ibft.store.output_records import KEPT
from ibft.store.results_folder import MARK, own, why_not


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
    if not (results / MARK).is_file():
        raise UserError(f"{results} holds no results: no workflow has left its mark ({MARK}) there")
    for path in own(results):
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    shutil.rmtree(results / KEPT)
    left = sorted(path.name for path in results.iterdir())
    if left:
        print(f"left in {results}, because ibft did not make it: {', '.join(left)}")
    elif not results.is_symlink():
        results.rmdir()

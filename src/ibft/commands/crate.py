"""`ibft crate [RESULTS]`: make an RO-Crate of a run, which archives (Zenodo, WorkflowHub) and other tools can read.

    ibft crate                      of the folder `results`
    ibft crate results --license https://spdx.org/licenses/CC-BY-4.0

It writes results/ro-crate-metadata.json, which says of every output from what, by which script in which version, and by
which command it was made. The folder then is a crate: pack it (zip -r crate.zip results) and hand it in. Nothing else
in the folder changes, and the same command brings the file up to date after another run.
"""

import argparse
from pathlib import Path

from ibft.sharing.crate import FILE, write_crate


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "crate",
        help="describe a run as an RO-Crate, for archives",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("results", type=Path, nargs="?", default=Path("results"), help="results folder of the run")
    parser.add_argument("--license", help="of the results: an address, such as https://spdx.org/licenses/CC-BY-4.0")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Write the metadata.

    Raises:
        UserError: no run was started in the folder, or one of its outputs is damaged.
    """
    count = write_crate(arguments.results, arguments.license)
    print(f"{arguments.results / FILE} describes {count} outputs; {arguments.results} is an RO-Crate now")

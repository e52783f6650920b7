"""`ibft resume ...`: go on with a run that was killed. It takes Snakemake's options and does what Snakemake does.

A killed Snakemake leaves its lock behind, and refuses to start until somebody says that nobody else is at work. This
finds out, and removes the lock only then.
"""

import argparse
import os
import subprocess
import sys

from ibft.locks import check_abandoned, directory_of, held_locks


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    # With another prefix, all that follows is Snakemake's.
    parser = commands.add_parser("resume", help="go on with a run that was killed", prefix_chars="\0", add_help=False)
    parser.add_argument("options", nargs=argparse.REMAINDER, help="Snakemake's options, such as --cores all")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Remove a lock that nobody holds, then become Snakemake.

    Raises:
        UserError: somebody holds the lock, or may hold it on another machine.
    """
    snakemake = [sys.executable, "-m", "snakemake", *arguments.options]
    folder = directory_of(arguments.options).resolve()
    if held_locks(folder):
        check_abandoned(folder)
        subprocess.run([*snakemake, "--unlock", "--quiet"], check=True)  # noqa: S603 - the user's own command
    os.execv(sys.executable, snakemake)  # noqa: S606

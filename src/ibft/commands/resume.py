"""`ibft resume ...`: go on with a run that was killed. It takes Snakemake's options and does what Snakemake does.

A killed Snakemake leaves its lock behind, and refuses to start until somebody says that nobody else is at work. This
finds out, and removes the lock only then.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from ibft.config.loading import read_yaml
from ibft.runtime.locks import check_abandoned, directory_of, held_locks
from ibft.runtime.workflow_folder import require_snakemake


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    # With another prefix, all that follows is Snakemake's.
    parser = commands.add_parser("resume", help="go on with a run that was killed", prefix_chars="\0", add_help=False)
    parser.add_argument("options", nargs=argparse.REMAINDER, help="Snakemake's options, such as --cores all")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Remove a lock that nobody holds, then become Snakemake.

    Raises:
        UserError: somebody holds the lock, or may hold it on another machine; a configuration cannot be read as YAML.
    """
    become_snakemake(arguments.options)


def become_snakemake(options: Sequence[str]) -> None:
    """Run Snakemake in place of this process; see `run`."""
    require_snakemake()
    for path in configurations_of(options):
        read_yaml(path)  # before Snakemake does, which would run the Python in a file that asks for it
    snakemake = [sys.executable, "-m", "snakemake", *options]
    folder = directory_of(options).resolve()
    if held_locks(folder):
        check_abandoned(folder)
        subprocess.run([*snakemake, "--unlock", "--quiet"], check=True)  # noqa: S603 - the user's own command
    os.execv(sys.executable, snakemake)  # noqa: S606


def configurations_of(options: Sequence[str]) -> list[Path]:
    """Return the files that Snakemake reads its configuration from with these options."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--configfile", "--configfiles", type=Path, nargs="+", default=[], dest="files")
    found: list[Path] = parser.parse_known_args(options)[0].files
    return found

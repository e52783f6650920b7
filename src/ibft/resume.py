"""`ibft resume ...`: go on with a run that was killed. It takes Snakemake's options and does what Snakemake does.

A killed Snakemake leaves its lock behind, and refuses to start until somebody says that nobody else is at work. This
finds out, and removes the lock only then.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil

from ibft.errors import UserError

_HOLDER = Path(".snakemake") / "ibft-holder.json"
_LOCKS = Path(".snakemake") / "locks"


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    # With another prefix, all that follows is Snakemake's.
    parser = commands.add_parser("resume", help="go on with a run that was killed", prefix_chars="\0", add_help=False)
    parser.add_argument("options", nargs="*", help="Snakemake's options, such as --cores all")
    parser.set_defaults(run=run)


def note_holder() -> None:
    """Say who holds the lock of this folder: called by the workflow when it has got it."""
    _HOLDER.write_text(json.dumps({"host": platform.node(), "process": os.getpid()}))


def run(arguments: argparse.Namespace) -> None:
    """Remove a lock that nobody holds, then become Snakemake.

    Raises:
        UserError: somebody holds the lock, or may hold it on another machine.
    """
    snakemake = [sys.executable, "-m", "snakemake"]
    folder = directory_of(arguments.options).resolve()
    if any((folder / _LOCKS).glob("*")):
        check_abandoned(folder)
        subprocess.run([*snakemake, *arguments.options, "--unlock", "--quiet"], check=True)  # noqa: S603 - the user's own
    os.execv(sys.executable, [*snakemake, *arguments.options])  # noqa: S606


def directory_of(options: list[str]) -> Path:
    """The folder that Snakemake works in with these options."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--directory", "-d", type=Path, default=Path())
    found: Path = parser.parse_known_args(options)[0].directory
    return found


def check_abandoned(folder: Path) -> None:
    """Raise `UserError` unless whoever locked `folder` is gone."""
    working = next(workflows_in(folder), None)
    if working is not None:
        raise UserError(f"process {working} is at work in {folder}: wait for it, or end it with kill -INT {working}")
    holder = json.loads((folder / _HOLDER).read_text()) if (folder / _HOLDER).exists() else {}
    if holder.get("host", platform.node()) != platform.node():
        raise UserError(
            f"{folder} was locked by process {holder['process']} on {holder['host']}, which cannot be looked at from "
            "here: if it is gone, run the same command with `snakemake ... --unlock` once"
        )


def workflows_in(folder: Path) -> Iterator[int]:
    """Processes of this machine that run Snakemake in `folder`, as far as this user may see."""
    for process in psutil.process_iter(["cmdline", "cwd"]):
        command, place = process.info["cmdline"] or [], process.info["cwd"]
        is_snakemake = process.pid != os.getpid() and any(Path(word).name == "snakemake" for word in command[:3])
        if is_snakemake and place and (Path(place) / directory_of(command)).resolve() == folder:
            yield process.pid

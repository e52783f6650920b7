"""Who holds Snakemake's lock on a folder, and whether that run is alive: Snakemake's own message tells neither."""

import argparse
import json
import os
import platform
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

from ibft.runtime.errors import UserError

_LOCKS = Path(".snakemake") / "locks"
HOLDER = Path(".snakemake") / "ibft-holder.json"


def note_holder(folder: Path) -> None:
    """Say who works in `folder`: called by a workflow when it has got the lock, and so by one at a time."""
    new = (folder / HOLDER).with_suffix(".new")
    new.parent.mkdir(exist_ok=True)
    new.write_text(json.dumps({"host": platform.node(), "process": os.getpid()}))
    new.replace(folder / HOLDER)


def lock_notice(folder: Path) -> str | None:
    """Return what to say before Snakemake refuses to run in `folder`; None where nobody holds a lock."""
    held = held_locks(folder)
    if not held:
        return None
    since = time.strftime("%Y-%m-%d %H:%M", time.localtime(held[0].stat().st_mtime))
    return (
        f"{_owner(held[0])} has locked {folder} since {since}. If Snakemake refuses to start now, both runs would "
        "write the same results: wait for that run, or keep yours apart with --directory FOLDER or another `results` "
        "in your configuration. If that run is dead (killed, or the machine went down), `ibft resume` with your "
        "options finds out and goes on, and --unlock, once, removes the lock without asking."
    )


def held_locks(folder: Path) -> list[Path]:
    """Snakemake's lock files, the first one first."""
    return sorted((folder / _LOCKS).glob("*.lock"))


def check_abandoned(folder: Path) -> None:
    """Raise `UserError` unless whoever locked `folder` is gone."""
    working = next(workflows_in(folder), None)
    if working is not None:
        raise UserError(
            f"process {working} is at work in {folder}: wait for it, or have it end after its running jobs with "
            f"kill {working}"
        )
    holder = json.loads((folder / HOLDER).read_bytes()) if (folder / HOLDER).exists() else {}
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


def directory_of(options: Sequence[str]) -> Path:
    """The folder that Snakemake works in with these options."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--directory", "-d", type=Path, default=Path())
    found: Path = parser.parse_known_args(options)[0].directory
    return found


def _owner(path: Path) -> str:
    try:
        return path.owner()
    except KeyError:  # a user of another machine that shares the file system
        return f"user {path.stat().st_uid}"

"""Who holds Snakemake's lock on a folder, and what the second one may do: Snakemake's own message tells neither."""

import time
from pathlib import Path


def lock_notice(folder: Path) -> str | None:
    """What to say before Snakemake refuses to run in `folder`; None where nobody holds a lock."""
    held = sorted((folder / ".snakemake" / "locks").glob("*.lock"))
    if not held:
        return None
    since = time.strftime("%Y-%m-%d %H:%M", time.localtime(held[0].stat().st_mtime))
    return (
        f"{_owner(held[0])} has locked {folder} since {since}. If Snakemake refuses to start now, both runs would "
        "write the same results: wait for that run, or keep yours apart with --directory FOLDER or another `results` "
        "in your configuration. If that run is dead (killed, or the machine went down), add --unlock to your command "
        "once."
    )


def _owner(path: Path) -> str:
    try:
        return path.owner()
    except KeyError:  # a user of another machine that shares the file system
        return f"user {path.stat().st_uid}"

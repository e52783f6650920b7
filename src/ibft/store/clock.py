"""Files dated in the future, which a clock leaves that ran ahead and was set right.

Snakemake stops at a file that is younger than what is made from it, for as long as the clock had run ahead.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path

from ibft.store.results_folder import own

_AHEAD_S = 60.0  # file servers differ from this machine by less


def date_back(results: Path) -> int:
    """Date every file of the future that ibft has written to `results` to now; how many there were."""
    now = time.time()
    ahead = [path for path in _files(results) if path.lstat().st_mtime > now + _AHEAD_S]
    for path in ahead:
        os.utime(path, (now, now))
    return len(ahead)


def _files(results: Path) -> Iterator[Path]:
    """Yield those of ibft; what a link leads to may be anybody's."""
    for path in own(results):
        for each in [] if path.is_symlink() else [path, *path.rglob("*")]:
            if each.is_file() and not each.is_symlink():
                yield each

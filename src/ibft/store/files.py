"""Files that can be read, and atomic writing: what was written is whole, or it is not there."""

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def why_unreadable(path: Path) -> str | None:
    """Say why `path` is no file to read from: it is absent, a folder, or a pipe or device, which may wait for ever."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return error.strerror
    except ValueError:
        return "no path holds a null character"
    if stat.S_ISREG(mode):
        return None
    return "it is a folder" if stat.S_ISDIR(mode) else "it is a pipe, socket or device, not a file"


@contextmanager
def atomic(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary neighbour of `path`; on success flush it and rename it to `path`, on failure remove it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).chmod(0o666 & ~_umask())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_bytes(path: Path, content: bytes) -> None:
    with atomic(path) as stream:
        stream.write(content)


def cache_folder(name: str) -> Path:
    """Return the folder of this name in the user's cache of ibft."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ibft" / name


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask

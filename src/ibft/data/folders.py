"""Files of a benchmark that is a folder: read within bounds, in a fixed order, and named where they are wrong."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from ibft.data.records import MIB
from ibft.runtime.errors import UserError
from ibft.store.files import why_unreadable

LARGEST_FILE = 64 * MIB  # bytes


def content_digest(place: Path) -> str:
    """Return a digest of a file, or of names and contents of the files in a folder; empty where there is neither."""
    digest = hashlib.sha256()
    for path in [place] if place.is_file() else sorted(place.rglob("*")):
        if path.is_file():
            digest.update(f"{path.relative_to(place)}\0{path.stat().st_size}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest() if place.exists() else ""


def files_ending_in(folder: Path, ending: str) -> Iterator[Path]:
    """Yield the files of `folder` whose names end so, sorted."""
    yield from sorted(path for path in folder.iterdir() if path.name.endswith(ending))


def text_of(path: Path) -> str:
    """Return the text of a file.

    Raises:
        UserError: it is absent, larger than `LARGEST_FILE`, or no UTF-8 text.
    """
    if reason := why_unreadable(path):
        raise UserError(f"{path} cannot be read: {reason}")
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise UserError(f"{path} is larger than {LARGEST_FILE // MIB} MiB, which no file of a problem is")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"{path} is not UTF-8 text") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None

"""Sources that are several files, folders and globs: read within bounds, in a fixed order, and named where wrong."""

import glob
import hashlib
from collections.abc import Collection, Iterator
from pathlib import Path

from ibft.data.records import MIB
from ibft.runtime.errors import UserError
from ibft.store.files import why_unreadable

LARGEST_FILE = 64 * MIB  # bytes


def files_of(place: str, forms: Collection[str]) -> list[Path]:
    """Return the file `place`, the files below a folder whose suffix is one of `forms`, or those that a glob fits.

    Raises:
        UserError: a folder or glob has none.
    """
    path = Path(place)
    if path.is_dir():
        found = [file for file in sorted(path.rglob("*")) if file.is_file() and is_of(file.name, forms)]
    elif is_glob(place):
        found = sorted(file for file in _matches(place) if file.is_file())
    else:
        return [path]
    if not found:
        raise UserError(f"{place} has no file that ends in {', '.join(forms)}: name the file, folder or glob again")
    return found


def is_glob(place: str) -> bool:
    """Return true for a pattern that is not the name of a file that is there."""
    return any(character in place for character in "*?[") and not Path(place).exists()


def _matches(pattern: str) -> list[Path]:
    return [Path(name) for name in glob.glob(pattern, recursive=True)]  # noqa: PTH207 - which takes absolute ones


def is_of(name: str, forms: Collection[str]) -> bool:
    return Path(name.removesuffix(".gz")).suffix in forms


def content_digest(place: Path) -> str:
    """Return a digest of a file, or of names and contents of the files that a folder has or a glob fits; else empty."""
    digest = hashlib.sha256()
    if is_glob(str(place)):
        paths = sorted(_matches(str(place)))
    else:
        paths = [place] if place.is_file() else sorted(place.rglob("*"))
    for path in paths:
        if path.is_file():
            name = path if is_glob(str(place)) else path.relative_to(place)
            digest.update(f"{name}\0{path.stat().st_size}\0".encode())
            with path.open("rb") as stream:
                while piece := stream.read(MIB):
                    digest.update(piece)
    return digest.hexdigest() if place.exists() or paths else ""


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

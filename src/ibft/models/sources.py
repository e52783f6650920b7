"""Where models and adapters come from, `hub:` or `path:`, and the folder that they are brought to."""

import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ibft.data.hub import fetch, pin
from ibft.models.checks.folder import KEPT, plain_files
from ibft.runtime.errors import UserError


@dataclass(frozen=True)
class Source:
    """A model or an adapter that is somewhere else.

    Attributes:
        files: size (bytes) of each file by its name.
        bring: copies files of these names to the folder that is prepared.
        commit: of the hub; None elsewhere.
    """

    files: Mapping[str, int]
    bring: Callable[[Sequence[str]], None]
    commit: str | None = None


def from_hub(place: str, revision: str | None, folder: Path) -> Source:
    pinned = pin("model", place, revision)

    def bring(files: Sequence[str]) -> None:
        fetch("model", place, pinned, files, folder)

    return Source({file: recorded.size for file, recorded in pinned.files.items()}, bring, pinned.commit)


def from_path(place: str, _revision: str | None, folder: Path) -> Source:
    if Path(place).resolve() == folder.resolve():
        raise UserError(f"model folder {place} is where the prepared model goes: move it out of there")

    def bring(files: Sequence[str]) -> None:
        for file in files:
            shutil.copyfile(Path(place) / file, folder / file)

    return Source(plain_files(Path(place)), bring)


@contextmanager
def refusing(what: str, folder: Path) -> Iterator[None]:
    """Say at which place of the configuration stands what a check refuses, and leave nothing of it in `folder`."""
    try:
        yield
    except UserError as error:
        clear(folder)
        shutil.rmtree(folder / ".cache", ignore_errors=True)
        raise UserError(f"{what}: {error}") from None


def clear(folder: Path, kept: Collection[str] = ()) -> None:
    """Remove what another model of this name has left: transformers would take it for a part of this one."""
    for pattern in KEPT:
        for file in folder.glob(pattern):
            if file.name not in kept:
                file.unlink()

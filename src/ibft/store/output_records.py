"""The record of what a run made: `results/.ibft/outputs/`, apart from the outputs, so that it outlasts them.

Each output has a record of its own, a copy of its manifest led by a checksum: jobs on several machines need not share a
file, and what is lost of the results, or put back from an older run, still has its record. A manifest that was
altered no longer equals it.
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from ibft.runtime.errors import UserError
from ibft.store.files import write_bytes

KEPT = ".ibft"  # in the results folder: what ibft keeps for itself
_OUTPUTS = Path(KEPT) / "outputs"
_SUFFIX = ".json"


def record_path(results: Path, place: str) -> Path:
    """Return the path of the record of the output at `place`, a path relative to `results`."""
    return results / _OUTPUTS / (place + _SUFFIX)


def write_record(results: Path, place: str, manifest: bytes) -> None:
    write_bytes(record_path(results, place), hashlib.sha256(manifest).hexdigest().encode() + b"\n" + manifest)


def read_record(results: Path, place: str) -> bytes | None:
    """Return the manifest of the output at `place` as its stage wrote it; None where no run made such an output.

    Raises:
        UserError: the record is damaged.
    """
    path = record_path(results, place)
    if not os.path.lexists(path):
        return None
    checksum, _, manifest = path.read_bytes().partition(b"\n") if path.is_file() else (b"", b"", b"")
    if checksum.decode(errors="replace") != hashlib.sha256(manifest).hexdigest():
        raise UserError(f"{path}, the record of what a run made, is damaged")
    return manifest


def recorded_places(results: Path) -> Iterator[str]:
    """Yield the place of every output that runs have made in `results`, sorted."""
    folder = results / _OUTPUTS
    yield from sorted(
        str((Path(parent) / name).relative_to(folder)).removesuffix(_SUFFIX)
        for parent, folders, files in os.walk(folder)
        for name in [*files, *(name for name in folders if name.endswith(_SUFFIX))]
        if name.endswith(_SUFFIX)
    )

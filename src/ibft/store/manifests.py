"""Manifests: each output has one, with its digest and how it came about, by which readers find it unfit to be used.

`<file>.manifest.json` describes a file, `manifest.json` inside it a folder; either is written last. Whoever reads an
output verifies it first, so that a truncated, altered, exchanged or outdated one is named before it is used.

Inside a results folder `ibft.store.output_records` keeps a copy of each manifest. An output that comes out as it is
recorded gets the recorded manifest, byte for byte, though it was made at another time: whoever reads a manifest sees
no change.
"""

import hashlib
import importlib.metadata
import json
import os
import platform
import re
import shlex
import sys
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from ibft.runtime.errors import UserError
from ibft.store.code_digest import code_digest
from ibft.store.files import write_bytes
from ibft.store.output_records import read_record, write_record

FORMAT = 1  # raised when manifests, or the layout of folders that they describe, change their meaning
RESULTS_VARIABLE = "IBFT_RESULTS"  # where the workflow that runs this process keeps its results
CONFIG_VARIABLE = "IBFT_CONFIG_DIGEST"  # the digest of its configuration
REMEDY = "`ibft verify --repair` rebuilds it; then rerun Snakemake"
_VERSIONED = ("ibft", "torch", "transformers", "peft", "pandas", "pyarrow", "snakemake")
# Facts of this run, which say nothing about the output itself.
_CIRCUMSTANCES = {"command", "config", "python", "versions", "host", "written"}
_CIRCUMSTANCES |= {"seconds", "wall_s", "peak_memory_mib", "processes", "deepspeed", "trained_together"}
_SHA256 = re.compile("[0-9a-f]{64}")


def write_manifest(path: Path, **facts: Any) -> None:
    """Describe the finished file or folder `path`. `facts` are what its stage wants to be remembered."""
    results = _results()
    place = _place(path, results)
    manifest = {
        "format": FORMAT,
        "sha256": _digests(path),
        "place": place,
        "command": shlex.join(sys.argv),
        "code": _code(),
        "config": os.environ.get(CONFIG_VARIABLE),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in _VERSIONED},
        "host": _host(),
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        **facts,
    }
    content = json.dumps(manifest, indent=2, sort_keys=True).encode() + b"\n"
    if results and place:
        content = _recorded_if_same(results, place, content)
        write_record(results, place, content)  # before the manifest: what was killed in between has none, and is remade
    write_bytes(manifest_path(path), content)


def write_output(path: Path, content: bytes, **facts: Any) -> None:
    """Write an output that is no table, atomically, and its manifest."""
    write_bytes(path, content)
    write_manifest(path, **facts)


def read_manifest(path: Path) -> dict[str, Any]:
    """Return the manifest of a file or folder.

    Raises:
        UserError: it is absent or no manifest of this format.
    """
    place = manifest_path(path)
    if not os.path.lexists(place):
        raise UserError(f"{path} has no manifest beside it, so it may be half-written: {REMEDY}")
    found = parse_manifest(place.read_bytes()) if place.is_file() else None  # to read a pipe would take for ever
    if found is None:
        raise UserError(f"{place} is damaged, no manifest: {REMEDY}")
    if found["format"] != FORMAT:
        raise UserError(f"{path} was written by another version of ibft: {REMEDY}")
    return found


def verify(path: Path, results: Path | None = None) -> None:
    """Raise unless `path` is there and has the content that its manifest records.

    Args:
        results: the results folder that `path` must stand in where it was written for; else that of the workflow
            which runs this process. Files that were written or are read by hand may stand anywhere.

    Raises:
        UserError: it is missing, damaged, exchanged for another output, or of another format; the sentence says which.
    """
    if not path.exists():
        raise UserError(f"{path} is missing: {REMEDY}")
    manifest = read_manifest(path)
    recorded = manifest["sha256"]
    expected = {path: recorded} if isinstance(recorded, str) else {path / name: d for name, d in recorded.items()}
    for file, digest in expected.items():
        if not file.is_file():
            raise UserError(f"{file} is missing: {REMEDY}")
        if sha256(file) != digest:
            raise UserError(f"{file} is damaged (its content differs from its manifest): {REMEDY}")
    if path.is_dir() and (unknown := sorted(_files(path) - set(expected))):
        raise UserError(f"{unknown[0]} was not there when {path} was written: {REMEDY}")
    results = results or _results()
    place = _place(path, results)
    if results and place:
        if manifest["place"] and place != manifest["place"]:
            raise UserError(f"{path} is another output, {manifest['place']}, in its place: {REMEDY}")
        if (made := read_record(results, place)) and made != manifest_path(path).read_bytes():
            raise UserError(f"{path} is another one than the run made last, by its manifest: {REMEDY}")


def folder_of(text: str) -> Path:
    """Return the folder of an output, for argparse; also of its manifest, by which Snakemake knows it."""
    path = Path(text)
    return path.parent if path.name == "manifest.json" else path


def manifest_path(path: Path) -> Path:
    return path / "manifest.json" if path.is_dir() else path.with_name(f"{path.name}.manifest.json")


def sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _digests(path: Path) -> str | dict[str, str]:
    if not path.is_dir():
        return sha256(path)
    return {str(file.relative_to(path)): sha256(file) for file in sorted(_files(path)) if file.is_file()}


def _files(folder: Path) -> set[Path]:
    """All that its manifest describes, and links, pipes and sockets, which no manifest does."""
    found = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return set(found) - {manifest_path(folder)}


def parse_manifest(content: bytes) -> dict[str, Any] | None:
    """Return a manifest; None for anything else."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return None
    well_formed = (
        isinstance(found, dict)
        and {"format", "sha256", "place"} <= set(found)
        and isinstance(found["place"], str | None)
        and isinstance(found.get("table"), str | None)
        and _are_digests(found["sha256"])
    )
    return found if well_formed else None


def _are_digests(found: object) -> bool:
    """Return true for the digest of a file, and for those of a folder's files by name."""
    digests = list(found.values()) if isinstance(found, dict) else [found]
    return bool(digests) and all(isinstance(digest, str) and _SHA256.fullmatch(digest) for digest in digests)


def _recorded_if_same(results: Path, place: str, content: bytes) -> bytes:
    """The recorded manifest of `place`, where it tells of the same output as `content`, which is returned otherwise."""
    try:
        recorded = read_record(results, place)
    except UserError:
        return content  # which takes the place of the damaged record
    made = parse_manifest(recorded) if recorded else None
    return recorded if recorded and made and _essence(made) == _essence(json.loads(content)) else content


def _essence(manifest: dict[str, Any]) -> dict[str, Any]:
    return {name: fact for name, fact in manifest.items() if name not in _CIRCUMSTANCES}


def _results() -> Path | None:
    named = os.environ.get(RESULTS_VARIABLE)
    return Path(named) if named else None


def _place(path: Path, results: Path | None) -> str | None:
    """Return the place of `path` in `results`, by its name and not by what it links to; None outside of it."""
    if results is None:
        return None
    for name, folder in ((path.absolute(), results.absolute()), (path.parent.resolve() / path.name, results.resolve())):
        if name.is_relative_to(folder):
            return name.relative_to(folder).as_posix()
    return None


@cache
def _code() -> str | None:
    """Return the digest of the running command's code, where it is one of the project's."""
    script = Path(sys.argv[0])
    return code_digest(script) if script.suffix == ".py" and script.is_file() else None


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _host() -> dict[str, Any]:
    return {
        "system": platform.platform(),
        "cpus": os.cpu_count(),
        "memory_mib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20,
    }

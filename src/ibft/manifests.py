"""What stands beside every output: its digest, how it came about, and what makes it unfit to be used.

`<file>.manifest.json` describes a file, `manifest.json` inside it a folder; either is written last. Whoever reads an
output verifies it first, so that a truncated, altered, exchanged or outdated one is named before it is used.
"""

import hashlib
import importlib.metadata
import json
import os
import platform
import shlex
import sys
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from ibft.code_digest import code_digest
from ibft.errors import UserError
from ibft.files import write_bytes

FORMAT = 1  # raised when manifests, or the layout of folders that they describe, change their meaning
RESULTS_VARIABLE = "IBFT_RESULTS"  # where the workflow that runs this process keeps its results
CONFIG_VARIABLE = "IBFT_CONFIG_DIGEST"  # the digest of its configuration
REMEDY = "delete it and rerun Snakemake, which rebuilds it"
_VERSIONED = ("ibft", "torch", "transformers", "peft", "pandas", "pyarrow", "snakemake")


def write_manifest(path: Path, **facts: Any) -> None:
    """Describe the finished file or folder `path`. `facts` are what its stage wants to be remembered."""
    manifest = {
        "format": FORMAT,
        "sha256": _digests(path),
        "place": _place(path, _results()),
        "command": shlex.join(sys.argv),
        "code": _code(),
        "config": os.environ.get(CONFIG_VARIABLE),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in _VERSIONED},
        "host": _host(),
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        **facts,
    }
    write_bytes(manifest_path(path), json.dumps(manifest, indent=2, sort_keys=True).encode() + b"\n")


def write_output(path: Path, content: bytes, **facts: Any) -> None:
    """Write an output that is no table, atomically, and its manifest."""
    write_bytes(path, content)
    write_manifest(path, **facts)


def read_manifest(path: Path) -> dict[str, Any]:
    """The manifest of a file or folder.

    Raises:
        UserError: it is absent or no manifest of this format.
    """
    place = manifest_path(path)
    try:
        found = json.loads(place.read_bytes())
    except FileNotFoundError:
        raise UserError(f"{path} has no manifest beside it, so it may be half-written: {REMEDY}") from None
    except ValueError:
        found = None
    if not isinstance(found, dict) or "sha256" not in found:
        raise UserError(f"{place} is damaged: delete {path} and rerun Snakemake, which rebuilds both")
    if found.get("format") != FORMAT:
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
        raise UserError(f"{path} is missing: rerun Snakemake, which builds it")
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
    place = _place(path, results or _results())
    if place and manifest["place"] and place != manifest["place"]:
        raise UserError(f"{path} is another output, {manifest['place']}, in its place: {REMEDY}")


def manifest_path(path: Path) -> Path:
    return path / "manifest.json" if path.is_dir() else path.with_name(f"{path.name}.manifest.json")


def sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _digests(path: Path) -> str | dict[str, str]:
    if not path.is_dir():
        return sha256(path)
    return {str(file.relative_to(path)): sha256(file) for file in sorted(_files(path))}


def _files(folder: Path) -> set[Path]:
    """All that its manifest describes."""
    return {path for path in folder.rglob("*") if path.is_file() and path != manifest_path(folder)}


def _results() -> Path | None:
    named = os.environ.get(RESULTS_VARIABLE)
    return Path(named) if named else None


def _place(path: Path, results: Path | None) -> str | None:
    """Where `path` stands in `results`; None outside of it."""
    if results is None or not path.resolve().is_relative_to(results.resolve()):
        return None
    return path.resolve().relative_to(results.resolve()).as_posix()


@cache
def _code() -> str | None:
    """The digest of the running command's code, where it is one of the project's."""
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

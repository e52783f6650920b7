"""Kinds of damage that an output of a run may suffer: each takes a `Place` and damages the output there."""

import json
import os
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from ibft.store import manifests
from ibft.store.manifests import manifest_path, read_manifest, write_manifest
from ibft.store.output_records import record_path
from ibft.store.repair import remove

Reader = tuple[Callable[[Namespace], None], Namespace]  # a stage's main function, and what it is called with


@dataclass(frozen=True)
class Place:
    """One output, one of the same kind (or else any other), and the stages that read it."""

    output: Path
    other: Path
    readers: list[Reader]
    name: str  # its place in the results folder

    @property
    def file(self) -> Path:
        return largest_file(self.output)


def largest_file(output: Path) -> Path:
    files = [path for path in output.rglob("*") if path.is_file() and path != manifest_path(output)]
    return max(files, key=lambda path: path.stat().st_size) if output.is_dir() else output


def truncate(place: Place) -> None:
    place.file.write_bytes(place.file.read_bytes()[:-1])


def flip(place: Place) -> None:
    content = bytearray(place.file.read_bytes())
    content[len(content) // 2] ^= 1
    place.file.write_bytes(content)


def delete(place: Place) -> None:
    place.file.unlink()


def swap(place: Place) -> None:
    """Exchange two outputs and their manifests; a manifest alone would not show it."""
    saved = place.output.with_name("saved")
    for first, second in zip(everything_of(place.output), everything_of(place.other), strict=True):
        first.rename(saved)
        second.rename(first)
        saved.rename(second)


def everything_of(output: Path) -> list[Path]:
    return [output] if output.is_dir() else [output, manifest_path(output)]


def smuggle(place: Place) -> None:
    """Something that no stage wrote; a lone file has no room for it, so that it is put at its end."""
    stranger = place.output / "stranger.bin" if place.output.is_dir() else place.output
    with stranger.open("ab") as stream:
        stream.write(b"something else")


def age(place: Place) -> None:
    """Make it look like an output of an earlier version of ibft."""
    facts = read_manifest(place.output)
    if place.output.suffix == ".parquet":
        table = pq.read_table(place.output)
        pq.write_table(table.replace_schema_metadata({**table.schema.metadata, b"ibft.version": b"0"}), place.output)
        facts = {name: facts[name] for name in ("table", "rows")}
        write_manifest(place.output, **facts)
    else:
        write_manifest(place.output, format=manifests.FORMAT - 1)


def empty(place: Place) -> None:
    """Take away a file's content, or a folder's files."""
    for file in files_of([place.output]):
        if place.output.is_dir():
            file.unlink()
        else:
            file.write_bytes(b"")


def lose(place: Place) -> None:
    """Remove the output and its manifest."""
    for part in everything_of(place.output):
        remove(part)


def lose_manifest(place: Place) -> None:
    manifest_path(place.output).unlink()


def alter_facts(place: Place) -> None:
    rewrite(place, **{name: "altered" for name in ("rows", "code", "config")})


def forget_digests(place: Place) -> None:
    rewrite(place, sha256={})


def number_as_digest(place: Place) -> None:
    rewrite(place, sha256=17)


def garble_manifest(place: Place) -> None:
    manifest_path(place.output).write_text("[" * 100_000)


def folder_as_manifest(place: Place) -> None:
    manifest = manifest_path(place.output)
    manifest.unlink()
    manifest.mkdir()
    (manifest / "something").touch()


def pipe_as_manifest(place: Place) -> None:
    manifest = manifest_path(place.output)
    manifest.unlink()
    os.mkfifo(manifest)


def dead_link(place: Place) -> None:
    file = place.file
    file.unlink()
    file.symlink_to("nowhere")


def pipe(place: Place) -> None:
    file = place.file
    file.unlink()
    os.mkfifo(file)


def folder(place: Place) -> None:
    file = place.file
    file.unlink()
    file.mkdir()


def put_back(place: Place) -> None:
    """An older output with its manifest."""
    file = place.file
    made = record_path(results_of(place), place.name).read_bytes()
    file.write_bytes(file.read_bytes() + b" ")
    facts = {name: fact for name, fact in read_manifest(place.output).items() if name != "sha256"}
    write_manifest(place.output, **{**facts, "written": "1999-01-01T00:00:00+00:00"})
    record_path(results_of(place), place.name).write_bytes(made)


def lose_record(place: Place) -> None:
    record_path(results_of(place), place.name).unlink()


def rewrite(place: Place, **facts: object) -> None:
    manifest = manifest_path(place.output)
    manifest.write_text(json.dumps({**json.loads(manifest.read_bytes()), **facts}, indent=2, sort_keys=True) + "\n")


def files_of(parts: list[Path]) -> list[Path]:
    return [file for part in parts for file in (part.rglob("*") if part.is_dir() else [part]) if file.is_file()]


def results_of(place: Place) -> Path:
    return place.output.parents[place.name.count("/")]


DAMAGES: list[Callable[[Place], None]] = [truncate, flip, delete, swap, smuggle, age]
MORE_DAMAGES: list[Callable[[Place], None]] = [
    *(empty, lose, lose_manifest, alter_facts, forget_digests, number_as_digest, garble_manifest),
    *(folder_as_manifest, pipe_as_manifest, dead_link, pipe, folder, put_back, lose_record),
]

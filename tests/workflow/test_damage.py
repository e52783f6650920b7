"""Every kind of damage to every kind of output is noticed, by `ibft verify` and by the stage that reads it."""

import shlex
import shutil
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from runpy import run_path

import pyarrow.parquet as pq
import pytest

from ibft import manifests
from ibft.errors import UserError
from ibft.manifests import manifest_path, read_manifest, write_manifest
from ibft.verification import examine, outputs_of
from tests.workflow.conftest import Checkout

Reader = tuple[Callable[[Namespace], None], Namespace]  # a stage's main function, and what it is called with


@dataclass(frozen=True)
class Place:
    """One output, one of the same kind (or else any other), and the stages that read it."""

    output: Path
    other: Path
    readers: list[Reader]

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
    """With the manifests, which alone would not show it."""
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
    """As an earlier version of ibft would have left it."""
    facts = read_manifest(place.output)
    if place.output.suffix == ".parquet":
        table = pq.read_table(place.output)
        pq.write_table(table.replace_schema_metadata({**table.schema.metadata, b"ibft.version": b"0"}), place.output)
        facts = {name: facts[name] for name in ("table", "rows")}
        write_manifest(place.output, **facts)
    else:
        write_manifest(place.output, format=manifests.FORMAT - 1)


# Read by people alone, or only where the run asks for it.
UNREAD = {"figures.png", "tables.csv", "tables.md", "tables.tex", "report.html", "training.csv"}
DAMAGES: list[Callable[[Place], None]] = [truncate, flip, delete, swap, smuggle, age]


def kind(output: Path, results: Path) -> str:
    """Tables by name, everything else by where it lies."""
    manifest = read_manifest(output)
    return str(manifest.get("table") or Path(output.relative_to(results).parts[0]).stem + output.suffix)


@pytest.fixture(scope="module")
def places(finished: Checkout, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Place]:
    """For each kind of output one of it, in a copy of the finished run."""
    root = tmp_path_factory.mktemp("damage") / "check out"
    shutil.copytree(finished.root, root, symlinks=True)
    results = Checkout(root).work / "results"
    by_kind: dict[str, list[Path]] = {}
    for output in outputs_of(results):
        by_kind.setdefault(kind(output, results), []).append(output)
    files = [output for outputs in by_kind.values() for output in outputs if not output.is_dir()]
    folders = [output for outputs in by_kind.values() for output in outputs if output.is_dir()]

    def other(output: Path, alike: list[Path]) -> Path:
        return next(path for path in [*alike, *(folders if output.is_dir() else files)] if path != output)

    with pytest.MonkeyPatch.context() as moved:
        moved.chdir(results.parent)  # scripts are named as seen from there
        return {
            name: Place(outputs[-1], other(outputs[-1], outputs), list(readers_of(outputs[-1], results.parent)))
            for name, outputs in by_kind.items()
        }


@pytest.fixture
def work(places: dict[str, Place], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory of the copy, as the jobs of its workflow see it."""
    folder = next(iter(places.values())).output
    while folder.name != "work":
        folder = folder.parent
    monkeypatch.chdir(folder)
    monkeypatch.setenv(manifests.RESULTS_VARIABLE, "results")
    return folder


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_damage_is_noticed_before_use(places: dict[str, Place], work: Path, damage: Callable[[Place], None]) -> None:
    assert len(places) > 20
    unread = set()
    for name, place in places.items():
        with damaged(place, damage):
            finding = examine(place.output, work / "results")
            assert finding and place.output.name in finding.reason, (name, damage.__name__)
            for main, arguments in place.readers:
                with pytest.raises(UserError, match=r"missing|lacks|damaged|manifest|another|version|was not there"):
                    main(arguments)
            if not place.readers:
                unread.add(name)
    assert unread == UNREAD


def files_of(parts: list[Path]) -> list[Path]:
    return [file for part in parts for file in (part.rglob("*") if part.is_dir() else [part]) if file.is_file()]


@contextmanager
def damaged(place: Place, damage: Callable[[Place], None]) -> Iterator[None]:
    """Inside, the outputs of `place` are damaged; outside they are as before."""
    parts = [part for output in (place.output, place.other) for part in everything_of(output)]
    saved = {file: file.read_bytes() for file in files_of(parts)}
    damage(place)
    try:
        yield
    finally:
        for file in files_of(parts):
            file.unlink()
        for file, content in saved.items():
            file.write_bytes(content)


def readers_of(output: Path, work: Path) -> Iterator[Reader]:
    """The commands of the run that read `output`, one for each script, ready to be called again."""
    place = output.relative_to(work)
    read = {place.as_posix(), *(folder.as_posix() for folder in place.parents[:-2])}  # some take a whole folder
    seen = set()
    for command in commands(work):
        script, *words = shlex.split(command)
        reads = command != read_manifest(output)["command"] and any({w, w.partition("=")[2]} & read for w in words)
        if reads and script not in seen:
            seen.add(script)
            names = run_path(script)
            arguments = names["parser"]().parse_args(words)
            if "outputs" in arguments:  # what is drawn already would be left as it is, and nothing be read
                arguments.outputs = [Path("drawn-again", path.name) for path in arguments.outputs]
            yield names["main"], arguments


@cache
def commands(work: Path) -> list[str]:
    """The command lines that made the outputs."""
    return [read_manifest(output)["command"] for output in outputs_of(work / "results")]

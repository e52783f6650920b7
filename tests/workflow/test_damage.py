"""Every kind of damage to every kind of output is noticed and repaired, by `ibft verify` and the command it prints.

Repair removes what is damaged, and asks Snakemake for it. So each cell of kinds of damage and of outputs is damaged and
found, and its repair shown to leave the results as if the output had never been made and to ask for that output. Then
all outputs are damaged at once, each in another way, and the printed command makes them again, to the same bytes.
"""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from runpy import run_path

import pytest

from ibft.commands.verify import examine, outputs_of
from ibft.runtime.errors import UserError
from ibft.store import manifests
from ibft.store.manifests import manifest_path, read_manifest
from ibft.store.output_records import KEPT, record_path
from ibft.store.repair import parts_of, plan_repairs, remove
from ibft.store.run_records import read_runs
from tests.workflow.conftest import Checkout
from tests.workflow.damages import (
    DAMAGES,
    MORE_DAMAGES,
    Place,
    Reader,
    age,
    empty,
    everything_of,
    files_of,
    lose_record,
    results_of,
    swap,
)

# Read by people alone, or only where the run asks for it.
UNREAD = {"figures.png", "tables.csv", "tables.md", "tables.tex", "report.html"}
MADE_ANEW = (KEPT, "logs", "benchmarks")  # in the results folder


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
            name: Place(
                outputs[-1],
                other(outputs[-1], outputs),
                list(readers_of(outputs[-1], results.parent)),
                outputs[-1].relative_to(results).as_posix(),
            )
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


@pytest.mark.parametrize("damage", [*DAMAGES, *MORE_DAMAGES], ids=lambda damage: damage.__name__)
def test_repair_removes_what_is_damaged_and_asks_for_it(
    places: dict[str, Place], work: Path, damage: Callable[[Place], None]
) -> None:
    results = work / "results"
    runs = read_runs(results)
    for name, place in places.items():
        before = state(results)
        pair = (place.output, place.other)
        targets = {output: output / "manifest.json" if output.is_dir() else output for output in pair}
        with damaged(place, damage):
            broken = {output for output in set(outputs_of(results)) & set(pair) if examine(output, results)}
            assert broken == (set(pair) if damage is swap else {place.output}), (name, damage)
            named = {output.relative_to(results).as_posix(): output for output in broken}
            (repair,), unknown = plan_repairs(named, runs)
            assert not unknown
            for part in repair.removed:
                remove(part)
            lost = tuple(f"{part}/" for output in broken for part in parts_of(output))
            assert state(results) == {file: at for file, at in before.items() if not f"{file}/".startswith(lost)}
            *first, last = [command.words[len(repair.run.options) :] for command in repair.commands]
            asked = {word for words in first for word in words[1:]}
            assert asked == {str(targets[output].relative_to(work)) for output in broken}
            assert last == ("--", "all")


def state(folder: Path | str) -> dict[str, tuple[int, int]]:
    """When each file was last written, and its size; records, which are written again, left out."""
    found = {}
    for entry in os.scandir(folder):  # not `rglob`: all files are looked at a thousand times
        if entry.is_dir(follow_symlinks=False):
            found |= state(entry.path) if entry.name != KEPT else {}
        elif entry.is_file():
            at = entry.stat()
            found[entry.path] = (at.st_size, at.st_mtime_ns)
    return found


@contextmanager
def damaged(place: Place, damage: Callable[[Place], None]) -> Iterator[None]:
    """Inside, the outputs of `place` are damaged; outside they are as before."""
    parts = [part for output in (place.output, place.other) for part in everything_of(output)]
    parts += [record_path(results_of(place), at.relative_to(results_of(place)).as_posix()) for at in parts]
    saved = {file: file.read_bytes() for file in files_of(parts)}
    damage(place)
    try:
        yield
    finally:
        for part in parts:
            remove(part)
        for file, content in saved.items():
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(content)


def readers_of(output: Path, work: Path) -> Iterator[Reader]:
    """The commands of the run that read `output`, one for each script, ready to be called again."""
    place = output.relative_to(work)
    read = {place.as_posix(), *(folder.as_posix() for folder in place.parents[:-2])}  # some take a whole folder
    seen = set()
    for command in commands(work):
        script, *words = shlex.split(command)
        named = {name for word in told_to_read(words) for name in (word, word.partition("=")[2])}
        reads = command != read_manifest(output)["command"] and bool(named & read)
        if reads and script not in seen:
            seen.add(script)
            names = run_path(script)
            arguments = names["parser"]().parse_args(words)
            if "outputs" in arguments:  # what is drawn already would be left as it is, and nothing be read
                arguments.outputs = [Path("drawn-again", path.name) for path in arguments.outputs]
            yield names["main"], arguments


def told_to_read(words: list[str]) -> list[str]:
    """Return the words of a command; for a manifest, the folder that it stands for."""
    return [word.removesuffix("/manifest.json") for word in words]


@cache
def commands(work: Path) -> list[str]:
    """The command lines that made the outputs."""
    return [read_manifest(output)["command"] for output in outputs_of(work / "results")]


def content(results: Path) -> dict[str, bytes]:
    """Every file of a run but for logs and times."""
    own = [path for path in results.rglob("*") if path.relative_to(results).parts[0] not in MADE_ANEW]
    return {str(path.relative_to(results)): path.read_bytes() for path in own if path.is_file()}


def shell(checkout: Checkout, line: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Return all that a user sees who types this in the working directory."""
    environment = {**checkout.environment(), **variables}
    return subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, env=environment, cwd=checkout.work, check=False
    )


def printed_command(checkout: Checkout) -> str:
    run = shell(checkout, "ibft verify")
    assert run.returncode == 1, run.stdout + run.stderr
    _, told, line = run.stderr.partition("`ibft verify --repair` runs this:\n")
    assert told and re.fullmatch(r".* --unlock --quiet\)? && rm -rf -- .* -- all\)?\n", line), run.stderr
    return line


def test_all_outputs_damaged_at_once_are_made_again_to_the_same_bytes(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(checkout.work)
    monkeypatch.setenv(manifests.RESULTS_VARIABLE, "results")
    results = checkout.work / "results"
    before, alone = content(results), [damage for damage in (*DAMAGES, *MORE_DAMAGES) if damage is not swap]
    outputs = outputs_of(results)
    without_record = set()  # their manifests tell when they are made again; all others come out as they were
    for number, output in enumerate(outputs):
        damage = alone[number % len(alone)]
        if damage in (age, lose_record):
            without_record.add(str(manifest_path(output).relative_to(results)))
        damage(Place(output, output, [], output.relative_to(results).as_posix()))
    assert len(outputs) > 4 * len(alone)
    command = printed_command(checkout)
    run = shell(checkout, command)
    assert run.returncode == 0, run.stdout + run.stderr
    after = content(results)
    assert after.keys() == before.keys()
    assert {name for name in after if after[name] != before[name]} == without_record
    run = shell(checkout, "ibft verify")
    assert f"all {len(outputs)} outputs in results are as they were written" in run.stdout, run.stdout + run.stderr


def test_one_output_of_each_stage_is_made_again_and_nothing_that_depends_on_it(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(checkout.work)
    results = checkout.work / "results"
    before, written = content(results), state(results)
    adapter = results / "training/tiny/rtl/ft-mink-keep0.5/seed0/adapter"
    samples = results / "samples/tiny/rtl/ft-mink-keep0.5/seed0/rtl-mini/T0.5/trial0.parquet"
    counts = results / "metrics/all/pass_counts.parquet"
    for output in (adapter, samples, counts):
        empty(Place(output, output, [], ""))
    run = shell(checkout, "ibft verify --repair")
    assert run.returncode == 0, run.stdout + run.stderr
    assert content(results) == before
    changed = {Path(file) for file, at in state(results).items() if at != written[file]}
    remade = {file for file in changed if set(MADE_ANEW).isdisjoint(file.parts)}
    log = adapter.with_name("training_log.parquet")
    parts = {*files_of([adapter]), *(part for output in (samples, counts, log) for part in everything_of(output))}
    assert remade == parts


DIFFERS = """
import pyarrow.parquet
write = pyarrow.parquet.ParquetWriter.__init__
pyarrow.parquet.ParquetWriter.__init__ = lambda *a, **k: write(*a, **{**k, "compression": "snappy"})
"""


def test_what_depends_on_an_output_that_comes_out_otherwise_is_made_again(checkout: Checkout, tmp_path: Path) -> None:
    """As another version of a library would write it."""
    results = checkout.work / "results"
    before, written = content(results), state(results)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "sitecustomize.py").write_text(DIFFERS)
    (results / "metrics" / "all" / "comparisons.parquet").unlink()
    other = os.pathsep.join([str(tmp_path / "other"), checkout.environment()["PYTHONPATH"]])
    run = shell(checkout, "ibft verify --repair", PYTHONPATH=other)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "comparisons.parquet differs from what it was before" in run.stdout
    changed = {name for name, bytes_ in content(results).items() if bytes_ != before[name]}
    assert {f"metrics/all/{name}.parquet" for name in ("comparisons", "metrics")} <= changed
    assert "tables/all/headline.parquet" in changed
    late = [results / "report.html", *results.glob("figures/all/pass_at_k_m*.png"), *results.glob("tables/all/*.csv")]
    assert len(late) > 4
    now = state(results)
    assert all(now[str(file)] != written[str(file)] for file in late)
    assert all(now[str(file)] == written[str(file)] for file in results.rglob("verdicts/**/*.parquet"))

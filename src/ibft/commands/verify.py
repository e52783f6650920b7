"""`ibft verify RESULTS`: is every output that a run made there, whole, unaltered, in its place and of this version?

What stages read they verify themselves. This looks at everything at once, after a disk was full, a machine lost power,
or results were copied from elsewhere, and prints a command that makes what is damaged again: `--repair` runs it. Where
an output comes out as it was, all that was made from it stays; otherwise that is made again, too.

What the run made stands in RESULTS/.ibft, apart from the outputs: keep it with them when you copy results.
"""

import argparse
import os
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pyarrow import ArrowException

from ibft.runtime.errors import UserError
from ibft.runtime.progress import progress
from ibft.store.manifests import REMEDY, parse_manifest, read_manifest, verify
from ibft.store.output_records import KEPT, read_record, record_path, recorded_places
from ibft.store.parquet import check_table
from ibft.store.repair import Repair, plan_repairs
from ibft.store.run_records import read_runs
from ibft.store.schemas import TABLES, Table

# Snakemake's own.
_WITHOUT_MANIFESTS = (KEPT, "logs", "benchmarks")
# Unfinished work, which the next run checks and goes on from, or removes.
_UNFINISHED = (".journal", ".tmp", "checkpoint.safetensors")
_MANIFEST = ".manifest.json"


@dataclass(frozen=True)
class Finding:
    """An output that must not be used, and why."""

    path: Path
    reason: str


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "verify",
        help="check every output of a run, and make damaged ones again",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("results", type=Path, nargs="?", default=Path("results"), help="results folder of the run")
    parser.add_argument("--repair", action="store_true", help="remove what is damaged, and run the printed command")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Print what is damaged, with the command that rebuilds it, or run that.

    Raises:
        UserError: there is something damaged, and stays so; or no such folder.
    """
    results: Path = arguments.results
    if not results.is_dir():
        raise UserError(f"{results} is no folder: give the results folder of a run")
    for other in sorted(runs_inside(results)):
        print(f"{other} is a run of its own: uv run ibft verify {shlex.quote(str(other))}")
    outputs, findings = report(results)
    closed = list(unreadable(results))
    if closed:
        raise UserError(f"{', '.join(closed)}: make readable what is in {results}, and verify it again")
    if not findings:
        return
    damaged = {found.path.relative_to(results).as_posix(): found.path for found in findings}
    repairs, unknown = plan_repairs(damaged, read_runs(results))
    if arguments.repair and repairs:
        apply(repairs, results)
        outputs, findings = report(results)
        repairs = []
    if findings:
        told = f"{len(findings)} of {outputs} outputs in {results} must not be used"
        raise UserError("; ".join([told, *advice(repairs, unknown, results)]))


def report(results: Path) -> tuple[int, list[Finding]]:
    """Examine every output and print what is wrong with each; how many outputs there are, and the findings."""
    outputs = outputs_of(results)
    findings = []
    with progress("verifying", unit="outputs", total=len(outputs)) as bar:
        for output in outputs:
            if found := examine(output, results):
                findings.append(found)
            bar.advance()
    for found in findings:
        print(found.reason)
    if not findings:
        print(f"all {len(outputs)} outputs in {results} are as they were written")
    return len(outputs), findings


def apply(repairs: Iterable[Repair], results: Path) -> None:
    """Run the repairs, and tell of outputs that came out otherwise."""
    made = {place: _content(results, place) for repair in repairs for place in repair.places}
    for repair in repairs:
        print(repair)
        if not repair.apply():
            raise UserError("Snakemake stopped, see above: what was damaged is removed, and the same command goes on")
    for place, content in made.items():
        if content and content != _content(results, place):
            print(f"{results / place} differs from what it was before; what was made from it is made again, too")


def advice(repairs: list[Repair], unknown: list[str], results: Path) -> Iterator[str]:
    """Tell the user how to treat `unknown` places, and damaged outputs that some run can make again."""
    made = [place for place in unknown if os.path.lexists(record_path(results, place))]
    strangers = [place for place in unknown if place not in made]
    if made:
        yield (
            f"how to make {_paths(results, made)} is not recorded here: remove them, and name them as targets of "
            "`ibft resume` with the options of their run; if they belong to no run any more, remove them and "
            f"{shlex.join(str(record_path(results, place)) for place in made)}"
        )
    if strangers:
        yield f"no run has made {_paths(results, strangers)}: move it away"
    if repairs:
        yield f"to rebuild what is damaged, `ibft verify --repair` runs this:\n{' && '.join(map(str, repairs))}"


def _paths(results: Path, places: Iterable[str]) -> str:
    return shlex.join(str(results / place) for place in places)


def _content(results: Path, place: str) -> object:
    """Digests of an output as it is recorded; None where its record is damaged or missing."""
    try:
        recorded = read_record(results, place)
    except UserError:
        return None
    made = parse_manifest(recorded) if recorded else None
    return made["sha256"] if made else None


def outputs_of(results: Path) -> list[Path]:
    """Every output that a run has made in `results`, and whatever else lies there, sorted: folders as one."""
    recorded = set(recorded_places(results))
    return sorted({results / place for place in recorded} | set(_found(results, recorded)))


def _found(results: Path, recorded: set[str]) -> Iterator[Path]:
    others = runs_inside(results)
    for parent, folders, files in os.walk(results):
        here = Path(parent)
        if "manifest.json" in [*files, *folders]:
            yield here
            folders.clear()
            continue
        inside = [name for name in folders if _is_output(here / name, results, recorded)]
        for name in [*files, *inside]:
            if not name.endswith(_UNFINISHED):
                yield (here / name).with_name(name.removesuffix(_MANIFEST))
        skipped = {*inside, *(_WITHOUT_MANIFESTS if here == results else ())}
        folders[:] = [name for name in folders if name not in skipped and here / name not in others]


def _is_output(folder: Path, results: Path, recorded: set[str]) -> bool:
    """A folder in the place of an output or of its manifest, though not with a manifest of its own; or a dead link."""
    place = folder.relative_to(results).as_posix()
    return place in recorded or place.endswith(_MANIFEST)


def unreadable(results: Path) -> Iterator[str]:
    """Folders that cannot be looked into, and why."""
    errors: list[OSError] = []
    for _ in os.walk(results, onerror=errors.append):
        pass
    for error in errors:
        yield f"{error.filename} cannot be read ({error.strerror})"


def runs_inside(results: Path) -> set[Path]:
    """The results folders of other runs below `results`, such as results/paper: each has logs and benchmarks."""
    folders = {Path(parent) for parent, names, _ in os.walk(results) if {"logs", "benchmarks"} <= set(names)}
    return folders - {results}


def examine(output: Path, results: Path) -> Finding | None:
    """Return what is wrong with `output`, if anything."""
    try:
        if not output.exists():
            raise UserError(f"{output} is {'a dead link' if output.is_symlink() else 'missing'}: {REMEDY}")
        manifest = read_manifest(output)
        name = manifest.get("table")
        if name is None:
            verify(output, results)
        else:
            check_table(output, _table(output, name), results)
        if manifest["place"] and read_record(results, manifest["place"]) is None:
            raise UserError(f"{output} has no record in {results / KEPT} of the run that made it: {REMEDY}")
    except UserError as error:
        return Finding(output, str(error))
    except (OSError, ArrowException) as error:
        return Finding(output, f"{output} cannot be read ({error}): {REMEDY}")
    return None


def _table(output: Path, name: str) -> Table:
    if name not in TABLES:
        raise UserError(f"{output} holds table {name}, which this version of ibft does not know: {REMEDY}")
    return TABLES[name]

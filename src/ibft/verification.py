"""`ibft verify RESULTS`: is every output of a run whole, unaltered, in its place and of this version?

What stages read they verify themselves. This looks at everything at once: after a disk was full, a machine lost power,
or results were copied from elsewhere.
"""

import argparse
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ibft.errors import UserError
from ibft.manifests import REMEDY, manifest_path, read_manifest, verify
from ibft.progress import track
from ibft.results_folder import MARK
from ibft.storage import check_table
from ibft.tables import TABLES, Table

# Snakemake's own, the mark of the folder, and journals of what engines drew, which are checked entry by entry by
# whoever reads them.
_WITHOUT_MANIFESTS = ("logs", "benchmarks", "draws", MARK)
# Unfinished work, which the next run checks and goes on from, or removes.
_UNFINISHED = (".journal", ".tmp", "checkpoint.safetensors")


@dataclass(frozen=True)
class Finding:
    """An output that must not be used, and why."""

    path: Path
    reason: str


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "verify", help="check every output of a run against its manifest", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("results", type=Path, nargs="?", default=Path("results"), help="results folder of the run")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Print what is damaged, with the command that rebuilds it.

    Raises:
        UserError: there is something damaged, or no such folder.
    """
    if not arguments.results.is_dir():
        raise UserError(f"{arguments.results} is no folder: give the results folder of a run")
    for other in runs_inside(arguments.results):
        print(f"{other} is a run of its own: uv run ibft verify {shlex.quote(str(other))}")
    outputs = list(outputs_of(arguments.results))
    findings = [
        finding
        for output in track(outputs, "verifying", unit="outputs", total=len(outputs))
        if (finding := examine(output, arguments.results))
    ]
    for finding in findings:
        print(finding.reason)
    if findings:
        left = sorted({path for finding in findings for path in _parts(finding.path) if path.exists()})
        removal = f"rm -r {shlex.join(map(str, left))} && " if left else ""
        raise UserError(
            f"{len(findings)} of {len(outputs)} outputs in {arguments.results} must not be used; to rebuild them, with "
            f"the options of the run: {removal}uv run snakemake --cores all"
        )
    print(f"all {len(outputs)} outputs in {arguments.results} are as they were written")


def outputs_of(results: Path) -> Iterator[Path]:
    """Every output under `results`, sorted: folders with a manifest as one, else files, or what is left of them."""
    others = runs_inside(results)
    own = [path for path in results.rglob("*") if not others & set(path.parents)]
    folders = {path.parent for path in own if path.name == "manifest.json"}
    found = set(folders)
    for path in own:
        parts = path.relative_to(results).parts
        if (
            path.is_file()
            and parts[0] not in _WITHOUT_MANIFESTS
            and not path.name.endswith(_UNFINISHED)
            and not folders & set(path.parents)
        ):
            found.add(path.with_name(path.name.removesuffix(".manifest.json")))
    yield from sorted(found)


def runs_inside(results: Path) -> set[Path]:
    """The results folders of other runs below `results`, such as results/paper: each has logs and benchmarks."""
    folders = (path.parent for path in results.rglob("benchmarks") if path.is_dir())
    return {folder for folder in folders if folder != results and (folder / "logs").is_dir()}


def examine(output: Path, results: Path) -> Finding | None:
    """What is wrong with `output`, if anything."""
    try:
        name = read_manifest(output).get("table")
        if name is None:
            verify(output, results)
        else:
            check_table(output, _table(output, name), results)
    except UserError as error:
        return Finding(output, str(error))
    return None


def _table(output: Path, name: str) -> Table:
    if name not in TABLES:
        raise UserError(f"{output} holds table {name}, which this version of ibft does not know: {REMEDY}")
    return TABLES[name]


def _parts(output: Path) -> set[Path]:
    """A file and its manifest; a folder holds its own."""
    return {output} if output.is_dir() else {output, manifest_path(output)}

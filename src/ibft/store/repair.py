"""Make damaged outputs of a run again, and what depends on them if they come out otherwise.

Snakemake makes an output again that is missing and that somebody asks for. As long as all that depends on it is there,
nobody does: so the damaged outputs are removed, and named as targets. Afterwards the run itself is asked for, which
makes again whatever was made from other bytes, and nothing where the bytes are the same.

Between two damaged outputs may lie whole ones, which Snakemake would make again with them. Outputs that depend on a
damaged one through a whole one therefore wait for another start of Snakemake.
"""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path

from ibft.runtime.errors import UserError
from ibft.runtime.locks import check_abandoned
from ibft.store.run_records import Job, RunRecord


@dataclass(frozen=True)
class Command:
    """One start of `ibft resume`, in the folder where the run was started."""

    folder: Path
    words: tuple[str, ...]

    def __str__(self) -> str:
        line = f"{_ibft()} resume {shlex.join(self.words)}"
        return line if self.folder.resolve() == Path.cwd() else f"(cd {shlex.quote(str(self.folder))} && {line})"

    def run(self) -> bool:
        program = [sys.executable, "-c", "from ibft.cli import main; main()", "resume", *self.words]
        return subprocess.run(program, cwd=self.folder, check=False).returncode == 0  # noqa: S603 - the user's own run


@dataclass(frozen=True)
class Repair:
    """Paths to remove, and commands to run then, one after the other until one fails.

    Attributes:
        run: whose outputs these are.
        places: of the damaged outputs in the results folder.
    """

    run: RunRecord
    places: tuple[str, ...]
    removed: tuple[Path, ...]
    commands: tuple[Command, ...]

    def __str__(self) -> str:
        """Write it as one line for a shell. The line stops, before it removes anything, where a workflow is at work."""
        unlock = Command(self.run.folder, (*self.run.options, "--unlock", "--quiet"))
        removal = [str(unlock), f"rm -rf -- {shlex.join(map(str, self.removed))}"] if self.removed else []
        return " && ".join([*removal, *map(str, self.commands)])

    def apply(self) -> bool:
        """Run it; False where a command failed.

        Raises:
            UserError: a workflow is at work in the folder.
        """
        check_abandoned(self.run.work)
        for path in self.removed:
            remove(path)
        return all(command.run() for command in self.commands)


def plan_repairs(damaged: Mapping[str, Path], runs: Sequence[RunRecord]) -> tuple[list[Repair], list[str]]:
    """Plan how to make outputs again, and list the places of those that no run knows how to make.

    Args:
        damaged: place in the results folder -> path of an output.
        runs: the latest first. The latest that knows an output makes it, with all others of its configuration.
    """
    repairs, left = [], dict(damaged)
    while runs:
        alike = [run for run in runs if _alike(runs[0], run)]
        together = _together(alike)
        own = {place: path for place, path in left.items() if place in together.targets_by_place}
        if own:
            repairs.append(_repair(together, own))
        left = {place: path for place, path in left.items() if place not in own}
        runs = [run for run in runs if run not in alike]
    return repairs, sorted(left)


def _alike(run: RunRecord, other: RunRecord) -> bool:
    return run.folder == other.folder and (run.config == other.config or run.options == other.options)


def _together(runs: Sequence[RunRecord]) -> RunRecord:
    """Return the latest of these runs, as if it had been asked for all that they were asked for."""
    jobs = {tuple(job.outputs): job for run in reversed(runs) for job in run.jobs}
    targets = sorted({target for run in runs for target in run.targets or ["all"]})
    return runs[0].model_copy(update={"jobs": list(jobs.values()), "targets": targets})


def _repair(run: RunRecord, damaged: Mapping[str, Path]) -> Repair:
    wanted = sorted(run.targets_by_place[place] for place in damaged)
    removed = {part for path in damaged.values() for part in parts_of(path) if os.path.lexists(part)}
    steps = [*waves(wanted, run.jobs), run.targets]
    commands = [Command(run.folder, (*run.options, "--", *targets)) for targets in steps]
    return Repair(run, tuple(sorted(damaged)), tuple(sorted(removed)), tuple(commands))


def waves(wanted: Sequence[str], jobs: Sequence[Job]) -> list[list[str]]:
    """Share the files `wanted` between starts of Snakemake, so that none makes what is whole again on its way."""
    maker = {output: number for number, job in enumerate(jobs) for output in job.outputs}
    parents = {number: {maker[file] for file in job.inputs if file in maker} for number, job in enumerate(jobs)}
    damaged = {maker[file] for file in wanted}
    after: dict[int, int] = {}  # the wave of the latest damaged job at or above a job; -1 where there is none
    for job in TopologicalSorter(parents).static_order():
        apart = [parent not in damaged and after[parent] >= 0 and job in damaged for parent in parents[job]]
        above = [after[parent] + is_apart for parent, is_apart in zip(parents[job], apart, strict=True)]
        after[job] = max([*above, 0 if job in damaged else -1])
    found: dict[int, list[str]] = {}
    for file in sorted(wanted):
        found.setdefault(after[maker[file]], []).append(file)
    return [found[wave] for wave in sorted(found)]


def parts_of(output: Path) -> set[Path]:
    """Return a file and its manifest; a folder holds its own. Either may be anything, or nothing."""
    return {output, output.with_name(f"{output.name}.manifest.json")}


def remove(path: Path) -> None:
    """Remove a file, a link or a folder, where there is one.

    Raises:
        UserError: that is not permitted.
    """
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except PermissionError as error:
        raise UserError(f"{path} cannot be removed: {error.strerror}") from None


def _ibft() -> str:
    """Return the command as this user calls it."""
    if "UV" in os.environ:
        return "uv run ibft"
    installed = Path(sys.executable).with_name("ibft")
    return "ibft" if shutil.which("ibft") == str(installed) else str(installed)

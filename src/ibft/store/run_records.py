"""The record of a run: its command, and the files that its jobs read and write. By it an output can be made again.

Each workflow writes `results/.ibft/runs/KEY.json` when it starts. The key is a digest of its options and targets, so
that the same command keeps one record.
"""

import argparse
import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from ibft.runtime.errors import UserError
from ibft.store.files import write_bytes
from ibft.store.output_records import KEPT

_RUNS = Path(KEPT) / "runs"
# Options of Snakemake that select what is made in one run, and would make other things in the next.
_OF_ONE_RUN = {
    "allowed_rules",
    "batch",
    "force",
    "forceall",
    "forcerun",
    "ignore_incomplete",
    "omit_from",
    "prioritize",
    "target_jobs",
    "until",
}


class Job(BaseModel):
    """Files of one job, as Snakemake names them: relative to its working directory.

    Attributes:
        stage: the file of its rule, such as training.
        log, benchmark: absent for a target, which runs nothing.
    """

    inputs: list[str]
    outputs: list[str]
    rule: str = ""
    stage: str = ""
    log: str | None = None
    benchmark: str | None = None


class RunRecord(BaseModel):
    """One start of the workflow.

    Attributes:
        folder: where Snakemake was started.
        work: its working directory.
        results: the results folder, relative to `work`.
        snakefile: of the checkout that was run.
        options: of Snakemake, without what selects jobs.
        targets: rules and files that were asked for.
        config: digest of the configuration, as in manifests.
        started: seconds since the epoch.
        jobs: all that the targets need, whether or not they had to run.
    """

    folder: Path
    work: Path
    results: Path
    snakefile: Path
    options: list[str]
    targets: list[str]
    config: str | None
    started: float
    jobs: list[Job]

    def write(self) -> None:
        """Keep this run, unless an earlier start with the same options knows all of it, as where it is repaired."""
        for run in read_runs(self.work / self.results):
            same_start = (run.folder, run.options, run.config) == (self.folder, self.options, self.config)
            if same_start and run.targets != self.targets and self.outputs <= run.outputs:
                return
        key = hashlib.sha256(repr((self.folder, self.options, self.targets)).encode()).hexdigest()[:16]
        write_bytes(self.work / self.results / _RUNS / f"{key}.json", self.model_dump_json().encode() + b"\n")

    def at(self, results: Path) -> "RunRecord | None":
        """This run where its results now are: folders that were moved or copied as a whole can go on as they are.

        None where the results were taken away from what made them.
        """
        if self.results.is_absolute():
            return self if results.absolute() == self.results else None
        work = results.absolute()
        for part in reversed(self.results.parts):
            if work.name != part:
                return None
            work = work.parent
        old, new = self.work, work
        while old.name == new.name and old != new:
            old, new = old.parent, new.parent

        def moved(path: Path) -> Path:
            return new / path.relative_to(old) if path.is_relative_to(old) else path

        if not moved(self.snakefile).exists():
            return None
        options = []
        for name, equals, value in (word.rpartition("=") for word in self.options):
            options.append(name + equals + (str(moved(Path(value))) if Path(value).is_absolute() else value))
        places = {"folder": moved(self.folder), "work": work, "snakefile": moved(self.snakefile)}
        return self.model_copy(update={**places, "options": options})

    @property
    def outputs(self) -> set[str]:
        return {output for job in self.jobs for output in job.outputs}

    @property
    def targets_by_place(self) -> dict[str, str]:
        """Every output that the run can make, as its place in the results folder."""
        found = {}
        for output in self.outputs:
            path = Path(output)
            if path.is_relative_to(self.results):
                place = path.parent if path.name == "manifest.json" else path
                found[place.relative_to(self.results).as_posix()] = output
        return found


def read_runs(results: Path) -> list[RunRecord]:
    """Return the runs that made `results` where it stands now, the latest first.

    Raises:
        UserError: a record is damaged.
    """
    runs = []
    for path in (results / _RUNS).glob("*.json"):
        try:
            runs.append(RunRecord.model_validate_json(path.read_bytes() if path.is_file() else b""))
        except (ValidationError, OSError):
            raise UserError(f"{path}, the record of a run, is damaged: delete it") from None
    here = (run.at(results) for run in runs)
    return sorted((run for run in here if run), key=lambda run: run.started, reverse=True)


def split_options(command: Sequence[str], parser: argparse.ArgumentParser) -> tuple[list[str], list[str]]:
    """Snakemake's command line as options, without those that select jobs, and targets.

    Args:
        command: the words after the program.
        parser: Snakemake's.
    """
    parser.exit_on_error = False
    options, targets = _without_targets(list(command), parser)
    defaults = _parsed([], parser)
    kept = [words for words in _by_option(options) if not _changes(_parsed(words, parser), defaults) <= _OF_ONE_RUN]
    return [word for words in kept for word in words], targets


def _without_targets(command: list[str], parser: argparse.ArgumentParser) -> tuple[list[str], list[str]]:
    """Take the targets out: those behind `--`, and a row of words before it without which all else stays the same."""
    targets = [str(target) for target in _parsed(command, parser)["targets"]]
    end = command.index("--") if "--" in command else len(command)
    options, among = command[:end], targets[: len(targets) - len(command[end + 1 :])]
    wanted = {**_parsed(options, parser), "targets": _parsed([], parser)["targets"]}
    for start in range(len(options) - len(among) + 1):
        rest = [*options[:start], *options[start + len(among) :]]
        if options[start : start + len(among)] == among and _parsed(rest, parser) == wanted:
            return rest, targets
    raise ValueError(f"no targets {among} among {options}")


def _parsed(words: list[str], parser: argparse.ArgumentParser) -> dict[str, Any]:
    """Values of Snakemake's options, as what compares; none where these words alone make no sense."""
    try:
        found = vars(parser.parse_known_args(words)[0])
    except argparse.ArgumentError:
        return {}
    return {name: getattr(value, "__dict__", value) for name, value in found.items()}


def _changes(found: dict[str, Any], defaults: dict[str, Any]) -> set[str]:
    """Return names of the options that are set; `*`, which selects no jobs, where all have their defaults."""
    return {name for name, value in found.items() if value != defaults[name]} or {"*"}


def _by_option(words: Iterable[str]) -> list[list[str]]:
    """Return each option with its values."""
    groups: list[list[str]] = []
    for word in words:
        if word.startswith("-") or not groups:
            groups.append([])
        groups[-1].append(word)
    return groups


def named_profile(options: list[str]) -> list[str]:
    """Return `options` with the profile that only the environment names, which another shell may not do."""
    named = os.environ.get("SNAKEMAKE_PROFILE")
    return [*options, "--profile", named] if named and "--profile" not in options else options

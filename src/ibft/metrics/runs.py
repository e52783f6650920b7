"""Runs by the thousand: named in few words, found in a folder, and read one at a time."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

from ibft.paths import Run
from ibft.runtime.errors import UserError
from ibft.store.manifests import read_manifest
from ibft.store.parquet import read_table
from ibft.store.schemas import Table


def expand_runs(products: Iterable[Sequence[Sequence[Any]]]) -> Iterator[Run]:
    """All runs of some products: each holds the values of every field of `Run`, and stands for all their combinations.

    Thousands of runs fit into a command line so.
    """
    for values in products:
        yield from (Run(*combination) for combination in product(*values))


def runs_of(pass_counts: pd.DataFrame) -> list[Run]:
    """The distinct runs of a PASS_COUNTS frame, in order of appearance."""
    distinct = pass_counts[list(Run._fields)].drop_duplicates()
    return [Run(*row) for row in distinct.itertuples(index=False, name=None)]


def paths_of(runs: Iterable[Run], folder: Path) -> dict[Run, Path]:
    """Return the path of the table of each of `runs` below `folder`.

    Raises:
        UserError: a run has no table there.
    """
    paths = {run: folder / run.path for run in runs}
    for run, path in paths.items():
        if not path.exists():
            raise UserError(f"{folder} lacks {describe(run)}: rerun Snakemake, which builds it")
    return paths


def read_runs(
    folder: Path, table: Table, runs: Iterable[Run], columns: list[str] | None = None
) -> Iterator[tuple[Run, pd.DataFrame]]:
    """Read the table of each of `runs` below `folder`, one at a time: all columns, or only `columns`.

    Raises:
        UserError: the table of a run is absent or damaged.
    """
    for run, path in paths_of(runs, folder).items():
        yield run, read_table(path, table, columns)


def excluded_problems(verdicts: Path) -> dict[str, str]:
    """The problems that could not be judged when `verdicts` was written, and why, as its manifest says."""
    return dict(read_manifest(verdicts).get("excluded", {}))


def constant_passes(verdicts: Path) -> list[str]:
    """The problems that a module with constant outputs passes, as the manifest of `verdicts` says."""
    return list(read_manifest(verdicts).get("constant_passes", []))


def errata(verdicts: Path) -> dict[str, str]:
    """The problems with a known defect, and which, as the manifest of `verdicts` says."""
    return dict(read_manifest(verdicts).get("errata", {}))


def describe(run: Run) -> str:
    return (
        f"model {run.model}, dataset {run.dataset}, method {run.method}, seed {run.seed}, "
        f"benchmark {run.benchmark}, T = {run.temperature:g}, trial {run.trial}"
    )

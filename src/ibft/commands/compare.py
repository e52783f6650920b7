"""`ibft compare RUN_A RUN_B`: which metrics moved beyond noise between two runs, such as before and after a change.

A run is its results folder. What both have is compared problem by problem: the same model, dataset, method, benchmark
and temperature, on the problems that both judged. Differences are tested with a paired permutation test over problems
and corrected (Holm) over everything that is compared, so that a rerun in which nothing changed rarely shows anything.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ibft.config.metrics import Metrics
from ibft.metrics.aggregate import CELL, Cell, cells
from ibft.metrics.compare import holm, sign_flip_p_values
from ibft.metrics.grid import Grid, headline_grid
from ibft.metrics.intervals import bootstrap_interval
from ibft.metrics.notation import plain
from ibft.runtime.errors import UserError
from ibft.store import parquet
from ibft.store.files import write_bytes
from ibft.store.schemas import PASS_COUNTS
from ibft.tables.escaping import as_csv
from ibft.visible import visible

LEVEL = 0.05
COLUMNS = [
    *CELL, "metric", "k", "m", "problems", "before", "after", "difference", "low", "high", "p_value", "p_holm", "moved",
]  # fmt: skip


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "compare", help="which metrics moved between two runs", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("before", type=Path, metavar="RUN_A", help="results folder of one run")
    parser.add_argument("after", type=Path, metavar="RUN_B", help="results folder of the other run")
    parser.add_argument("--all", action="store_true", help="print what did not move as well")
    parser.add_argument("--output", type=Path, help="CSV file for all rows, numbers between 0 and 1")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Compare, print, and write the CSV."""
    before, after = (list(cells(pass_counts_of(folder))) for folder in (arguments.before, arguments.after))
    rows = moved(before, after, Metrics())
    if arguments.output:
        write_bytes(arguments.output, as_csv(rows))
    print(told(rows, arguments.all))
    for name, cell in only_in_one(before, after):
        folder = arguments.before if name == "before" else arguments.after
        print(visible(f"only in {folder}: {'/'.join(map(str, cell.key))}"))


def pass_counts_of(folder: Path) -> pd.DataFrame:
    """PASS_COUNTS of all variants of the run whose results lie in `folder`.

    Raises:
        UserError: the run has none, or they are damaged.
    """
    path = folder / "metrics" / "pass_counts.parquet"
    if not path.exists():
        raise UserError(f"{folder} is no results folder of a finished run: it has no metrics/pass_counts.parquet")
    return parquet.read_table(path, PASS_COUNTS)


def moved(before: list[Cell], after: list[Cell], settings: Metrics) -> pd.DataFrame:
    """One row per cell that both runs have and metric of the headline table, the surest movements first.

    `difference` is after minus before, with its 95% interval over the shared problems; `moved` says whether it stays
    below the 5% level after Holm's correction over all rows. Metrics that need more samples than a run has are left
    out.

    Raises:
        UserError: the runs have nothing in common.
    """
    by_key = {cell.key: cell for cell in after}
    pairs = [(cell, by_key[cell.key]) for cell in before if cell.key in by_key]
    rows = [row for first, second in pairs for row in _rows(*_on_shared_problems(first, second), settings)]
    if not rows:
        raise UserError("the two runs have no variant, benchmark, temperature and problem in common")
    compared = pd.DataFrame(rows, columns=[name for name in COLUMNS if name not in ("p_holm", "moved")])
    compared["p_holm"] = holm(compared["p_value"].to_numpy())
    compared["moved"] = compared["p_holm"] < LEVEL
    surest_first = compared.sort_values(["p_holm", "p_value"], kind="stable", ignore_index=True)
    return pd.DataFrame(surest_first, columns=COLUMNS)


def only_in_one(before: list[Cell], after: list[Cell]) -> Iterator[tuple[str, Cell]]:
    """The cells that one run alone has, and which."""
    for name, own, other in (("before", before, after), ("after", after, before)):
        known = {cell.key for cell in other}
        yield from ((name, cell) for cell in own if cell.key not in known)


def told(rows: pd.DataFrame, everything: bool = False) -> str:
    """The rows that moved, or all, as a table for a terminal, and how many moved."""
    shown = rows if everything else rows[rows["moved"]]
    head = ("", *CELL, "metric", "before", "after", "difference", "95% interval", "p (Holm)")
    lines = [head] + [
        (
            "*" if row["moved"] else "",
            *(visible(str(row[name])) if name != "temperature" else f"{row[name]:g}" for name in CELL),
            row["metric"],
            f"{100 * row['before']:.2f}",
            f"{100 * row['after']:.2f}",
            f"{100 * row['difference']:+.2f}",
            f"{100 * row['low']:+.2f} to {100 * row['high']:+.2f}",
            f"{row['p_holm']:.4f}",
        )
        for _, row in shown.iterrows()
    ]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    summary = f"{rows['moved'].sum()} of {len(rows)} metrics moved beyond noise (p < {LEVEL} after Holm's correction)"
    return "\n".join([*(table if len(lines) > 1 else []), summary])


def _on_shared_problems(first: Cell, second: Cell) -> tuple[Cell, Cell]:
    shared = sorted(set(first.task_ids) & set(second.task_ids))

    def restricted(cell: Cell) -> Cell:
        places = [cell.task_ids.index(task_id) for task_id in shared]
        return replace(cell, task_ids=shared, n_RP=cell.n_RP[:, places], c_RP=cell.c_RP[:, places])

    return restricted(first), restricted(second)


def _rows(before: Cell, after: Cell, settings: Metrics) -> Iterator[dict[str, Any]]:
    if not before.task_ids:
        return
    fewest = int(min(before.n_RP.min(), after.n_RP.min()))
    grid: Grid = [(k, m) for k, m in headline_grid(settings) if k <= fewest]
    if not grid:
        return
    before_PG, after_PG = (
        np.stack([cell.scores(*pair).mean(axis=0) for pair in grid], axis=1) for cell in (before, after)
    )
    differences_PG = after_PG - before_PG
    low_G, high_G = bootstrap_interval(differences_PG, settings.bootstrap, bounds=(-1.0, 1.0))
    p_G = sign_flip_p_values(differences_PG)
    for g, (k, m) in enumerate(grid):
        yield {
            **dict(zip(CELL, before.key, strict=True)),
            "metric": plain(k, m),
            "k": k,
            "m": m,
            "problems": len(before.task_ids),
            "before": float(before_PG[:, g].mean()),
            "after": float(after_PG[:, g].mean()),
            "difference": float(differences_PG[:, g].mean()),
            "low": float(low_G[g]),
            "high": float(high_G[g]),
            "p_value": float(p_G[g]),
        }

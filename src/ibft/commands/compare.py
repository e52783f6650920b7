"""`ibft compare RUN_A RUN_B` tells which metrics moved beyond noise between two runs, as before and after a change.

A run is its results folder. Whatever both have is compared problem by problem: the same model, dataset, method,
benchmark and temperature, on the problems that both judged and the training seeds that both have. Differences are
tested with the paired test of docs/statistics.md and corrected (Holm) over everything that is compared, so that a rerun
in which nothing changed rarely shows anything.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from ibft.config.sections import Metrics
from ibft.metrics.cells import CELL, Cell, cells
from ibft.metrics.compare import compare_runs
from ibft.runtime.errors import UserError
from ibft.statistics.paired import LEVEL
from ibft.store import parquet
from ibft.store.files import write_bytes
from ibft.store.schemas import PASS_COUNTS
from ibft.tables.comparisons import decision
from ibft.tables.render import as_csv, terminal_table
from ibft.visible import visible


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
    rows = compare_runs(before, after, Metrics())
    if arguments.output:
        write_bytes(arguments.output, as_csv(rows))
    print(told(rows, arguments.all))
    for name, cell in only_in_one(before, after):
        folder = arguments.before if name == "before" else arguments.after
        print(visible(f"only in {folder}: {'/'.join(map(str, cell.key))}"))


def pass_counts_of(folder: Path) -> pd.DataFrame:
    """Read PASS_COUNTS of all variants of the run whose results lie in `folder`.

    Raises:
        UserError: the run has none, or they are damaged.
    """
    path = folder / "metrics" / "all" / "pass_counts.parquet"
    if not path.exists():
        raise UserError(f"{folder} is no results folder of a finished run: it has no metrics/all/pass_counts.parquet")
    return parquet.read_table(path, PASS_COUNTS)


def only_in_one(before: list[Cell], after: list[Cell]) -> Iterator[tuple[str, Cell]]:
    """Yield the cells that one run alone has, and which run."""
    for name, own, other in (("before", before, after), ("after", after, before)):
        known = {cell.key for cell in other}
        yield from ((name, cell) for cell in own if cell.key not in known)


def told(rows: pd.DataFrame, everything: bool = False) -> str:
    """Write the rows that moved, or all, as a table for a terminal, and how many moved."""
    shown = rows if everything else rows[rows["moved"]]
    texts = ["", *CELL, "metric"]
    numbers = ["before", "after", "difference", "differ", "95% interval", "p (Holm)"]
    lines = [
        (
            "*" if row["moved"] else "",
            *(str(row[name]) if name != "temperature" else f"{row[name]:g}" for name in CELL),
            row["metric"],
            f"{100 * row['before']:.2f}",
            f"{100 * row['after']:.2f}",
            f"{100 * row['difference']:+.2f}",
            f"{row['discordant']} of {row['problems']}",
            *decision(row),
        )
        for _, row in shown.iterrows()
    ]
    columns = [*((title, False) for title in texts), *((title, True) for title in numbers)]
    summary = f"{rows['moved'].sum()} of {len(rows)} metrics moved beyond noise (p < {LEVEL} after Holm's correction)"
    return "\n".join([*([terminal_table(columns, lines)] if lines else []), summary])

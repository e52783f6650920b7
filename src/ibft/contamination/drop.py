"""Leave out of a dataset the examples that its overlap tables flag."""

from collections.abc import Collection, Iterable
from pathlib import Path

import pandas as pd

from ibft.runtime.errors import UserError


def flagged(contamination: Iterable[pd.DataFrame], example_ids: Collection[str], path: Path) -> set[str]:
    """Return the examples of which some part overlaps with the benchmark.

    Args:
        contamination: CONTAMINATION of one benchmark, in any number of frames.
        example_ids: the dataset.
        path: where the table lies, for the error.

    Raises:
        UserError: the table is not of exactly these examples.
    """
    measured: set[str] = set()
    found: set[str] = set()
    for frame in contamination:
        measured.update(frame["example_id"])
        found.update(frame.loc[frame["contaminated"], "example_id"])
    difference = measured ^ set(example_ids)
    if difference:
        raise UserError(
            f"{len(difference)} examples are in only one of the dataset and {path}, such as {min(difference)}: "
            "delete that file and rerun Snakemake, which measures the overlap again"
        )
    return found

"""Held-out negative log-likelihood of trained models: its curve, its end, and how it compares with that of FT.

Settings are chosen by it and never by a benchmark: which of several settings is best on the problems of a benchmark is
in part luck, and the benchmark could no longer tell.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ibft.runtime.errors import UserError
from ibft.statistics.paired import Paired, paired_test

BySeed = Mapping[int, pd.DataFrame]  # HELD_OUT of one method by training seed


def curve(table: pd.DataFrame) -> pd.Series:
    """Return the mean over examples, in nats per response token, by step; step 0 is the base model."""
    means: pd.Series = table.groupby("step")["nll"].mean()
    return means


def at_the_end(table: pd.DataFrame) -> pd.Series:
    """Return the NLL of each example after the last step."""
    last = table[table["step"] == table["step"].max()]
    of_examples: pd.Series = last.set_index("example_id")["nll"]
    return of_examples


def final_nll(tables: BySeed) -> float:
    """Return the mean over examples and training seeds after the last step."""
    return float(np.mean([at_the_end(table).mean() for table in tables.values()]))


def compare_with(reference: BySeed, tables: BySeed) -> Paired | None:
    """Test the difference from `reference`, paired by example and seed; None where they share no seed.

    Raises:
        UserError: the two were scored on different examples.
    """
    seeds = sorted(set(reference) & set(tables))
    if not seeds:
        return None
    columns = []
    for seed in seeds:
        own, other = at_the_end(tables[seed]), at_the_end(reference[seed])
        if set(own.index) != set(other.index):
            raise UserError(
                "two methods were scored on different held-out examples: rerun Snakemake, which trains anew"
            )
        columns.append((own - other.loc[own.index]).to_numpy())
    return paired_test(np.stack(columns, axis=1)[..., None])

"""A cell holds the pass counts of one method on one benchmark at one temperature, over all its training seeds."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ibft.config.sections import Metrics
from ibft.metrics.pass_at_k import pass_at_k_m_array
from ibft.runtime.errors import UserError

CELL = ["model", "dataset", "method", "benchmark", "temperature"]

Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Cell:
    """Pass counts of P problems under S training seeds, each tried in one trial or more.

    The samples of all trials of a problem are as independent of one another as those of one trial. So they are counted
    together: one estimate from all n * trials samples varies less than the mean of the trials' estimates, and k may
    exceed the n of one trial. Samples of different seeds are not counted together: they come from different models.

    Attributes:
        key: the values of CELL.
        seeds: the training seeds, in ascending order.
        excluded: as in PASS_COUNTS.
        n_PST, c_PST: samples and passes of each trial (T of them; 0 samples where a seed has fewer).
        official: n and c by the upstream rule, of all problems.
    """

    key: tuple[Any, ...]
    task_ids: list[str]
    seeds: list[int]
    excluded: str
    n_PST: Counts
    c_PST: Counts
    official: tuple[Counts, Counts]

    @property
    def method(self) -> str:
        return str(self.key[CELL.index("method")])

    @property
    def samples(self) -> Counts:
        """Count the samples of each problem under each seed, of all trials: [P, S]."""
        counted: Counts = self.n_PST.sum(axis=2)
        return counted

    @property
    def passes(self) -> Counts:
        """Count those that passed: [P, S]."""
        counted: Counts = self.c_PST.sum(axis=2)
        return counted

    @property
    def trials(self) -> int:
        """Count the trials of the seed that has the fewest."""
        return int((self.n_PST > 0).all(axis=0).sum(axis=1).min())

    def official_estimate(self, k: int, m: int) -> float:
        """Estimate Pass@k^(m) by the rule of the upstream harness, over all its problems."""
        return float(pass_at_k_m_array(*self.official, k, m).mean())

    def scores(self, k: int, m: int) -> Floats:
        """Estimate Pass@k^(m) of each problem under each seed: [P, S]."""
        return pass_at_k_m_array(self.samples.ravel(), self.passes.ravel(), k, m).reshape(self.samples.shape)


def judged(pass_counts: pd.DataFrame) -> pd.DataFrame:
    """Keep the rows of PASS_COUNTS that count: those of problems that this machine can judge."""
    return pass_counts[pass_counts["judged"]]


def cells(pass_counts: pd.DataFrame) -> Iterator[Cell]:
    """Split PASS_COUNTS by CELL, in sorted order.

    Raises:
        UserError: the runs of one cell do not have the same problems.
    """
    for key, rows in pass_counts.groupby(CELL, sort=True):
        wide = judged(rows).pivot(index="task_id", columns=["seed", "trial"], values=["n", "c"])
        if wide.isna().to_numpy().any():
            raise UserError(
                f"the runs of {'/'.join(map(str, key))} do not all have the same problems: "
                "delete their pass counts and rerun Snakemake, which rebuilds them"
            )
        seeds = sorted(set(rows["seed"]))
        columns = pd.MultiIndex.from_product([seeds, sorted(set(rows["trial"]))])
        shape = (len(wide), len(seeds), -1)
        n_PST, c_PST = (
            pd.DataFrame(wide[name]).reindex(columns=columns, fill_value=0).to_numpy(np.int64).reshape(shape)
            for name in ("n", "c")
        )
        official = rows.groupby(["task_id", "seed"])[["n", "official_c"]].sum().to_numpy(np.int64)
        excluded = rows["excluded"].iloc[0]
        yield Cell(key, list(wide.index), seeds, excluded, n_PST, c_PST, (official[:, 0], official[:, 1]))


def check_k(cell: Cell, settings: Metrics) -> None:
    """Raise `UserError` where a configured k needs more samples than some problem of `cell` has."""
    fewest = int(cell.samples.min())
    largest = max(*settings.k, settings.pass_at_k_m.k)
    if largest > fewest:
        task_id = cell.task_ids[int(cell.samples.min(axis=1).argmin())]
        raise UserError(
            f"metrics: k = {largest} needs at least as many judged samples per problem, but problem {task_id} of "
            f"{'/'.join(map(str, cell.key))} has {fewest}: lower metrics.k and "
            "metrics.pass_at_k_m.k or raise sampling.n or sampling.trials"
        )

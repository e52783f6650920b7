"""Two cells are compared problem by problem, and training by training where both were trained with the same seeds.

Methods that share a seed share the initial adapter and the order of the data, so that their difference varies less.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ibft.labels import Grid
from ibft.metrics.cells import Cell, Floats
from ibft.runtime.errors import UserError
from ibft.statistics.paired import paired_test

_ROUNDING = 1e-12  # equal means may differ in their last bits, as sums depend on the order of their terms


@dataclass(frozen=True)
class Difference:
    """One metric of `after` exceeds that of `before` by so much, problem by problem.

    Attributes:
        difference: mean over problems and training seeds, in [-1, 1].
        low, high: its 95% interval, which contains 0 exactly where the p-value exceeds 0.05; None where nothing is
            decided.
        p_value: of the two-sided `paired_test`; None where fewer than 6 problems differ, which cannot be decided.
        effect_size: Cohen's d of the paired differences (mean / standard deviation over problems, ddof = 1); None
            where the differences do not vary.
        discordant: how many of the problems differ.
        seeds: how many pairs of trained models are compared; with one, the two checkpoints are, not the methods.
    """

    k: int
    m: int
    before: float
    after: float
    difference: float
    low: float | None
    high: float | None
    p_value: float | None
    effect_size: float | None
    discordant: int
    problems: int
    seeds: int


def paired_differences(before: Cell, after: Cell, grid: Grid) -> Iterator[Difference]:
    """Compare two cells of the same problems on each (k, m) of `grid`.

    Raises:
        UserError: they share neither problems nor a way to pair their training seeds.
    """
    if before.task_ids != after.task_ids:
        raise UserError(
            f"{'/'.join(map(str, after.key))} and {before.method}, which it is compared with, were not judged on the "
            "same problems: delete their pass counts and rerun Snakemake, which rebuilds them"
        )
    before_at, after_at = _paired_seeds(before, after)
    before_PSG, after_PSG = (
        np.stack([cell.scores(*pair)[:, at] for pair in grid], axis=2)
        for cell, at in ((before, before_at), (after, after_at))
    )
    differences_PSG = after_PSG - before_PSG
    tested = paired_test(differences_PSG)
    problems, seeds, _ = differences_PSG.shape
    for g, (k, m) in enumerate(grid):
        yield Difference(
            k=k,
            m=m,
            before=float(before_PSG[..., g].mean()),
            after=float(after_PSG[..., g].mean()),
            difference=float(tested.mean_M[g]),
            low=_or_none(tested.low_M[g]),
            high=_or_none(tested.high_M[g]),
            p_value=_or_none(tested.p_M[g]),
            effect_size=_cohens_d(differences_PSG[..., g].mean(axis=1)),
            discordant=int(tested.discordant_M[g]),
            problems=problems,
            seeds=seeds,
        )


def _paired_seeds(before: Cell, after: Cell) -> tuple[Sequence[int], Sequence[int]]:
    """Return the positions of the seeds of either cell that are compared with each other.

    The seeds that both have make the pairs. A base model and imported samples have one model for all seeds of another.
    """
    pairs = max(len(before.seeds), len(after.seeds))
    if len(before.seeds) == 1:
        return [0] * pairs, range(pairs)
    if len(after.seeds) == 1:
        return range(pairs), [0] * pairs
    shared = [seed for seed in before.seeds if seed in after.seeds]
    if not shared:
        raise UserError(
            f"{'/'.join(map(str, after.key))} was trained with the seeds {after.seeds}, and what it is compared with "
            f"with {before.seeds}: give both a seed in common in training.seeds"
        )
    return [before.seeds.index(seed) for seed in shared], [after.seeds.index(seed) for seed in shared]


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _cohens_d(differences_P: Floats) -> float | None:
    spread = float(differences_P.std(ddof=1)) if len(differences_P) > 1 else 0.0
    return float(differences_P.mean()) / spread if spread > _ROUNDING else None

"""The variance of Pass@1 has parts: problems differ, trainings differ, trainings differ by problem, and samples differ.

Problems and training seeds are crossed, trials are nested in both. The parts come from the mean squares (`MeanSquares`)
and from the samples of each problem under each seed, whose variance is that of a share. An estimate below 0 is 0.
"""

from dataclasses import dataclass

from ibft.metrics.cells import Cell
from ibft.statistics.crossed import mean_squares


@dataclass(frozen=True)
class Components:
    """Variances of Pass@1 between one problem, seed, pair of both, and trial and another; None: not to be told apart.

    With one training seed, what trainings add cannot be seen at all; it is part of no number.
    """

    problem: float
    seed: float | None
    pair: float | None
    trial: float

    def of_the_mean(self, problems: int, seeds: int, trials: int) -> dict[str, float]:
        """Return what each part adds to the variance of the mean over problems, seeds and trials."""
        return {
            "problem": self.problem / problems,
            "seed": (self.seed or 0.0) / seeds,
            "pair": (self.pair or 0.0) / (problems * seeds),
            "trial": self.trial / (problems * seeds * trials),
        }


def variance_components(cell: Cell) -> Components | None:
    """Estimate the parts of the variance of Pass@1; None for fewer than two problems or samples of one."""
    samples_PS, rate_PS = cell.samples, cell.passes / cell.samples
    if len(rate_PS) < 2 or samples_PS.min() < 2:
        return None
    sampling = float((rate_PS * (1 - rate_PS) / (samples_PS - 1)).mean())  # of the rate from all samples
    squares = mean_squares(rate_PS[..., None])
    between, of_seed, of_pair = (float(square[0]) for square in (squares.problem_M, squares.seed_M, squares.pair_M))
    several = squares.seeds > 1
    return Components(
        problem=max((between - (of_pair if several else sampling)) / squares.seeds, 0.0),
        seed=max((of_seed - of_pair) / squares.problems, 0.0) if several else None,
        pair=max(of_pair - sampling, 0.0) if several else None,
        trial=sampling * cell.trials,
    )

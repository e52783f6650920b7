"""The area under two kernel densities, and an interval for it that is corrected for the densities' bias.

The overlap is no smooth function of the two laws. Where the densities are close, whichever happens to be lower counts,
so that the estimate lies below the truth, far below it for equal laws. Kernels widen the densities, so that it lies
above for distant laws. Bootstrap intervals inherit both. The interval here is the set of overlaps that the estimate
does not reject (inversion of a test, Carpenter 1999): the two densities are moved towards each other, until they are
equal, and apart; scores are drawn from each such pair of laws, and their overlap is estimated as that of the data was.
"""

import numpy as np
from numpy.typing import NDArray

from ibft.statistics.quantiles import normal_sf

Reals = NDArray[np.float64]
Counts = NDArray[np.int64]

LEVEL = 0.05
GRID = 512  # points at which densities are compared
# Each value scales the distance of the two densities from their mean; 0 makes them equal, 1 leaves them as they are.
_APART = (0.0, 0.3, 0.55, 0.75, 0.9, 1.05, 1.2, 1.4, 1.7, 2.2, 3.0)


def overlap(first: Reals, second: Reals) -> float:
    """Estimate the area under both densities (Gaussian kernels, Scott's rule)."""
    grid = _grid(first, second)
    return float(np.minimum(*(_density(values, grid) for values in (first, second))).sum())


def overlap_interval(first: Reals, second: Reals, draws: int, random: np.random.Generator) -> tuple[float, float]:
    """Compute the 95% interval of the overlap of the two laws.

    Args:
        draws: pairs of samples that are drawn from each pair of laws.
    """
    grid, estimate = _grid(first, second), overlap(first, second)
    densities = [_density(values, grid) for values in (first, second)]
    kernels = [_kernel(values, grid) for values in (first, second)]
    middle = (densities[0] + densities[1]) / 2
    truths, chances = [], []
    for apart in _APART:
        laws = [_law(middle + apart * (density - middle)) for density in densities]
        estimated = np.minimum(
            *(
                random.multinomial(len(values), law, size=draws) @ kernel.T / len(values)
                for values, law, kernel in zip((first, second), laws, kernels, strict=True)
            )
        ).sum(axis=1)
        spread = max(float(estimated.std()), 1e-9)
        truths.append(float(np.minimum(*laws).sum()))
        chances.append(1 - float(normal_sf((estimate - estimated.mean()) / spread)))
    # The higher the true overlap, the less chance there is to estimate one so low.
    truth, chance = np.array(truths[::-1]), np.minimum.accumulate(chances[::-1])
    low, high = (float(np.interp(-level, -chance, truth)) for level in (1 - LEVEL / 2, LEVEL / 2))
    return low, high


def _law(weights: Reals) -> Reals:
    """Make a law of weights on the grid, of which moving densities apart has made some negative."""
    kept = np.maximum(weights, 0.0)
    law: Reals = kept / kept.sum()
    return law


def _density(values: Reals, grid: Reals) -> Reals:
    density: Reals = _kernel(values, grid) @ (_on_grid(values, grid) / len(values))
    return density


def _grid(*samples: Reals) -> Reals:
    """Return equally spaced points that cover all samples with room for the tails of their kernels."""
    margin = 4 * max(map(_bandwidth, samples))
    return np.linspace(min(s.min() for s in samples) - margin, max(s.max() for s in samples) + margin, GRID)


def _bandwidth(values: Reals) -> float:
    """Scott's rule; for a constant sample, a sliver relative to the value, so that its density is a narrow peak."""
    return float(np.std(values, ddof=1) * len(values) ** -0.2) or 1e-3 * max(1.0, abs(float(values[0])))


def _on_grid(values: Reals, grid: Reals) -> Counts:
    """Count the values that are nearest to each grid point."""
    nearest = np.rint((values - grid[0]) / (grid[1] - grid[0])).astype(np.int64)
    return np.bincount(nearest, minlength=len(grid))


def _kernel(values: Reals, grid: Reals) -> Reals:
    """Return the share of a grid point's weight that its Gaussian spreads to each other one; columns sum to 1."""
    weight_GG: Reals = np.exp(-0.5 * ((grid[:, None] - grid) / _bandwidth(values)) ** 2)
    weight_GG /= weight_GG.sum(axis=0)
    return weight_GG

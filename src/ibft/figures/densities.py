"""A curve per group shows the density of a score that cannot be negative."""

import numpy as np
from matplotlib.axes import Axes

from ibft.memorization.distributions import Floats, density


def density_curve(axes: Axes, values: Floats, grid: Floats, colour: str, label: str, style: str = "-") -> None:
    """Draw the density of `values`; a sample without spread, which has none, is drawn as an upright line."""
    if len(np.unique(values)) < 2:
        axes.axvline(values[0], color=colour, linestyle=style, linewidth=2, label=label)
        return
    height = density(values, grid)
    axes.plot(grid, height, color=colour, linestyle=style, linewidth=1.8, label=label)
    axes.fill_between(grid, height, color=colour, alpha=0.18, linewidth=0)


def median_line(axes: Axes, values: Floats, colour: str) -> None:
    axes.axvline(float(np.median(values)), color=colour, linestyle="--", linewidth=1.2)

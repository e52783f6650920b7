"""Distances and angles show how far apart a model holds its most and least memorized examples (paper Fig. 5)."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ibft.figures.densities import density_curve, median_line
from ibft.figures.style import looks, panel_grid, styled, titled
from ibft.labels import Labels, in_order
from ibft.memorization.distributions import common_grid
from ibft.runtime.errors import UserError

_PANELS = (
    ("distance", "$\\ell_2$ distance of hidden states", "(a) Distance"),
    ("angle", "Angle between hidden states (degrees)", "(b) Angle"),
)


@styled
def draw(pairs: Mapping[tuple[str, int], pd.DataFrame], labels: Labels, subject: str = "") -> Figure:
    """Draw GEOMETRY frames, by method and training seed, as the densities of distance and angle over all seeds.

    Raises:
        UserError: a method has no pairs.
    """
    methods = in_order([method for method, _ in pairs], labels.methods)
    empty = [method for (method, _), frame in pairs.items() if frame.empty]
    if empty or not methods:
        raise UserError(f"the geometry figure needs pairs of examples, but there are none for {empty or 'any method'}")
    look = looks(labels, methods)
    most = max(sum(own == method for own, _ in pairs) for method in methods)
    seeds = f", {most} training seeds" if most > 1 else ""
    figure, all_axes = panel_grid(len(_PANELS), height=3.3)
    for axes, (column, x_label, title) in zip(all_axes, _PANELS, strict=True):
        values = {
            method: np.concatenate([frame[column] for (own, _), frame in pairs.items() if own == method])
            for method in methods
        }
        grid = common_grid(*values.values())
        for method, own in values.items():
            name = f"{labels.method(method)} (median {np.median(own):.1f})"
            density_curve(axes, own, grid, look[method].colour, name)
            median_line(axes, own, look[method].colour)
        axes.set(xlabel=x_label, ylabel="Density", xlim=(grid[0], grid[-1]))
        axes.set_ylim(0, axes.get_ylim()[1] * (1.05 + 0.1 * len(methods)))  # room for the legend
        axes.legend(loc="upper right", fontsize=8, frameon=True, framealpha=0.9, edgecolor="none")
        titled(axes, title, f"{len(next(iter(pairs.values())))} pairs, most against least memorized{seeds}")
    if subject:
        figure.suptitle(subject, fontsize=10)
    return figure

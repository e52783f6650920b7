"""Pass@k^(m) over all m shows how fast success fades as more of the k samples must be correct."""

import pandas as pd
from matplotlib.figure import Figure

from ibft.config.sections import Metrics
from ibft.figures.style import (
    by_method,
    interval_note,
    legend_below,
    looks,
    panel_grid,
    panels,
    percent_axis,
    size_note,
    styled,
    titled,
)
from ibft.labels import Labels, lowest_temperature, units


@styled
def draw(metrics: pd.DataFrame, labels: Labels, settings: Metrics) -> Figure:
    """Draw METRICS as one line per method over m = 1 .. k, with a band for the 95% interval."""
    k = settings.pass_at_k_m.k
    parts = panels(lowest_temperature(metrics[metrics["k"] == k]), labels)
    figure, all_axes = panel_grid(len(parts), height=3.4)
    for axes, (title, frame) in zip(all_axes, parts, strict=True):
        look = looks(labels, frame["method"])
        for method, rows in by_method(frame.sort_values("m"), labels):
            colour, marker = look[method].colour, look[method].marker
            axes.fill_between(rows["m"], rows["low"], rows["high"], color=colour, alpha=0.07, linewidth=0)
            axes.plot(
                rows["m"], rows["estimate"], color=colour, marker=marker, markersize=5, label=labels.method(method)
            )
        axes.set_xticks(range(1, k + 1))
        axes.set_xlabel(f"m: how many of k = {k} samples must pass")
        percent_axis(axes, f"Pass@${k}^{{(m)}}$ (%)")
        titled(axes, title, size_note(frame))
    legend_below(figure, all_axes, f"Lines: mean over {units(metrics)}. {interval_note('Bands', metrics)}")
    return figure

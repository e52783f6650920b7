"""Pass@k^(k) over the temperature shows which methods stay reliable when sampling gets wilder (paper Fig. 6)."""

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
from ibft.labels import Labels, mathtext

_APART = 0.012  # shifts the methods, so that their whiskers do not hide one another


@styled
def draw(metrics: pd.DataFrame, labels: Labels, settings: Metrics) -> Figure:
    """Draw METRICS in one panel per benchmark and k > 1 (k = 1 where there is no other), one line per method."""
    wanted = [k for k in settings.k if k > 1] or list(settings.k)
    chosen = metrics[(metrics["k"] == metrics["m"]) & metrics["k"].isin(wanted)]
    parts = [(title, frame, k) for title, frame in panels(chosen, labels) for k in wanted]
    figure, all_axes = panel_grid(len(parts), height=3.2, columns=len(wanted) if len(wanted) <= 3 else 2)
    for axes, (title, frame, k) in zip(all_axes, parts, strict=True):
        rows_of_k = frame[frame["k"] == k].sort_values("temperature")
        look = looks(labels, frame["method"])
        methods = list(by_method(rows_of_k, labels))
        for position, (method, rows) in enumerate(methods):
            axes.errorbar(
                rows["temperature"] + _APART * (position - (len(methods) - 1) / 2),
                rows["estimate"],
                yerr=[rows["estimate"] - rows["low"], rows["high"] - rows["estimate"]],
                color=look[method].colour,
                marker=look[method].marker,
                capsize=2,
                elinewidth=0.8,
                label=labels.method(method),
            )
        axes.set_xticks(sorted(set(rows_of_k["temperature"])))
        axes.set_xlabel("Sampling temperature T")
        axes.set_xlim(min(rows_of_k["temperature"]) - 0.1, max(rows_of_k["temperature"]) + 0.1)
        percent_axis(axes, f"{mathtext(k, k)} (%)")
        titled(axes, title, size_note(rows_of_k).rsplit(", T", 1)[0])
    legend_below(figure, all_axes, f"All k of k samples must pass. Points: mean. {interval_note('Whiskers', metrics)}")
    return figure

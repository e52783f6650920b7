"""Grouped bars have one group per metric, one bar per method, and 95% intervals as whiskers."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ibft.figures.style import (
    by_method,
    interval_note,
    legend_below,
    looks,
    panel_grid,
    panels,
    percent_axis,
    size_note,
    titled,
)
from ibft.labels import Grid, Labels, lowest_temperature, mathtext, rows_at, units

_GROUP_WIDTH = 0.82
_BARS_WITH_NUMBERS = 20


def grouped_bars(metrics: pd.DataFrame, labels: Labels, grid: Grid, y_label: str) -> Figure:
    """Draw one panel per model, dataset and benchmark with the (k, m) of `grid`, at the lowest temperature.

    Numbers that come without intervals (low = high), such as a paper's, get no whiskers.
    """
    parts = panels(lowest_temperature(rows_at(metrics, grid)), labels)
    figure, all_axes = panel_grid(len(parts), height=3.3)
    for axes, (title, frame) in zip(all_axes, parts, strict=True):
        _bars(axes, frame, labels, grid)
        percent_axis(axes, y_label)
        titled(axes, title, size_note(frame))
    note = f"Bars: mean over {units(metrics)}."
    whiskers = any(_has_intervals(frame) for _, frame in parts)
    legend_below(figure, all_axes, f"{note} {interval_note('Whiskers', metrics)}" if whiskers else note)
    return figure


def _has_intervals(frame: pd.DataFrame) -> bool:
    return bool((frame["low"] < frame["high"]).any())


def _bars(axes: Axes, frame: pd.DataFrame, labels: Labels, grid: Grid) -> None:
    look = looks(labels, frame["method"])
    methods = list(by_method(frame, labels))
    width = _GROUP_WIDTH / len(methods)
    numbered = len(methods) * len(grid) <= _BARS_WITH_NUMBERS
    for position, (method, own) in enumerate(methods):
        rows = own.set_index(["k", "m"]).reindex(pd.MultiIndex.from_tuples(grid)).reset_index()
        x = rows.index + (position - (len(methods) - 1) / 2) * width
        axes.bar(
            x,
            rows["estimate"],
            0.9 * width,
            color=look[method].colour,
            hatch=look[method].hatch,
            edgecolor="white",
            linewidth=0.5,
            label=labels.method(method),
            yerr=[rows["estimate"] - rows["low"], rows["high"] - rows["estimate"]] if _has_intervals(rows) else None,
            error_kw={"elinewidth": 1, "ecolor": "#1f2937", "capsize": 1.5},
        )
        if numbered:
            for at, estimate, high in zip(x, rows["estimate"], rows["high"], strict=True):
                axes.annotate(
                    f"{100 * estimate:.0f}", (at, high), (0, 2), textcoords="offset points", ha="center", fontsize=7
                )
    axes.set_xticks(range(len(grid)), [mathtext(k, m) for k, m in grid])
    axes.tick_params(axis="x", length=0)

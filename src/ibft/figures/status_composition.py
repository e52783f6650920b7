"""Bars show, per method, which share of the samples passed, and in which way the others failed."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ibft.figures.style import by_method, legend_below, panel_grid, panels, styled, titled
from ibft.labels import Labels, lowest_temperature
from ibft.paths import Run
from ibft.runtime.errors import UserError

PASSED = "passed"
_PASSED_COLOUR = "#009e73"
_FAILURE_COLOURS = (
    "#e69f00",
    "#56b4e9",
    "#cc79a7",
    "#d55e00",
    "#0072b2",
    "#f0e442",
    "#999999",
    "#882255",
    "#332288",
    "#44aa99",
    "#000000",
)
_HATCHES = ("", "//", "..", "\\\\", "xx")
_WIDE_ENOUGH_FOR_A_NUMBER = 0.045


def draw(pass_counts: pd.DataFrame, verdicts: Iterable[tuple[Run, pd.DataFrame]], labels: Labels) -> Figure:
    """Draw the VERDICTS of each run, on the problems of PASS_COUNTS, as one stacked bar per method."""
    return stacked_bars(count_statuses(verdicts, pass_counts), labels)


@styled
def stacked_bars(statuses: pd.DataFrame, labels: Labels) -> Figure:
    """Draw counts of statuses as one stacked bar per method.

    Args:
        statuses: model, dataset, method, benchmark, temperature, status, samples (how many have that status).
    """
    parts = panels(lowest_temperature(statuses), labels)
    order = status_order(statuses)
    colours = dict(zip(order, _colours(order), strict=True))
    methods = max(frame["method"].nunique() for _, frame in parts)
    figure, all_axes = panel_grid(len(parts), width=5.2, height=1.2 + 0.42 * methods)
    for axes, (title, frame) in zip(all_axes, parts, strict=True):
        rows = list(by_method(frame, labels))
        left = np.zeros(len(rows))
        totals = np.array([own["samples"].sum() for _, own in rows])
        for status in order:
            colour, hatch = colours[status]
            share = np.array([own.loc[own["status"] == status, "samples"].sum() for _, own in rows]) / totals
            name = status.replace("_", " ")
            bars = axes.barh(
                np.arange(len(rows)), share, left=left, color=colour, hatch=hatch, edgecolor="white", label=name
            )
            numbers = [f"{100 * each:.0f}" if each >= _WIDE_ENOUGH_FOR_A_NUMBER else "" for each in share]
            axes.bar_label(
                bars,
                numbers,
                label_type="center",
                fontsize=7,
                bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.8},
            )
            left = left + share
        axes.set_yticks(range(len(rows)), [labels.method(method) for method, _ in rows])
        axes.invert_yaxis()
        axes.set_xlim(0, 1)
        axes.xaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
        axes.set_xlabel("Share of all samples (%)")
        axes.grid(False)
        each = f"{totals.min():,}" if totals.min() == totals.max() else f"{totals.min():,} to {totals.max():,}"
        titled(axes, title, f"{each} samples per method, T = {frame['temperature'].iloc[0]:g}")
    legend_below(figure, all_axes)
    return figure


def count_statuses(verdicts: Iterable[tuple[Run, pd.DataFrame]], pass_counts: pd.DataFrame) -> pd.DataFrame:
    """Count the statuses of VERDICTS, run by run, on the problems that PASS_COUNTS has."""
    judged = {run: set(rows["task_id"]) for run, rows in pass_counts.groupby(list(Run._fields))}
    counted = []
    for run, frame in verdicts:
        counts = frame.loc[frame["task_id"].isin(judged[run]), "status"].value_counts()
        counted.append(pd.DataFrame({"status": counts.index, "samples": counts.to_numpy()}).assign(**run._asdict()))
    if not counted:
        raise UserError("there is nothing to draw: no run was judged")
    return pd.concat(counted, ignore_index=True)


def status_order(statuses: pd.DataFrame) -> list[str]:
    """Order the statuses: `passed` comes first, then failures from the most to the least frequent."""
    totals = statuses.groupby("status")["samples"].sum().sort_index().sort_values(ascending=False, kind="stable")
    return [PASSED, *(str(status) for status in totals.index if status != PASSED)]


def _colours(order: list[str]) -> list[tuple[str, str]]:
    """Give each status a colour and a hatch: beyond the palette, colours repeat with another hatch."""
    failures = range(len(order) - 1)
    size = len(_FAILURE_COLOURS)
    return [
        (_PASSED_COLOUR, ""),
        *((_FAILURE_COLOURS[i % size], _HATCHES[i // size % len(_HATCHES)]) for i in failures),
    ]

"""Lines show Pass@k over the share of the data that was removed (paper Figs. 4 and A1), with controls.

Removing examples at random tells what the criterion adds. Fewer examples in as many epochs also mean fewer updates:
dotted, with hollow markers, are methods that take as many updates as FT on all data.
"""

from collections.abc import Iterator
from itertools import product

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ibft.config.sections import Metrics
from ibft.figures.style import (
    interval_note,
    legend_below,
    look_of,
    panel_grid,
    panel_title,
    percent_axis,
    size_note,
    styled,
    titled,
)
from ibft.labels import Kind, Labels, by_place, lowest_temperature, mathtext
from ibft.runtime.errors import UserError
from ibft.selection.criteria import CRITERIA, kind_of

_CRITERIA: dict[Kind, str] = {kind_of(name): criterion.removes for name, criterion in CRITERIA.items()}
_ON_ALL_DATA: tuple[Kind, ...] = ("base", "ibft")
_APART = 0.003  # shifts the criteria, so that their whiskers do not hide one another


@styled
def draw(metrics: pd.DataFrame, labels: Labels, settings: Metrics) -> Figure:
    """Draw METRICS in one panel per benchmark and k, one line per criterion, from FT on all data (0%) on.

    Raises:
        UserError: no model was fine-tuned on several shares of a dataset.
    """
    pass_at_k = metrics[(metrics["m"] == 1) & metrics["k"].isin(settings.k)]
    parts = [
        (panel_title(place, labels), rows[rows["k"] == k], k)
        for place, rows in by_place(lowest_temperature(pass_at_k), labels)
        if any(len(points) > 2 for _, _, points in _lines(rows[rows["k"] == settings.k[0]], labels))
        for k in settings.k
    ]
    if not parts:
        raise UserError(
            "no model was fine-tuned on several shares of a dataset: give a method a list for selection.keep_fraction"
        )
    figure, all_axes = panel_grid(len(parts), height=3.2, columns=len(settings.k) if len(settings.k) <= 3 else 2)
    for axes, (title, rows, k) in zip(all_axes, parts, strict=True):
        _draw_references(axes, rows, labels)
        for position, (kind, equal, points) in enumerate(_lines(rows, labels)):
            axes.errorbar(
                points["removed"] + _APART * (position - 1),
                points["estimate"],
                yerr=[points["estimate"] - points["low"], points["high"] - points["estimate"]],
                color=look_of(kind).colour,
                marker=look_of(kind).marker,
                linestyle=":" if equal else "-",
                markerfacecolor="white" if equal else None,
                capsize=2,
                elinewidth=0.8,
                label=_CRITERIA[kind] + (", equal updates" if equal else ""),
            )
        axes.xaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
        axes.set_xticks(sorted({0.0, *(share for _, _, points in _lines(rows, labels) for share in points["removed"])}))
        axes.set_xlabel("Share of the examples removed")
        percent_axis(axes, f"{mathtext(k, 1)} (%)")
        titled(axes, title, size_note(rows))
    legend_below(figure, all_axes, f"FT on what is left. Points: mean. {interval_note('Whiskers', metrics)}", columns=3)
    return figure


def _lines(rows: pd.DataFrame, labels: Labels) -> Iterator[tuple[Kind, bool, pd.DataFrame]]:
    """Yield each criterion, whether its updates equal those of FT on all data, and its METRICS with `removed`.

    METRICS begin with FT on all data, where there is any.
    """
    shares = rows.assign(
        removed=rows["method"].map(labels.removed),
        kind=rows["method"].map(labels.kinds),
        equal=rows["method"].isin(labels.equal_updates),
    )
    whole = shares[shares["kind"] == "ft"].head(1)
    for kind, equal in product(_CRITERIA, (False, True)):
        of_line = shares[(shares["kind"] == kind) & (shares["equal"] == equal)]
        points = of_line.sort_values("removed").drop_duplicates("removed")
        if len(points):
            yield kind, equal, pd.concat([whole, points])


def _draw_references(axes: Axes, rows: pd.DataFrame, labels: Labels) -> None:
    for kind in _ON_ALL_DATA:
        of_kind = [name for name, own in labels.kinds.items() if own == kind and name not in labels.swept]
        for _, row in rows[rows["method"].isin(of_kind)].head(1).iterrows():
            look = look_of(kind)
            axes.axhline(row["estimate"], color=look.colour, linestyle="--", label=labels.method(row["method"]))

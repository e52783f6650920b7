"""Maps of Pass@k over alpha x beta and layer x bottleneck width show how IB-FT depends on its settings."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ibft.config.sections import Metrics
from ibft.figures.style import panel_grid, panel_title, size_note, styled, titled
from ibft.labels import Labels, by_place, lowest_temperature, mathtext
from ibft.runtime.errors import UserError

_MAPS = (("alpha", "beta"), ("layer", "bottleneck"))
AXES = {"alpha": r"$\alpha$", "beta": r"$\beta$", "layer": "layer", "bottleneck": "width of the bottleneck"}


@styled
def draw(metrics: pd.DataFrame, labels: Labels, settings: Metrics) -> Figure:
    """Draw METRICS as a map per benchmark, pair of settings and metric: Pass@k of the smallest k, and the strictest.

    Raises:
        UserError: no model was trained by IB-FT with several values of a setting.
    """
    shown = [(settings.k[0], 1), (settings.pass_at_k_m.k, max(settings.pass_at_k_m.m))]
    parts = [
        (panel_title(place, labels), rows, pair, grid, k, m)
        for place, rows in by_place(lowest_temperature(metrics), labels)
        for k, m in dict.fromkeys(shown)
        for pair, grid in grids(rows[(rows["k"] == k) & (rows["m"] == m)], labels)
    ]
    if not parts:
        raise UserError(
            "no model was trained by IB-FT with several settings: give alpha, beta, layer or bottleneck a list"
        )
    figure, all_axes = panel_grid(len(parts), height=3.4)
    for axes, (title, rows, pair, grid, k, m) in zip(all_axes, parts, strict=True):
        _draw_map(figure, axes, grid, pair, mathtext(k, m))
        titled(axes, title, f"{size_note(rows)}\n{_references(rows, labels, k, m)}")
    return figure


def grids(rows: pd.DataFrame, labels: Labels) -> Iterator[tuple[tuple[str, str], pd.DataFrame]]:
    """Yield, for each pair of settings that varies, the estimates with one setting across and the other upwards.

    The other two settings are those at which the pair was tried most often.
    """
    of_ibft = rows[rows["method"].isin(labels.bottlenecks)]
    points = pd.DataFrame([labels.bottlenecks[method] for method in of_ibft["method"]], index=of_ibft.index)
    if points.empty:
        return
    points["estimate"] = of_ibft["estimate"]
    for pair in _MAPS:
        held = [name for other in _MAPS if other != pair for name in other]
        _, tried = max(points.groupby(held), key=lambda group: len(group[1]))
        if len(tried.drop_duplicates(list(pair))) > 1:
            yield pair, tried.pivot_table(index=pair[1], columns=pair[0], values="estimate")


def _draw_map(figure: Figure, axes: Axes, grid: pd.DataFrame, pair: tuple[str, str], metric: str) -> None:
    values = grid.to_numpy()
    image = axes.imshow(values, origin="lower", aspect="auto", cmap="cividis", interpolation="nearest")
    middle = (np.nanmin(values) + np.nanmax(values)) / 2
    for (row, column), value in np.ndenumerate(values):
        colour = "white" if value <= middle else "black"
        text = "" if np.isnan(value) else f"{100 * value:.1f}"
        axes.text(column, row, text, ha="center", va="center", color=colour)
    axes.set_xticks(range(grid.shape[1]), [f"{value:g}" for value in grid.columns])
    axes.set_yticks(range(grid.shape[0]), [f"{value:g}" for value in grid.index])
    axes.set_xlabel(AXES[pair[0]])
    axes.set_ylabel(AXES[pair[1]])
    axes.grid(False)
    bar = figure.colorbar(image, ax=axes, pad=0.02)
    bar.set_label(f"{metric} (%)")
    bar.formatter = PercentFormatter(xmax=1, decimals=0, symbol="")
    bar.outline.set_visible(False)
    bar.update_ticks()


def _references(rows: pd.DataFrame, labels: Labels, k: int, m: int) -> str:
    """Tell what the base model and FT on all data reach on the same problems."""
    of_metric = rows[(rows["k"] == k) & (rows["m"] == m)]
    found = []
    for kind in ("base", "ft"):
        of_kind = of_metric[of_metric["method"].map(labels.kinds) == kind]
        found += [f"{labels.method(row['method'])} {row['estimate']:.1%}" for _, row in of_kind.head(1).iterrows()]
    return ", ".join(found)

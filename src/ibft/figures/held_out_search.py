"""Maps of held-out NLL over alpha x beta and layer x bottleneck width: the lowest cell is the setting to take."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ibft.figures.sensitivity import AXES, grids
from ibft.figures.style import panel_grid, styled, titled
from ibft.labels import Labels, in_order
from ibft.metrics.held_out import curve, final_nll
from ibft.paths import Variant
from ibft.runtime.errors import UserError

Tables = Mapping[Variant, pd.DataFrame]


class _Map(NamedTuple):
    model: str
    dataset: str
    pair: tuple[str, str]
    grid: pd.DataFrame
    note: str


@styled
def draw(searched: Tables, labels: Labels) -> Figure:
    """Draw HELD_OUT of the variants of a target, as a map per model, dataset and pair of settings.

    Raises:
        UserError: no model was trained by IB-FT with several values of a setting.
    """
    maps = list(_maps(searched, labels))
    if not maps:
        raise UserError(
            "no model was trained by IB-FT with several settings: give alpha, beta, layer or bottleneck a list"
        )
    figure, all_axes = panel_grid(len(maps), height=3.4)
    for axes, (model, dataset, pair, grid, note) in zip(all_axes, maps, strict=True):
        _draw_map(figure, axes, grid, pair)
        titled(axes, f"{labels.model(model)} on {labels.dataset(dataset)}", note)
    return figure


def _maps(searched: Tables, labels: Labels) -> Iterator[_Map]:
    by_method: dict[tuple[str, str], dict[str, dict[int, pd.DataFrame]]] = {}
    for variant, table in searched.items():
        by_method.setdefault((variant.model, variant.dataset), {}).setdefault(variant.method, {})[variant.seed] = table
    for (model, dataset), methods in by_method.items():
        finals = {name: final_nll(tables) for name, tables in methods.items()}
        first = next(iter(next(iter(methods.values())).values()))
        told = [f"{labels.method(name)} {finals[name]:.3f}" for name in _on_all(methods, labels)]
        examples = f"{first['example_id'].nunique()} held-out examples; base {curve(first).iloc[0]:.3f}"
        rows = pd.DataFrame({"method": list(finals), "estimate": list(finals.values())})
        for pair, grid in grids(rows, labels):
            yield _Map(model, dataset, pair, grid, "\n".join([", ".join([examples, *told]), _best(grid, pair)]))


def _on_all(methods: Mapping[str, object], labels: Labels) -> list[str]:
    """Name the methods that are plain FT."""
    return [name for name in in_order(list(methods), labels.methods) if labels.kinds.get(name) == "ft"]


def _best(grid: pd.DataFrame, pair: tuple[str, str]) -> str:
    row, column = _lowest(grid)
    return f"lowest: {AXES[pair[0]]} = {grid.columns[column]:g}, {AXES[pair[1]]} = {grid.index[row]:g}"


def _lowest(grid: pd.DataFrame) -> tuple[int, int]:
    values = grid.to_numpy()
    row, column = np.unravel_index(np.nanargmin(values), values.shape)
    return int(row), int(column)


def _draw_map(figure: Figure, axes: Axes, grid: pd.DataFrame, pair: tuple[str, str]) -> None:
    values = grid.to_numpy()
    image = axes.imshow(values, origin="lower", aspect="auto", cmap="cividis_r", interpolation="nearest")
    middle = (np.nanmin(values) + np.nanmax(values)) / 2
    for (row, column), value in np.ndenumerate(values):
        text = "" if np.isnan(value) else f"{value:.3f}"
        axes.text(column, row, text, ha="center", va="center", color="black" if value <= middle else "white")
    row, column = _lowest(grid)
    axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor="#d55e00", linewidth=2.5))
    axes.set_xticks(range(grid.shape[1]), [f"{value:g}" for value in grid.columns])
    axes.set_yticks(range(grid.shape[0]), [f"{value:g}" for value in grid.index])
    axes.set_xlabel(AXES[pair[0]])
    axes.set_ylabel(AXES[pair[1]])
    axes.grid(False)
    bar = figure.colorbar(image, ax=axes, pad=0.02)
    bar.set_label("Held-out NLL (nats per response token)")
    bar.outline.set_visible(False)

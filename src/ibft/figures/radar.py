"""A radar shows how often all k of k samples pass, for every k and benchmark at once (paper Fig. 1b)."""

from math import ceil

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.projections.polar import PolarAxes
from matplotlib.ticker import MaxNLocator, PercentFormatter

from ibft.config.sections import Metrics
from ibft.figures.style import GREY, by_method, legend_below, looks, styled
from ibft.labels import Labels, compared, in_order, lowest_temperature, mathtext
from ibft.runtime.errors import UserError

_WIDTH, _HEIGHT = 4.8, 5.0  # inches
_COLUMNS = 2


@styled
def draw(metrics: pd.DataFrame, labels: Labels, settings: Metrics) -> Figure:
    """Draw METRICS as one radar per model and dataset, one spoke per benchmark and m = k.

    Raises:
        UserError: there is nothing to draw.
    """
    alike = metrics[(metrics["k"] == metrics["m"]) & metrics["k"].isin(settings.k)]
    chosen = lowest_temperature(compared(alike, labels))
    places = [
        (model, dataset)
        for dataset in in_order(list(chosen["dataset"]), labels.datasets)
        for model in in_order(list(chosen.loc[chosen["dataset"] == dataset, "model"]), labels.models)
    ]
    if not places:
        raise UserError("there is nothing to draw: the metrics hold no Pass@k^(k)")
    columns, rows = min(len(places), _COLUMNS), ceil(len(places) / _COLUMNS)
    figure = Figure(figsize=(_WIDTH * columns, _HEIGHT * rows + 0.6), facecolor="white")
    parts = figure.subfigures(rows, columns, squeeze=False).ravel().tolist()[: len(places)]
    for part, (model, dataset) in zip(parts, places, strict=True):
        # The layout makes room for the title of a part, but not for one above the labels round a circle.
        part.suptitle(f"{labels.model(model)}\non {labels.dataset(dataset)}", fontsize=10, fontweight="bold")
        axes = part.add_subplot(projection="polar")
        _radar(axes, chosen[(chosen["model"] == model) & (chosen["dataset"] == dataset)], labels)
    all_axes = [part.axes[0] for part in parts]
    legend_below(
        figure, all_axes, "Each spoke: share of problems on which all k of k samples pass. Further out is better."
    )
    return figure


def _radar(axes: PolarAxes, frame: pd.DataFrame, labels: Labels) -> None:
    benchmarks = in_order(list(frame["benchmark"]), labels.benchmarks)
    spokes = [(benchmark, k) for benchmark in benchmarks for k in sorted(set(frame["k"]))]
    angles = 2 * np.pi * np.arange(len(spokes)) / len(spokes)
    look = looks(labels, frame["method"])
    for method, rows in by_method(frame, labels):
        values = rows.set_index(["benchmark", "k"])["estimate"].reindex(spokes).to_numpy()
        closed = np.append(angles, angles[0]), np.append(values, values[0])
        axes.plot(*closed, color=look[method].colour, marker=look[method].marker, label=labels.method(method))
        axes.fill(*closed, color=look[method].colour, alpha=0.08)
    axes.set_theta_offset(np.pi / 2)
    axes.set_theta_direction(-1)
    axes.set_xticks(angles, [f"{labels.benchmark(benchmark)}\n{mathtext(k, k)}" for benchmark, k in spokes])
    axes.tick_params(axis="x", pad=10)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10]))  # whole percents, as they are printed
    axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
    axes.yaxis.set_tick_params(labelsize=7, labelcolor=GREY)
    axes.set_rlabel_position(180 / len(spokes))
    axes.set_ylim(0, max(0.05, float(frame["estimate"].max()) * 1.05))
    axes.grid(True, axis="both")
    axes.spines["polar"].set_visible(False)

"""A heat map shows how reliably each method solves each problem: passes out of all samples."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ibft.figures.style import literal, panels, shortened, styled, titled
from ibft.labels import Labels, in_order, lowest_temperature

_NAMED_PROBLEMS = 60  # beyond, their names would overlap
_WIDTH = 11.0


@styled
def draw(pass_counts: pd.DataFrame, labels: Labels) -> Figure:
    """Draw PASS_COUNTS as one map per benchmark: methods down, problems across, from the hardest to the easiest."""
    parts = panels(lowest_temperature(pass_counts), labels)
    named = any(frame["task_id"].nunique() <= _NAMED_PROBLEMS for _, frame in parts)
    rows = [frame["method"].nunique() for _, frame in parts]
    margin = 1.7 if named else 1.1
    height = sum(0.3 * count + margin for count in rows)
    figure = Figure(figsize=(_WIDTH, height), facecolor="white")
    all_axes = figure.subplots(len(parts), squeeze=False, height_ratios=rows).ravel().tolist()
    for axes, (title, frame) in zip(all_axes, parts, strict=True):
        shares = pass_shares(frame, labels)
        image = axes.imshow(shares, aspect="auto", cmap="cividis", vmin=0, vmax=1, interpolation="nearest")
        axes.set_yticks(range(len(shares)), [labels.method(method) for method in shares.index])
        problems = [literal(shortened(str(problem))) for problem in shares.columns]
        if len(problems) <= _NAMED_PROBLEMS:
            axes.set_xticks(range(len(problems)), problems, rotation=90, fontsize=6.5)
            axes.tick_params(length=0)
        else:
            axes.set_xticks([])
        axes.set_xlabel(f"{len(problems)} problems, from the hardest to the easiest")
        axes.grid(False)
        axes.vlines(np.arange(1, len(problems)) - 0.5, -0.5, len(shares) - 0.5, color="white", linewidth=0.6)
        axes.hlines(np.arange(1, len(shares)) - 0.5, -0.5, len(problems) - 0.5, color="white", linewidth=0.6)
        per_cell = frame.groupby(["method", "task_id"])["n"].sum()
        samples = f"{per_cell.min()}" if per_cell.min() == per_cell.max() else f"{per_cell.min()} to {per_cell.max()}"
        titled(
            axes,
            title.replace("\n", ": "),
            f"{samples} samples per cell, T = {frame['temperature'].iloc[0]:g}",
        )
        bar = figure.colorbar(image, ax=axes, pad=0.01, aspect=12)
        bar.set_label("Samples passed")
        bar.formatter = PercentFormatter(xmax=1, decimals=0)
        bar.outline.set_visible(False)
        bar.update_ticks()
    return figure


def pass_shares(frame: pd.DataFrame, labels: Labels) -> pd.DataFrame:
    """Compute shares of passed samples: a row per method by `labels`, a column per problem, hardest first."""
    summed = frame.groupby(["method", "task_id"])[["c", "n"]].sum()
    shares = (summed["c"] / summed["n"]).unstack("task_id")
    easiest_last = shares.mean().sort_index().sort_values(kind="stable").index
    return shares.loc[in_order(list(shares.index), labels.methods), easiest_last]

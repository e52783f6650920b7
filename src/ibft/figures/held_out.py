"""Curves show the negative log-likelihood of held-out examples over the updates of each method."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from ibft.figures.style import legend_below, looks, panel_grid, styled, titled
from ibft.labels import Labels, in_order
from ibft.metrics.held_out import curve
from ibft.runtime.errors import UserError


@styled
def draw(held_out: Mapping[tuple[str, int], pd.DataFrame], labels: Labels, subject: str = "") -> Figure:
    """Draw HELD_OUT by method and training seed; step 0 is the base model.

    Raises:
        UserError: no example was held out.
    """
    tables = {variant: table for variant, table in held_out.items() if len(table)}
    if not tables:
        raise UserError("no example was held out: set held_out.fraction to more than 0")
    methods = in_order([method for method, _ in tables], labels.methods)
    look = looks(labels, methods)
    figure, (axes,) = panel_grid(1, width=6.4, height=3.4)
    for method in methods:
        for (own, _), table in tables.items():
            if own == method:
                points = curve(table)
                axes.plot(
                    points.index, points, color=look[method].colour, marker=look[method].marker, markersize=4,
                    label=labels.method(method),
                )  # fmt: skip
    examples = min(table["example_id"].nunique() for table in tables.values())
    titled(axes, "Held-out examples", f"{examples} examples that no method was trained on; {subject}".rstrip("; "))
    axes.set(xlabel="Optimizer step (0: base model)", ylabel="NLL (nats per response token)")
    legend_below(figure, [axes], "Mean over examples, lower is better. One line per training seed.")
    return figure

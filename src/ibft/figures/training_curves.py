"""Curves show the losses over the optimizer steps: cross-entropy, and for IB-FT its two bottleneck terms."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from ibft.figures.style import legend_below, looks, panel_grid, styled, titled
from ibft.labels import Labels, in_order
from ibft.runtime.errors import UserError

_PANELS = (
    ("ce", "Cross-entropy CE (nats per token)", "Prediction"),
    ("kl", "KL (nats per token)", "Compression: KL(q(z|h) ‖ N(0, I))"),
    ("ce_ib", "Cross-entropy CE$_{IB}$ (nats per token)", "Prediction through the bottleneck"),
    ("rms", "RMS of h", "Size of the state of layer l*"),
    ("gradient_norm", "Gradient norm", "Gradient norm before clipping"),
)
_WINDOWS = 25  # smoothing: each mean spans a 25th of the steps


@styled
def draw(logs: Mapping[tuple[str, int], pd.DataFrame], labels: Labels, subject: str = "") -> Figure:
    """Draw TRAINING_LOG, by method and seed, in one panel per loss that any method has.

    Raises:
        UserError: no method was trained.
    """
    if not any(len(log) for log in logs.values()):
        raise UserError("the training figure needs at least one training log with a step in it")
    shown = [panel for panel in _PANELS if any(log[panel[0]].notna().any() for log in logs.values())]
    methods = in_order([method for method, _ in logs], labels.methods)
    look = looks(labels, methods)
    figure, all_axes = panel_grid(len(shown), height=2.8)
    for axes, (column, y_label, title) in zip(all_axes, shown, strict=True):
        for method in methods:
            for (own, _), log in logs.items():
                rows = log[log[column].notna()]
                if own != method or rows.empty:
                    continue
                colour = look[method].colour
                smooth = rows[column].rolling(_window(rows), min_periods=1, center=True).mean()
                axes.plot(rows["step"], rows[column], color=colour, alpha=0.25, linewidth=0.8)
                marker = look[method].marker if len(rows) == 1 else ""
                axes.plot(rows["step"], smooth, color=colour, marker=marker, label=labels.method(method))
        axes.set(xlabel="Optimizer step", ylabel=y_label)
        if (pd.concat([log[column] for log in logs.values()]).dropna() > 0).all():
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            axes.yaxis.set_minor_formatter(NullFormatter())
        titled(axes, title)
    if subject:
        figure.suptitle(subject, fontsize=10)
    smoothed = any(_window(log) > 1 for log in logs.values())
    lines = "Thin: every step. Thick: moving average." if smoothed else "Every step, as it is."
    legend_below(figure, all_axes, f"{lines} One line per training seed.")
    return figure


def _window(log: pd.DataFrame) -> int:
    """Return the steps of a moving average: 1 where there are too few to smooth."""
    return max(1, len(log) // _WINDOWS)

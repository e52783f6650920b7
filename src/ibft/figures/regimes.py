"""Curves show what the terms of IB-FT do over a training: compression, prediction, and their pull on LoRA."""

from collections.abc import Callable, Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ibft.figures.style import GREY, legend_below, looks, panel_grid, styled, titled
from ibft.labels import Labels, in_order
from ibft.runtime.errors import UserError
from ibft.training.regimes import (
    COLLAPSED_NATS,
    FIGHTING_COSINE,
    FIGHTING_SHARE,
    INERT_SHARE,
    added_share,
    watched_steps,
)

Log = Mapping[tuple[str, int], pd.DataFrame]


@styled
def draw(watched: Log, labels: Labels, subject: str = "") -> Figure:
    """Draw the watched steps of TRAINING_LOG, by method and seed, in four panels with the borders of the regimes.

    Raises:
        UserError: no step was watched.
    """
    logs = {variant: watched_steps(log) for variant, log in watched.items()}
    logs = {variant: rows for variant, rows in logs.items() if len(rows)}
    if not logs:
        raise UserError("no training has a watched step: set training.watch_every to more than 0")
    figure, (kl, ce_ib, share, cosine) = panel_grid(4, height=2.8)
    _curves(kl, logs, lambda rows: rows["kl_nats"], labels)
    _border(kl, COLLAPSED_NATS, "collapsed below")
    kl.set_yscale("log")
    kl.set_ylabel("KL (nats per token)")
    titled(kl, "Compression", "z forgets h as KL goes to 0")

    _curves(ce_ib, logs, lambda rows: rows["ce_ib"], labels)
    every = pd.concat(list(logs.values()))
    _border(ce_ib, every["uniform_nats"].median(), "uniform guess, ln V")
    _border(ce_ib, every["unigram_nats"].median(), "token frequencies; informative below")
    ce_ib.set_ylabel("CE$_{IB}$ (nats per token)")
    ce_ib.set_ylim(0)
    titled(ce_ib, "Prediction through the bottleneck", "what z says of the next token")

    _curves(share, logs, added_share, labels)
    _border(share, INERT_SHARE, "inert below")
    _border(share, FIGHTING_SHARE, "strong enough to fight above")
    share.set_ylim(0, 1)
    share.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
    share.set_ylabel("Share of LoRA's gradient")
    titled(share, "Pull on LoRA", "of all that is added to CE, below layer l*")

    _curves(cosine, logs, lambda rows: rows["cosine"], labels)
    _border(cosine, FIGHTING_COSINE, "against CE below")
    cosine.set_ylim(-1, 1)
    cosine.set_ylabel("Cosine with the gradient of CE")
    titled(cosine, "Direction of that pull", "1: as CE, -1: against it")
    if subject:
        figure.suptitle(subject, fontsize=10)
    legend_below(figure, [kl, ce_ib, share, cosine], "Marks: watched steps. One line per training seed.")
    return figure


def _curves(axes: Axes, logs: Log, value: Callable[[pd.DataFrame], pd.Series], labels: Labels) -> None:
    methods = in_order([method for method, _ in logs], labels.methods)
    look = looks(labels, methods)
    for method in methods:
        for (own, _), rows in logs.items():
            shown = value(rows).astype("float64")
            if own == method and shown.notna().any():
                axes.plot(
                    rows["step"], shown, color=look[method].colour, marker=look[method].marker, markersize=4,
                    linewidth=1.2, label=labels.method(method),
                )  # fmt: skip
    axes.set_xlabel("Optimizer step")


def _border(axes: Axes, value: float, text: str) -> None:
    """Draw a border of a regime, and say what it is."""
    if pd.isna(value):
        return
    axes.axhline(value, color=GREY, linestyle="--", linewidth=0.8)
    axes.annotate(
        text, (1, value), (0, 2), ("axes fraction", "data"), "offset points", ha="right", color=GREY, fontsize=7,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.5},
    )  # fmt: skip

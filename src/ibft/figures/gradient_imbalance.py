"""Gradient norms by decile of memorization show whether memorized examples stop teaching (App. A, eq. A1)."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ibft.config.sections import Memorization
from ibft.figures.style import panel_grid, styled, titled
from ibft.statistics.tenths import DECILES

_BLUE = (0.0, 0.447, 0.698)
_CORRELATIONS = {
    ("min_k_prob", None): "with Min-K% Prob",
    ("min_k_prob", "tokens"): "with it at equal length",
    ("tokens", None): "with length",
}


@styled
def draw(deciles: pd.DataFrame, correlations: pd.DataFrame, settings: Memorization, subject: str = "") -> Figure:
    """Draw one bar for each of GRADIENT_DECILES; GRADIENT_CORRELATIONS stand in words above."""
    figure, (axes,) = panel_grid(1, width=6.2, height=3.6)
    bins = len(deciles)
    shades = np.linspace(0.95, 0.25, bins)
    axes.bar(
        deciles["decile"],
        deciles["grand"],
        color=[tuple(1 - shade * (1 - part) for part in _BLUE) for shade in shades],
        edgecolor="white",
        linewidth=0.5,
        yerr=[deciles["grand"] - deciles["grand_low"], deciles["grand_high"] - deciles["grand"]],
        error_kw={"elinewidth": 1, "ecolor": "#1f2937", "capsize": 2},
    )
    axes.set_xticks(deciles["decile"])
    part = "Decile" if bins == DECILES else "Part"
    k = settings.k_selection
    axes.set_xlabel(f"{part} of Min-{k}% Prob    1 = most memorized  …  {bins} = least memorized")
    axes.set_ylabel("LoRA gradient norm (GraNd), mean")
    axes.set_ylim(bottom=0)
    note = f"{deciles['examples'].sum():,} examples; whiskers: 95% interval of the mean{_told(correlations)}"
    titled(axes, "Gradient norm by memorization", "\n".join(filter(None, (subject, note))))
    return figure


def _told(correlations: pd.DataFrame) -> str:
    """Tell the rank correlations with memorization, and with length, which drives both scores."""
    of_norm = correlations[(correlations["score"] == "grand") & correlations["rho"].notna()]
    rho = {(row["other"], None if pd.isna(row["given"]) else row["given"]): row["rho"] for _, row in of_norm.iterrows()}
    told = [f"{words} {rho[pair]:+.2f}" for pair, words in _CORRELATIONS.items() if pair in rho]
    return "\nSpearman's ρ of the norm " + ", ".join(told) if told else ""

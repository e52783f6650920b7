"""Do memorized examples stop teaching? Gradient norm by decile of memorization (paper App. A, eq. A1)."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy import stats

from ibft.config import Memorization
from ibft.errors import UserError
from ibft.figures.style import panel_grid, styled, titled

_DECILES = 10
_NORMAL_95 = 1.96
_BLUE = (0.0, 0.447, 0.698)


@styled
def draw(gradients: pd.DataFrame, memorization: pd.DataFrame, settings: Memorization, subject: str = "") -> Figure:
    """GRADIENTS joined with MEMORIZATION at k = `settings.k_selection` to mean norms per decile.

    Raises:
        UserError: the two tables share no example.
    """
    k = settings.k_selection
    joined = gradients.merge(memorization.loc[memorization["k"] == k, ["example_id", "min_k_prob"]], on="example_id")
    if joined.empty:
        raise UserError(f"gradients and memorization scores at k = {k} share no example, so there is nothing to relate")
    bins = min(_DECILES, len(joined))
    rank = joined["min_k_prob"].rank(method="first")
    joined["decile"] = np.ceil(rank / len(joined) * bins).astype(int)
    grouped = joined.groupby("decile")["grand"].agg(["mean", "std", "size"])
    error = (_NORMAL_95 * grouped["std"] / np.sqrt(grouped["size"])).fillna(0)

    figure, (axes,) = panel_grid(1, width=6.2, height=3.6)
    shades = np.linspace(0.95, 0.25, bins)
    axes.bar(
        grouped.index,
        grouped["mean"],
        color=[tuple(1 - shade * (1 - part) for part in _BLUE) for shade in shades],
        edgecolor="white",
        linewidth=0.5,
        yerr=error,
        error_kw={"elinewidth": 1, "ecolor": "#1f2937", "capsize": 2},
    )
    axes.set_xticks(grouped.index)
    part = "Decile" if bins == _DECILES else "Part"
    axes.set_xlabel(f"{part} of Min-{k}% Prob    1 = most memorized  …  {bins} = least memorized")
    axes.set_ylabel("LoRA gradient norm (GraNd), mean")
    axes.set_ylim(bottom=0)
    note = f"{len(joined):,} examples; whiskers: 95% interval of the mean{_correlations(joined)}"
    titled(axes, "Gradient norm by memorization", "\n".join(filter(None, (subject, note))))
    return figure


def _correlations(joined: pd.DataFrame) -> str:
    """Rank correlations with memorization, and with length, which drives both scores."""
    pairs = (("min_k_prob", "Min-K% Prob"), ("tokens", "length"))
    shown = [
        f"{name} {stats.spearmanr(joined['grand'], joined[column]).statistic:+.2f}"
        for column, name in pairs
        if joined[column].nunique() > 1 and joined["grand"].nunique() > 1
    ]
    return "\nSpearman's ρ of the norm with " + ", with ".join(shown) if shown else ""

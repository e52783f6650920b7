"""Densities of Min-K% Prob show whether the data was known before fine-tuning (paper Fig. 3).

p0: fine-tuning data on the base model.  p1: the same data on the fine-tuned model.
p2: data that no model can have seen, on the base model: the weakest-memorization reference.
"""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from ibft.config.sections import Memorization
from ibft.figures.densities import density_curve, median_line
from ibft.figures.style import legend_below, panel_grid, styled, titled
from ibft.memorization.distributions import Floats, common_grid, scores_at
from ibft.memorization.separation import separation
from ibft.runtime.errors import UserError

_GROUPS = {
    "p0": ("$p_0$: fine-tuning data, base model", "#0072b2", "-"),
    "p1": ("$p_1$: fine-tuning data, fine-tuned model", "#d55e00", "-"),
    "p2": ("$p_2$: fictitious reference data, base model", "#6b7280", "-."),
}


@styled
def draw(scores: Mapping[str, pd.DataFrame], settings: Memorization, subject: str = "") -> Figure:
    """Draw MEMORIZATION, by group (`p0` and any of `p1`, `p2`), as densities at k = `settings.k_selection`.

    Raises:
        UserError: p0 is missing, or a frame was not scored at that k.
    """
    k = settings.k_selection
    values = {group: scores_at(scores[group], k, group) for group in _GROUPS if group in scores}
    if "p0" not in values:
        raise UserError("the memorization figure needs p0, the scores of the fine-tuning data on the base model")
    figure, (axes,) = panel_grid(1, width=6.6, height=4.3)
    grid = common_grid(*values.values())
    for group, own in values.items():
        label, colour, style = _GROUPS[group]
        density_curve(axes, own, grid, colour, f"{label} (n = {len(own):,})", style)
        median_line(axes, own, colour)
    axes.set_xlim(grid[0], grid[-1])
    axes.set_ylim(bottom=0)
    axes.set_xlabel(f"Min-{k}% Prob (nats per token)    ← lower = more memorized")
    axes.set_ylabel("Density")
    titled(axes, "Memorization of the fine-tuning data", "\n".join(filter(None, [subject, *_statistics(values)])))
    legend_below(figure, [axes], "Dashed: medians.", columns=1)
    return figure


def _statistics(values: Mapping[str, Floats]) -> list[str]:
    """Tell in a line each how far p0 lies from p1 and from the reference, with 95% bootstrap intervals."""
    lines = []
    if "p1" in values:
        lines.append(f"overlap of $p_0$ and $p_1$: {separation(values['p0'], values['p1']).overlap}")
    if "p2" in values:
        apart = separation(values["p0"], values["p2"])
        lines.append(f"KS distance of $p_0$ and $p_2$: {apart.ks}; AUROC, $p_0$ below $p_2$: {apart.auroc}")
    return lines

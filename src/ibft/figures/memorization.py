"""Densities of Min-K% Prob show whether the data was known before fine-tuning (paper Fig. 3).

p0: fine-tuning data on the base model.  p1: the same data on the fine-tuned models, of all training seeds.
p2: data that no model can have seen, on the base model: the weakest-memorization reference.
p3: the same of the data's own domain, where the configuration names one: what is left of p0 beside it is not domain.
"""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from ibft.config.sections import Memorization
from ibft.figures.densities import density_curve, median_line
from ibft.figures.style import legend_below, panel_grid, styled, titled
from ibft.memorization.distributions import Floats, common_grid, scores_at, tuned_scores
from ibft.memorization.separation import paired_shift, separation, told_ks
from ibft.runtime.errors import UserError

_GROUPS = {
    "p0": ("$p_0$: fine-tuning data, base model", "#0072b2", "-"),
    "p1": ("$p_1$: fine-tuning data, fine-tuned model", "#d55e00", "-"),
    "p2": ("$p_2$: fictitious reference data, base model", "#6b7280", "-."),
    "p3": ("$p_3$: unseen data of the same domain, base model", "#009e73", "--"),
}

_REFERENCES = ("p2", "p3")


@styled
def draw(scores: Mapping[str, pd.DataFrame], settings: Memorization, subject: str = "") -> Figure:
    """Draw MEMORIZATION, by group (`p0`, any of `p1-seedS`, `p2`, `p3`), as densities at k = `settings.k_selection`.

    Raises:
        UserError: p0 is missing, or a frame was not scored at that k.
    """
    k = settings.k_selection
    if "p0" not in scores:
        raise UserError("the memorization figure needs p0, the scores of the fine-tuning data on the base model")
    values = {group: scores_at(scores[group], k, group) for group in ("p0", *_REFERENCES) if group in scores}
    tuned_ES = tuned_scores(scores, k)
    if tuned_ES is not None:
        values["p1"] = tuned_ES.ravel()
    figure, (axes,) = panel_grid(1, width=6.6, height=4.3)
    grid = common_grid(*values.values())
    for group in (group for group in _GROUPS if group in values):
        own, (label, colour, style) = values[group], _GROUPS[group]
        density_curve(axes, own, grid, colour, f"{label} (n = {len(own):,})", style)
        median_line(axes, own, colour)
    axes.set_xlim(grid[0], grid[-1])
    axes.set_ylim(bottom=0)
    axes.set_xlabel(f"Min-{k}% Prob (nats per token)    ← lower = more memorized")
    axes.set_ylabel("Density")
    titled(
        axes, "Memorization of the fine-tuning data", "\n".join(filter(None, [subject, *_statistics(values, tuned_ES)]))
    )
    legend_below(figure, [axes], "Dashed: medians.", columns=1)
    return figure


def _statistics(values: Mapping[str, Floats], tuned_ES: Floats | None) -> list[str]:
    """Tell in a line each how far fine-tuning moved the data, and how far it lies from the reference."""
    lines = []
    if tuned_ES is not None:
        seeds = tuned_ES.shape[1]
        over = f" over {seeds} training seeds" if seeds > 1 else ""
        lines.append(f"mean shift from $p_0$ to $p_1$: {paired_shift(values['p0'], tuned_ES)} nats per token{over}")
    for group in _REFERENCES:
        if group in values:
            apart, name = separation(values["p0"], values[group]), f"$p_{group[1:]}$"
            lines.append(f"AUROC, $p_0$ below {name}: {apart.auroc}; overlap: {apart.overlap}; KS: {told_ks(apart)}")
    return lines

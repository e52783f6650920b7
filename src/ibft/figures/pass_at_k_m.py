"""Bars show Pass@k^(m) of every method: how often at least m of k samples are correct (paper Fig. 2b)."""

import pandas as pd
from matplotlib.figure import Figure

from ibft.config.sections import Metrics
from ibft.figures.bars import grouped_bars
from ibft.figures.style import styled
from ibft.labels import Labels


@styled
def draw(metrics: pd.DataFrame, labels: Labels, settings: Metrics) -> Figure:
    """Draw METRICS as grouped bars, one group per strict m of `settings`."""
    grid = [(settings.pass_at_k_m.k, m) for m in settings.pass_at_k_m.m]
    return grouped_bars(
        metrics, labels, grid, f"Problems solved by at least m\nof {settings.pass_at_k_m.k} samples (%)"
    )

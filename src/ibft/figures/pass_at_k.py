"""Bars show Pass@k of every method: how often at least one of k samples is correct (paper Fig. 2a)."""

import pandas as pd
from matplotlib.figure import Figure

from ibft.config.sections import Metrics
from ibft.figures.bars import grouped_bars
from ibft.figures.style import styled
from ibft.labels import Labels


@styled
def draw(metrics: pd.DataFrame, labels: Labels, settings: Metrics) -> Figure:
    """Draw METRICS as grouped bars, one group per k of `settings`."""
    return grouped_bars(metrics, labels, [(k, 1) for k in settings.k], "Problems solved (%)")

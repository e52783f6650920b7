"""Which (k, m) the tables, tests and figures of a run are about."""

import pandas as pd

from ibft.config.metrics import Metrics

Grid = list[tuple[int, int]]


def headline_grid(settings: Metrics) -> Grid:
    """Pass@k for every k, then Pass@k^(m) for every strict m."""
    grid = [(k, 1) for k in settings.k] + [(settings.strict_k, m) for m in settings.strict_m]
    return list(dict.fromkeys(grid))


def rows_at(metrics: pd.DataFrame, grid: Grid) -> pd.DataFrame:
    """The rows whose (k, m) is in `grid`."""
    return metrics[pd.MultiIndex.from_frame(metrics[["k", "m"]]).isin(grid)]

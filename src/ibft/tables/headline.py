"""The headline table: the paper's Table 1 of this run, in percent, with the best method of each column marked."""

import pandas as pd

from ibft.config.metrics import Metrics
from ibft.labels import Grid, Labels, compared, headline_grid, in_order, plain, rows_at
from ibft.runtime.errors import UserError
from ibft.store.schemas import HEADLINE

_COLUMN = ["model", "dataset", "benchmark", "temperature", "k", "m"]
_SHOWN_DIGITS = 2  # ties are judged by what the reader sees


def headline(metrics: pd.DataFrame, labels: Labels, settings: Metrics) -> pd.DataFrame:
    """HEADLINE rows of METRICS without the points of sweeps, in the order in which they are printed.

    Rows follow datasets, temperatures, models and methods in the order of `labels`; within a method, benchmarks and
    then the columns Pass@k (each k) and Pass@k^(m) (each strict m).

    Raises:
        UserError: a metric that `settings` asks for was not computed.
    """
    grid = headline_grid(settings)
    shown = compared(rows_at(metrics, grid), labels)
    missing = set(grid) - set(zip(shown["k"], shown["m"], strict=True))
    if missing:
        raise UserError(
            f"the metrics lack {', '.join(plain(*pair) for pair in sorted(missing))}: "
            "they were computed with other settings; rerun Snakemake, which recomputes them"
        )
    shown = _sorted(shown, labels, grid)
    table = pd.DataFrame(
        {
            "model": shown["model"].map(labels.model),
            "dataset": shown["dataset"].map(labels.dataset),
            "method": shown["method"].map(labels.method),
            "benchmark": shown["benchmark"].map(labels.benchmark),
            "temperature": shown["temperature"],
            "metric": [plain(k, m) for k, m in zip(shown["k"], shown["m"], strict=True)],
            "k": shown["k"],
            "m": shown["m"],
            "percent": 100 * shown["estimate"],
            "std": 100 * shown["std"],
            "low": 100 * shown["low"],
            "high": 100 * shown["high"],
            "runs": shown["runs"],
            "problems": shown["problems"],
            "n": shown["n"],
            "excluded": shown["excluded"],
        }
    ).reset_index(drop=True)
    seen = table["percent"].round(_SHOWN_DIGITS)
    best = seen.groupby([table[name] for name in _COLUMN]).transform("max")
    table["best"] = (seen == best) & (seen > 0)  # where nobody solves anything, nobody is best
    return pd.DataFrame(table, columns=HEADLINE.schema.names)


def _sorted(shown: pd.DataFrame, labels: Labels, grid: Grid) -> pd.DataFrame:
    def rank(column: str, order: dict[str, str]) -> pd.Series:
        names = in_order(list(shown[column]), order)
        return shown[column].map({name: position for position, name in enumerate(names)})

    pairs = pd.Series(list(zip(shown["k"], shown["m"], strict=True)), index=shown.index)
    ranks = pd.DataFrame(
        {
            "dataset": rank("dataset", labels.datasets),
            "temperature": shown["temperature"],
            "model": rank("model", labels.models),
            "method": rank("method", labels.methods),
            "benchmark": rank("benchmark", labels.benchmarks),
            "pair": pairs.map({pair: position for position, pair in enumerate(grid)}),
        }
    )
    return shown.loc[ranks.sort_values(list(ranks.columns)).index]

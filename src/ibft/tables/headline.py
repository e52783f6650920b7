"""The headline table is the paper's Table 1 of this run, in percent, with the leading method of each column marked.

It is printed as one table per dataset and temperature: methods as rows under their model, benchmarks side by side, each
with its Pass@k and then its Pass@k^(m) columns. After ± stands the standard error; the best is bold where the paired
test tells it from the next.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from ibft.config.sections import Metrics
from ibft.labels import Grid, Labels, compared, headline_grid, in_order, mathtext, plain, rows_at, seeds_note, units
from ibft.runtime.errors import UserError
from ibft.store.schemas import HEADLINE
from ibft.tables.render import (
    Number,
    escape_latex,
    escape_markdown,
    latex_number,
    latex_row,
    latex_rules,
    latex_span,
    latex_tabular,
    markdown_metric,
    markdown_number,
    markdown_table,
    printed,
)

_SHOWN_DIGITS = 2


def headline(metrics: pd.DataFrame, labels: Labels, settings: Metrics) -> pd.DataFrame:
    """Make HEADLINE of METRICS without the points of sweeps, in the order in which they are printed.

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
            "standard_error": 100 * shown["standard_error"],
            "low": 100 * shown["low"],
            "high": 100 * shown["high"],
            "trial_std": 100 * shown["trial_std"],
            "seeds": shown["seeds"],
            "trials": shown["trials"],
            "problems": shown["problems"],
            "n": shown["n"],
            "best": shown["leads"],
            "excluded": shown["excluded"],
        }
    ).reset_index(drop=True)
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


@dataclass(frozen=True)
class Block:
    """A block holds the rows of HEADLINE that are printed as one table.

    `rows` are (model, method), `columns` are (benchmark, k, m), and `cells` maps (model, method, column) to a row.
    """

    dataset: str
    temperature: float
    rows: list[tuple[str, str]]
    columns: list[tuple[str, int, int]]
    cells: dict[tuple[str, str, tuple[str, int, int]], pd.Series]
    caption: str

    @property
    def benchmarks(self) -> dict[str, int]:
        """Count the columns of each benchmark."""
        names = [benchmark for benchmark, _, _ in self.columns]
        return {name: names.count(name) for name in names}

    def cell(self, row: tuple[str, str], column: tuple[str, int, int]) -> pd.Series | None:
        return self.cells.get((*row, column))

    def numbers(self, row: tuple[str, str]) -> list[Number | None]:
        cells = [self.cell(row, column) for column in self.columns]
        return [None if cell is None else number(cell) for cell in cells]


def blocks(headline: pd.DataFrame) -> Iterator[Block]:
    """Split HEADLINE into the tables that are printed, in its own order."""
    for _, rows in headline.groupby(["dataset", "temperature"], sort=False):
        yield block_of(rows)


def block_of(rows: pd.DataFrame) -> Block:
    """Make a block of HEADLINE rows of one dataset and temperature."""
    columns = list(zip(rows["benchmark"], rows["k"], rows["m"], strict=True))
    names = list(zip(rows["model"], rows["method"], strict=True))
    return Block(
        dataset=str(rows["dataset"].iloc[0]),
        temperature=float(rows["temperature"].iloc[0]),
        rows=list(dict.fromkeys(names)),
        columns=list(dict.fromkeys(columns)),
        cells={(*name, column): row for name, column, (_, row) in zip(names, columns, rows.iterrows(), strict=True)},
        caption=_caption(rows),
    )


def number(row: pd.Series) -> Number:
    """Print percent and standard error."""
    return printed(row["percent"], row["standard_error"], _SHOWN_DIGITS, bool(row["best"]))


def headline_markdown(headline: pd.DataFrame) -> str:
    return "\n".join(_markdown(block) for block in blocks(headline))


def headline_latex(headline: pd.DataFrame) -> str:
    """Write one `table*` per dataset and temperature; it needs the package booktabs."""
    return "\n".join(_latex(block) for block in blocks(headline))


def _caption(rows: pd.DataFrame) -> str:
    places = rows.drop_duplicates("benchmark")
    sizes = ", ".join(_size(place) for _, place in places.iterrows())
    first, trials = rows.iloc[0], rows["trials"].min()
    return (
        f"Fine-tuned on {first['dataset']}, in percent: {sizes}; n = {rows['n'].min()} samples per problem and "
        f"training seed{f', of {trials} trials together' if trials > 1 else ''}, "
        f"T = {first['temperature']:g}; {seeds_note(rows)}. ±: standard error over {units(rows)}. "
        "Pass@k^(m): at least m of k samples pass. Bold: the best of its model, where the paired test tells it from "
        "the next (p < 0.05, Holm over all columns)."
    )


def _size(place: pd.Series) -> str:
    without = f" without {place['excluded']}, which could not be judged" if place["excluded"] else ""
    return f"{place['benchmark']} ({place['problems']} problems{without})"


def _markdown(block: Block) -> str:
    titles = [f"{escape_markdown(benchmark)} {markdown_metric(k, m)}" for benchmark, k, m in block.columns]
    rows, previous = [], None
    for model, method in block.rows:
        shown = "" if model == previous else escape_markdown(model)
        rows.append([shown, escape_markdown(method), *map(markdown_number, block.numbers((model, method)))])
        previous = model
    table = markdown_table([("Model", False), ("Method", False), *((title, True) for title in titles)], rows)
    title = f"**{escape_markdown(block.dataset)}**, T = {block.temperature:g}"
    return f"{title}\n\n{table}\n{escape_markdown(block.caption)}\n"


def _latex(block: Block) -> str:
    spans = [latex_span(size, rf"{escape_latex(name)} (\%)") for name, size in block.benchmarks.items()]
    header = [
        latex_row(["", *spans]),
        latex_rules(block.benchmarks.values()),
        latex_row(["Method", *(mathtext(k, m) for _, k, m in block.columns)]),
    ]
    body, previous = [], None
    for model, method in block.rows:
        if model != previous:
            heading = rf"\textbf{{{escape_latex(model)}}}"
            body += [r"\midrule", latex_row([latex_span(len(block.columns) + 1, heading, "l")])]
            previous = model
        body.append(latex_row([escape_latex(method), *map(latex_number, block.numbers((model, method)))]))
    return "\n".join(
        [
            r"\begin{table*}[t]",
            r"\centering\small",
            rf"\caption{{{_latex_caption(block.caption)}}}",
            latex_tabular(len(block.columns), header, body),
            r"\end{table*}",
            "",
        ]
    )


def _latex_caption(text: str) -> str:
    return (
        escape_latex(text)
        .replace(escape_latex("Pass@k^(m)"), "Pass@$k^{(m)}$")
        .replace("±", r"$\pm$")
        .replace("×", r"$\times$")
    )

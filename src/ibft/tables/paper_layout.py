"""Table 1 and Table A1 as the paper lays them out: methods under their model, Pass@k and Pass@10^(m) per benchmark."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import pandas as pd

from ibft.config.config import Config
from ibft.config.metrics import Metrics
from ibft.labels import Labels, labels_of
from ibft.runtime.errors import UserError
from ibft.tables.escaping import escape_latex, escape_markdown
from ibft.tables.headline import headline
from ibft.tables.paper_numbers import TEMPERATURE

SETTINGS = Metrics(k=(1, 5, 10), strict_k=10, strict_m=(2, 5, 10))
_COLUMNS = [(1, 1), (5, 1), (10, 1), (10, 2), (10, 5), (10, 10)]
_BASE = "Base"


@dataclass(frozen=True)
class Layout:
    """One of the paper's tables.

    Attributes:
        base_is_model: the row of the base model is called by the model's name; else the name heads its rows.
        spreads: whether numbers are printed with their spread.
    """

    name: str
    dataset: str
    benchmarks: tuple[str, ...]
    base_is_model: bool
    spreads: bool


LAYOUTS = {
    layout.name: layout
    for layout in (
        Layout("table_1", "OriGen", ("Eval-Human", "Eval-Machine"), base_is_model=True, spreads=True),
        Layout("table_A1", "Evol-CodeAlpaca-V1", ("HumanEval",), base_is_model=False, spreads=False),
    )
}


def fillable(config: Config, cells: Collection[tuple[str, str, float]]) -> list[str]:
    """The tables that (dataset, benchmark, temperature) `cells` of `config` can fill, so labelled, with their k."""
    labels = labels_of(config)
    tested = {
        (labels.dataset(dataset), labels.benchmark(benchmark))
        for dataset, benchmark, temperature in cells
        if temperature == TEMPERATURE
    }
    if not {k for k, _ in _COLUMNS} <= {*config.metrics.k, config.metrics.strict_k}:
        return []
    return [
        name
        for name, layout in LAYOUTS.items()
        if tested >= {(layout.dataset, benchmark) for benchmark in layout.benchmarks}
    ]


@dataclass(frozen=True)
class Row:
    """A printed row: its name, and for each benchmark and column a HEADLINE row. Without cells it heads a model."""

    name: str
    cells: list["pd.Series[float] | None"]
    starts_model: bool


def rows_of(layout: Layout, metrics: pd.DataFrame, labels: Labels) -> list[Row]:
    """The rows of `layout` out of METRICS, in the order of `labels`.

    Raises:
        UserError: the metrics hold nothing of this table.
    """
    table = headline(metrics, labels, SETTINGS)
    table = table[(table["dataset"] == layout.dataset) & table["benchmark"].isin(layout.benchmarks)]
    table = table[(table["temperature"] - TEMPERATURE).abs() < 1e-9]
    if table.empty:
        raise UserError(f"{layout.name} needs {layout.dataset} and {', '.join(layout.benchmarks)} at T = {TEMPERATURE}")
    return [row for model, own in table.groupby("model", sort=False) for row in _rows_of_model(layout, str(model), own)]


def _rows_of_model(layout: Layout, model: str, own: pd.DataFrame) -> Iterator[Row]:
    methods = list(dict.fromkeys(own["method"]))
    if not layout.base_is_model or _BASE not in methods:
        yield Row(model, [], starts_model=True)
    for method in methods:
        rows = own[own["method"] == method].set_index(["benchmark", "k", "m"])
        keys = [(benchmark, *column) for benchmark in layout.benchmarks for column in _COLUMNS]
        cells = [rows.loc[key] if key in rows.index else None for key in keys]
        is_model = layout.base_is_model and method == _BASE
        name = model if is_model else method if method == _BASE else f"+ {method}"
        yield Row(name, cells, starts_model=is_model)


def layout_markdown(layout: Layout, rows: list[Row]) -> str:
    titles = [f"{b} {_html(k, m)}" for b in layout.benchmarks for k, m in _COLUMNS]
    lines = ["| Methods | " + " | ".join(titles) + " |", "|:--|" + "--:|" * len(titles)]
    for row in rows:
        cells = [_cell(cell, layout, "**{}**", "{} ± {}") for cell in row.cells] or [""] * len(titles)
        name = escape_markdown(row.name)
        name = f"**{name}**" if row.starts_model else name
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def layout_latex(layout: Layout, rows: list[Row]) -> str:
    """Needs the package booktabs."""
    width = len(layout.benchmarks) * len(_COLUMNS)
    half = len(_COLUMNS) // 2
    kinds = (r"Pass@$k$ $\uparrow$", r"Pass@$10^{(m)}$ $\uparrow$")
    groups = [rf"\multicolumn{{{half}}}{{c}}{{{kind}}}" for kind in kinds] * len(layout.benchmarks)
    spans = [rf"\multicolumn{{{len(_COLUMNS)}}}{{c}}{{{escape_latex(b)} (\%)}}" for b in layout.benchmarks]
    names = [f"$k = {k}$" if m == 1 else f"$m = {m}$" for _ in layout.benchmarks for k, m in _COLUMNS]
    starts = range(2, width + 2, half)
    lines = [
        r"\begin{tabular}{l" + "c" * width + "}",
        r"\toprule",
        " & ".join(["Methods", *spans]) + r" \\",
        " & ".join(["", *groups]) + r" \\",
        " ".join(rf"\cmidrule(lr){{{start}-{start + half - 1}}}" for start in starts),
        " & ".join(["", *names]) + r" \\",
    ]
    for row in rows:
        lines += [r"\midrule"] if row.starts_model else []
        if row.cells:
            cells = [_cell(cell, layout, r"\textbf{{{}}}", r"{} $\pm$ {}") for cell in row.cells]
            lines.append(" & ".join([escape_latex(row.name), *cells]) + r" \\")
        else:
            lines.append(rf"\multicolumn{{{width + 1}}}{{c}}{{{escape_latex(row.name)}}} \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def _cell(row: "pd.Series[float] | None", layout: Layout, bold: str, with_spread: str) -> str:
    if row is None:
        return "–"
    mean = f"{row['percent']:.2f}"
    mean = bold.format(mean) if row["best"] else mean
    return with_spread.format(mean, f"{row['std']:.3f}") if layout.spreads and not pd.isna(row["std"]) else mean


def _html(k: int, m: int) -> str:
    return f"Pass@{k}" if m == 1 else f"Pass@{k}<sup>({m})</sup>"

"""The headline table as Markdown and LaTeX, in the layout of the paper's Table 1.

One table per dataset and temperature: methods as rows under their model, benchmarks side by side, each with its
Pass@k and then its Pass@k^(m) columns. Best in bold; mean ± standard deviation over runs where there are several.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from ibft.labels import mathtext
from ibft.tables.escaping import escape_latex, escape_markdown


@dataclass(frozen=True)
class Block:
    """What is printed as one table. `columns` are (benchmark, k, m); `cells` maps (model, method, column) to a row."""

    dataset: str
    temperature: float
    rows: list[tuple[str, str]]
    columns: list[tuple[str, int, int]]
    cells: dict[tuple[str, str, tuple[str, int, int]], pd.Series]
    caption: str

    @property
    def benchmarks(self) -> list[str]:
        return list(dict.fromkeys(benchmark for benchmark, _, _ in self.columns))

    def cell(self, row: tuple[str, str], column: tuple[str, int, int]) -> pd.Series | None:
        return self.cells.get((*row, column))


def blocks(headline: pd.DataFrame) -> Iterator[Block]:
    """Split HEADLINE into the tables that are printed, in its own order."""
    for _, rows in headline.groupby(["dataset", "temperature"], sort=False):
        columns = list(dict.fromkeys(zip(rows["benchmark"], rows["k"], rows["m"], strict=True)))
        yield Block(
            dataset=str(rows["dataset"].iloc[0]),
            temperature=float(rows["temperature"].iloc[0]),
            rows=list(dict.fromkeys(zip(rows["model"], rows["method"], strict=True))),
            columns=columns,
            cells={
                (row["model"], row["method"], (row["benchmark"], row["k"], row["m"])): row for _, row in rows.iterrows()
            },
            caption=_caption(rows),
        )


def markdown(headline: pd.DataFrame) -> str:
    return "\n".join(_markdown(block) for block in blocks(headline))


def latex(headline: pd.DataFrame) -> str:
    """One `table*` per dataset and temperature; needs the package booktabs."""
    return "\n".join(_latex(block) for block in blocks(headline))


def number(row: pd.Series) -> tuple[str, str]:
    """Percent and standard deviation as printed; the latter is empty for a single run."""
    return f"{row['percent']:.2f}", "" if pd.isna(row["std"]) else f"{row['std']:.2f}"


def _caption(rows: pd.DataFrame) -> str:
    places = rows.drop_duplicates("benchmark")
    sizes = ", ".join(_size(place) for _, place in places.iterrows())
    low, high = rows["runs"].min(), rows["runs"].max()
    runs = f"{low}" if low == high else f"{low} to {high}"
    spread = "mean ± standard deviation over runs (trial × training seed, ddof = 1)" if high > 1 else "a single run"
    first = rows.iloc[0]
    return (
        f"Fine-tuned on {first['dataset']}, in percent: {sizes}; n = {rows['n'].min()} samples per problem, "
        f"T = {first['temperature']:g}, {runs} run{'s' if high > 1 else ''} per method; {spread}. "
        "Pass@k^(m): at least m of k samples pass. Best of each model in bold."
    )


def _size(place: pd.Series) -> str:
    without = f" without {place['excluded']}, which could not be judged" if place["excluded"] else ""
    return f"{place['benchmark']} ({place['problems']} problems{without})"


def _markdown(block: Block) -> str:
    names = [f"{escape_markdown(benchmark)} {_html(k, m)}" for benchmark, k, m in block.columns]
    lines = [
        f"**{escape_markdown(block.dataset)}**, T = {block.temperature:g}\n",
        "| Model | Method | " + " | ".join(names) + " |",
        "|:--|:--|" + "--:|" * len(names),
    ]
    previous = None
    for row in block.rows:
        model, method = row
        cells = [_markdown_cell(block.cell(row, column)) for column in block.columns]
        shown = "" if model == previous else escape_markdown(model)
        lines.append(f"| {shown} | {escape_markdown(method)} | " + " | ".join(cells) + " |")
        previous = model
    return "\n".join(lines) + f"\n\n{escape_markdown(block.caption)}\n"


def _markdown_cell(row: pd.Series | None) -> str:
    if row is None:
        return "–"
    percent, std = number(row)
    mean = f"**{percent}**" if row["best"] else percent
    return f"{mean} ± {std}" if std else mean


def _html(k: int, m: int) -> str:
    return f"Pass@{k}" if m == 1 else f"Pass@{k}<sup>({m})</sup>"


def _latex(block: Block) -> str:
    width = len(block.columns) + 1
    lines = [
        r"\begin{table*}[t]",
        r"\centering\small",
        rf"\caption{{{_latex_caption(block.caption)}}}",
        r"\begin{tabular}{l" + "c" * len(block.columns) + "}",
        r"\toprule",
        *_latex_header(block),
    ]
    previous = None
    for row in block.rows:
        model, method = row
        if model != previous:
            lines += [r"\midrule", rf"\multicolumn{{{width}}}{{l}}{{\textbf{{{escape_latex(model)}}}}} \\"]
            previous = model
        cells = [_latex_cell(block.cell(row, column)) for column in block.columns]
        lines.append(" & ".join([escape_latex(method), *cells]) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table*}", ""])


def _latex_header(block: Block) -> list[str]:
    """Benchmarks over their columns, then the metrics."""
    spans, rules, start = [""], [], 2
    for benchmark in block.benchmarks:
        size = sum(column[0] == benchmark for column in block.columns)
        spans.append(rf"\multicolumn{{{size}}}{{c}}{{{escape_latex(benchmark)} (\%)}}")
        rules.append(rf"\cmidrule(lr){{{start}-{start + size - 1}}}")
        start += size
    metrics = ["Method", *(mathtext(k, m) for _, k, m in block.columns)]
    return [" & ".join(spans) + r" \\", " ".join(rules), " & ".join(metrics) + r" \\"]


def _latex_cell(row: pd.Series | None) -> str:
    if row is None:
        return "--"
    percent, std = number(row)
    mean = rf"\textbf{{{percent}}}" if row["best"] else percent
    return rf"{mean} $\pm$ {std}" if std else mean


def _latex_caption(text: str) -> str:
    return (
        escape_latex(text)
        .replace(escape_latex("Pass@k^(m)"), "Pass@$k^{(m)}$")
        .replace("±", r"$\pm$")
        .replace("×", r"$\times$")
    )

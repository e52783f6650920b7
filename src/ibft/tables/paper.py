"""The paper's Tables 1 and A1 (arXiv 2510.16022) give numbers to compare a run with.

`paper_numbers.csv` names the table and the section that a number stands in. `percent` and `variance` are the printed
digits: what stands after ± the paper calls "its variance over five independent trials". It is of another unit than a
percentage and no standard deviation, so nothing is computed from it. Table A1 has none. Models, datasets, methods and
benchmarks are called as `config/paper.yaml` labels them: a run takes part by calling things the same.

In one trial of n = 10 samples, a value for k = 10 is a share of the benchmark's problems; a mean of five trials lies
on a lattice five times as fine. In Table 1, 72 of 80 such values are shares of its problems. So are all of Table A1,
but for the row of FT on DeepSeek-Coder-7B-v1.5: its values are multiples of 1/156, the number of Eval-Human's problems.
So the paper's numbers are those of one trial, whatever their caption says, and are compared with one trial of ours.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from ibft.config.sections import Metrics, PassAtKM
from ibft.labels import Labels, raised
from ibft.runtime.errors import UserError
from ibft.statistics.paired import LEVEL
from ibft.statistics.quantiles import normal_ppf
from ibft.store.schemas import METRICS, PAPER_COMPARISON
from ibft.tables.headline import Block, block_of, headline
from ibft.tables.paper_layouts import COLUMNS, TEMPERATURE, Layout
from ibft.tables.render import (
    Number,
    TextTable,
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

N = 10
PROBLEMS = {"Eval-Human": 156, "Eval-Machine": 143, "HumanEval": 164}
LABELS = Labels(
    models={
        name: name
        for name in (
            "CodeLlama-7B-Instruct",
            "DeepSeek-Coder-7B-Instruct-v1.5",
            "Llama-3-8B",
            "DeepSeek-Coder-7B-v1.5",
        )
    },
    methods={name: name for name in ("Base", "FT", "FT w/ GraNd", "FT w/ Min-K%", "IB-FT")},
    kinds={"Base": "base", "FT": "ft", "FT w/ GraNd": "ft-grand", "FT w/ Min-K%": "ft-mink", "IB-FT": "ibft"},
)
SETTINGS = Metrics(k=(1, 5, 10), pass_at_k_m=PassAtKM(k=10, m=(2, 5, 10)))

_FILE = Path(__file__).with_name("paper_numbers.csv")
_BASE = "Base"
_PRINTED_DIGITS, _VARIANCE_DIGITS = 2, 3  # of the paper's percentages, and of what it prints after them
_SAME = ["model", "dataset", "method", "benchmark", "k", "m"]
_COLUMN_OF_A_MODEL = ["model", "dataset", "benchmark", "k", "m"]


def paper_numbers() -> pd.DataFrame:
    """Read table, section, model, dataset, method, benchmark, k, m, percent and variance (NaN in Table A1)."""
    return pd.read_csv(_FILE)


def paper_metrics(numbers: pd.DataFrame) -> pd.DataFrame:
    """Turn `numbers` into METRICS.

    The paper gives neither standard errors nor intervals, so `low` and `high` are the estimate itself, and it prints
    the highest number bold, whatever comes next.
    """
    estimate = numbers["percent"] / 100
    highest = estimate.groupby([numbers[name] for name in _COLUMN_OF_A_MODEL]).transform("max")
    return pd.DataFrame(
        numbers.assign(
            temperature=TEMPERATURE,
            n=N,
            seeds=1,
            trials=1,
            excluded="",
            estimate=estimate,
            standard_error=np.nan,
            trial_std=np.nan,
            leads=estimate == highest,
            low=estimate,
            high=estimate,
            official_estimate=estimate,
            problems=numbers["benchmark"].map(PROBLEMS),
        ),
        columns=METRICS.schema.names,
    )


def filled(layout: Layout, metrics: pd.DataFrame, labels: Labels) -> Block:
    """Fill `layout` with the numbers of METRICS and their standard errors, its rows in the order of `labels`.

    Raises:
        UserError: the metrics hold nothing of this table.
    """
    table = headline(metrics, labels, SETTINGS)
    table = table[(table["dataset"] == layout.dataset) & table["benchmark"].isin(layout.benchmarks)]
    table = table[_at_the_papers_temperature(table)]
    if table.empty:
        raise UserError(f"{layout.name} needs {layout.dataset} and {', '.join(layout.benchmarks)} at T = {TEMPERATURE}")
    return _block(layout, table, table["standard_error"], digits=2)


def as_printed(layout: Layout) -> Block:
    """Fill `layout` with the paper's own numbers, and with what it prints after ±."""
    numbers = paper_numbers()
    table = headline(paper_metrics(numbers), LABELS, SETTINGS)
    of_layout = table.merge(numbers.loc[numbers["dataset"] == layout.dataset, [*_SAME, "variance"]], on=_SAME)
    return _block(layout, of_layout, of_layout["variance"], _VARIANCE_DIGITS)


def _block(layout: Layout, table: pd.DataFrame, spread: "pd.Series[float]", digits: int) -> Block:
    """Make a block of HEADLINE rows, with `spread` after ± in so many digits."""
    return replace(block_of(table.assign(spread=spread, digits=digits)), columns=layout.columns)


@dataclass(frozen=True)
class _Line:
    """A printed row has a name and a number for each column; without numbers it heads a model."""

    name: str
    numbers: list[Number | None]
    starts_model: bool


def _lines(layout: Layout, block: Block) -> Iterator[_Line]:
    for model in dict.fromkeys(model for model, _ in block.rows):
        methods = [method for own, method in block.rows if own == model]
        if not layout.base_is_model or _BASE not in methods:
            yield _Line(model, [], starts_model=True)
        for method in methods:
            is_model = layout.base_is_model and method == _BASE
            name = model if is_model else method if method == _BASE else f"+ {method}"
            cells = [block.cell((model, method), column) for column in block.columns]
            yield _Line(name, [None if cell is None else _number(layout, cell) for cell in cells], is_model)


def _number(layout: Layout, cell: pd.Series) -> Number:
    number = printed(cell["percent"], cell["spread"], cell["digits"], bool(cell["best"]))
    return number if layout.spreads else replace(number, spread="")


def layout_markdown(layout: Layout, block: Block) -> str:
    columns = [(f"{benchmark} {markdown_metric(k, m)}", True) for benchmark, k, m in block.columns]
    rows = []
    for line in _lines(layout, block):
        name = escape_markdown(line.name)
        numbers = [markdown_number(number) for number in line.numbers] or [""] * len(columns)
        rows.append([f"**{name}**" if line.starts_model else name, *numbers])
    return markdown_table([("Methods", False), *columns], rows)


def layout_latex(layout: Layout, block: Block) -> str:
    """Write a `tabular` that needs the package booktabs."""
    width, half = len(block.columns), len(COLUMNS) // 2
    kinds = (r"Pass@$k$ $\uparrow$", r"Pass@$10^{(m)}$ $\uparrow$")
    header = [
        latex_row(["Methods", *(latex_span(n, rf"{escape_latex(b)} (\%)") for b, n in block.benchmarks.items())]),
        latex_row(["", *[latex_span(half, kind) for kind in kinds] * len(block.benchmarks)]),
        latex_rules([half] * (width // half)),
        latex_row(["", *(f"$k = {k}$" if m == 1 else f"$m = {m}$" for _, k, m in block.columns)]),
    ]
    body = []
    for line in _lines(layout, block):
        body += [r"\midrule"] if line.starts_model else []
        name = escape_latex(line.name)
        cells = [name, *map(latex_number, line.numbers)] if line.numbers else [latex_span(width + 1, name)]
        body.append(latex_row(cells))
    return latex_tabular(width, header, body) + "\n"


def paper_comparison(headline: pd.DataFrame, numbers: pd.DataFrame) -> pd.DataFrame:
    """Compare HEADLINE, at the paper's temperature, with the paper: PAPER_COMPARISON, empty where no label matches.

    The problems are the same on both sides, so only sampling tells two trials of one checkpoint apart. `contains` says
    whether the paper's number lies where 95% of single trials of our checkpoints would.
    """
    ours = headline[_at_the_papers_temperature(headline)]
    both = ours.merge(numbers.rename(columns={"percent": "paper_percent", "variance": "paper_variance"}), on=_SAME)
    both["trial_low"], both["trial_high"] = trial_interval(both)
    both["difference"] = both["percent"] - both["paper_percent"]
    low, high = (both[bound].round(_PRINTED_DIGITS) for bound in ("trial_low", "trial_high"))
    both["contains"] = (low <= both["paper_percent"]) & (both["paper_percent"] <= high)
    return pd.DataFrame(both, columns=PAPER_COMPARISON.schema.names)


def trial_interval(headline: pd.DataFrame) -> tuple["pd.Series[float]", "pd.Series[float]"]:
    """Compute where 95% of further single trials would lie; the sampling of ours makes the estimate uncertain, too."""
    std = headline["trial_std"].astype(float) * np.sqrt(1 + 1 / headline["trials"])
    half = float(normal_ppf(1 - LEVEL / 2)) * std
    return headline["percent"] - half, headline["percent"] + half


def paper_comparison_table(comparison: pd.DataFrame) -> TextTable:
    """Print PAPER_COMPARISON, and how often one trial of ours could have given the paper's number."""
    rows = [
        [
            row["table"],
            row["model"],
            row["method"],
            row["benchmark"],
            raised(row["k"], row["m"]),
            f"{row['percent']:.2f}",
            "–" if pd.isna(row["trial_low"]) else f"{row['trial_low']:.1f} to {row['trial_high']:.1f}",
            str(printed(row["paper_percent"], row["paper_variance"], _VARIANCE_DIGITS)),
            f"{row['difference']:+.2f}",
            "yes" if row["contains"] else "no",
        ]
        for _, row in comparison.iterrows()
    ]
    return TextTable(
        "Comparison with the paper",
        f"In percent. {comparison['contains'].sum()} of {len(comparison)} of the paper's numbers lie where 95% of "
        "single trials of our checkpoints would, sampling on the same problems. The paper calls what it prints after ± "
        "the variance over five trials, but 72 of 80 of its numbers for k = 10 in Table 1 are whole shares of the "
        "problems, as one trial gives them and a mean of five need not: so they are compared with one trial. Another "
        "training, prompt or engine can move a number further.",
        [
            ("Table", False),
            ("Model", False),
            ("Method", False),
            ("Benchmark", False),
            ("Metric", False),
            ("Ours", True),
            ("One trial", True),
            ("Paper", True),
            ("Difference", True),
            ("Inside", False),
        ],
        rows,
    )


def paper_comparison_markdown(comparison: pd.DataFrame) -> str:
    """Write PAPER_COMPARISON as a Markdown table with its note."""
    if comparison.empty:
        return "No model, dataset, method and benchmark of this run is called as one of the paper's Tables 1 and A1.\n"
    table = paper_comparison_table(comparison)
    rows = [[escape_markdown(cell) for cell in row] for row in table.rows]
    return f"{markdown_table(table.columns, rows)}\n{escape_markdown(table.note)}\n"


def _at_the_papers_temperature(table: pd.DataFrame) -> "pd.Series[bool]":
    return (table["temperature"] - TEMPERATURE).abs() < 1e-9

"""Ours beside the paper's: wherever a run has a model, dataset, method and benchmark of the paper's tables.

Names are matched by label, so a configuration takes part by calling things as the paper does (`config/paper.yaml`).
"""

import pandas as pd

from ibft.store.schemas import BESIDE_PAPER
from ibft.tables.escaping import escape_markdown
from ibft.tables.paper_numbers import TEMPERATURE

_PRINTED_DIGITS = 2  # of the paper's percentages
_SAME = ["model", "dataset", "method", "benchmark", "k", "m"]


def beside_paper(headline: pd.DataFrame, numbers: pd.DataFrame) -> pd.DataFrame:
    """BESIDE_PAPER of HEADLINE at the paper's temperature; empty where nothing matches.

    `contains` says whether our 95% interval contains the paper's number. The interval is over problems alone: another
    training run, prompt or engine can move a number further than that.
    """
    ours = headline[(headline["temperature"] - TEMPERATURE).abs() < 1e-9]
    both = ours.merge(numbers.rename(columns={"percent": "paper_percent", "spread": "paper_spread"}), on=_SAME)
    both["difference"] = both["percent"] - both["paper_percent"]
    low, high = (both[bound].round(_PRINTED_DIGITS) for bound in ("low", "high"))
    both["contains"] = (low <= both["paper_percent"]) & (both["paper_percent"] <= high)
    return pd.DataFrame(both, columns=BESIDE_PAPER.schema.names)


def beside_markdown(beside: pd.DataFrame) -> str:
    """BESIDE_PAPER as a Markdown table."""
    if beside.empty:
        return "No model, dataset, method and benchmark of this run is called as one of the paper's Tables 1 and A1.\n"
    lines = [
        "| Table | Model | Method | Benchmark | Metric | Ours (%) | 95% interval | Paper (%) | Difference | Inside |",
        "|:--|:--|:--|:--|:--|--:|--:|--:|--:|:--|",
    ]
    lines += [
        f"| {row['table']} | {escape_markdown(row['model'])} | {escape_markdown(row['method'])} "
        f"| {escape_markdown(row['benchmark'])} | {row['metric']} "
        f"| {row['percent']:.2f} | {row['low']:.1f} to {row['high']:.1f} | {printed(row)} | {row['difference']:+.2f} "
        f"| {'yes' if row['contains'] else 'no'} |"
        for _, row in beside.iterrows()
    ]
    return "\n".join(lines) + "\n"


def printed(row: "pd.Series[float]") -> str:
    """The paper's number as it prints it."""
    spread = row["paper_spread"]
    return f"{row['paper_percent']:.2f}" + ("" if pd.isna(spread) else f" ± {spread:.3f}")

"""Ours beside the paper's numbers, for the report."""

import pandas as pd

from ibft.labels import raised
from ibft.report.facts import FactTable
from ibft.tables.paper_comparison import printed


def beside_table(beside: pd.DataFrame) -> FactTable:
    """BESIDE_PAPER as a table of the report, and how often our interval contains the paper's number."""
    rows = [
        [
            row["table"],
            row["model"],
            row["method"],
            row["benchmark"],
            raised(row["k"], row["m"]),
            f"{row['percent']:.2f}",
            f"{row['low']:.1f} to {row['high']:.1f}",
            printed(row),
            f"{row['difference']:+.2f}",
            "yes" if row["contains"] else "no",
        ]
        for _, row in beside.iterrows()
    ]
    return FactTable(
        "Beside the paper",
        f"In percent. Our 95% interval contains the paper's number in {beside['contains'].sum()} of {len(beside)} "
        "cases. It is over problems alone: another training run, prompt or engine can move a number further. "
        "The paper calls its ± the variance over five trials.",
        [
            ("Table", False),
            ("Model", False),
            ("Method", False),
            ("Benchmark", False),
            ("Metric", False),
            ("Ours", True),
            ("95% interval", True),
            ("Paper", True),
            ("Difference", True),
            ("Inside", False),
        ],
        rows,
    )

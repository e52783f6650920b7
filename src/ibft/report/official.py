"""How our verdicts move the metrics: Pass@k by the upstream harness's rule beside ours."""

import pandas as pd

from ibft.config.metrics import Metrics
from ibft.labels import Labels, by_place, headline_grid, in_order, raised, rows_at
from ibft.tables.render import TextTable


def official_table(metrics: pd.DataFrame, labels: Labels, settings: Metrics) -> TextTable:
    """One row per method, place, temperature and metric of the headline table: both estimates and their difference."""
    rows = []
    for place, of_place in by_place(rows_at(metrics, headline_grid(settings)), labels):
        for method in in_order(list(of_place["method"]), labels.methods):
            for _, row in of_place[of_place["method"] == method].iterrows():
                rows.append(
                    [
                        labels.dataset(place.dataset),
                        labels.model(place.model),
                        labels.benchmark(place.benchmark),
                        labels.method(method),
                        f"{row['temperature']:g}",
                        raised(row["k"], row["m"]),
                        f"{100 * row['official_estimate']:.2f}",
                        f"{100 * row['estimate']:.2f}",
                        f"{100 * (row['estimate'] - row['official_estimate']):+.2f}",
                    ]
                )
    return TextTable(
        "Pass@k by the official rule and by ours",
        "In percent. Officially: the upstream harness's rule to the letter, over all problems; those that this machine "
        "cannot judge count as the harness counts them. Ours: the hardened verdicts, over the problems that can be "
        "judged. Published numbers are comparable with the first.",
        [
            ("Dataset", False),
            ("Model", False),
            ("Benchmark", False),
            ("Method", False),
            ("T", True),
            ("Metric", False),
            ("Officially", True),
            ("Ours", True),
            ("Difference", True),
        ],
        rows,
    )

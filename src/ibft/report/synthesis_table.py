"""A table of the report: cells and area of what passed, beside those of the problems' own solutions."""

from collections.abc import Iterable

import pandas as pd

from ibft.labels import Labels, by_place, in_order
from ibft.paths import Run
from ibft.tables.render import TextTable


def synthesis_table(runs: Iterable[tuple[Run, pd.DataFrame]], labels: Labels) -> TextTable:
    """Show the medians of one method on one benchmark at one temperature in a row, seeds and trials together.

    Args:
        runs: each with its SYNTHESIS.
    """
    passes = pd.concat([frame.assign(**run._asdict()) for run, frame in runs], ignore_index=True)
    rows = [
        [
            labels.dataset(place.dataset),
            labels.model(place.model),
            labels.benchmark(place.benchmark),
            labels.method(method),
            f"{temperature:g}",
            *_medians(of_cell),
        ]
        for place, of_place in by_place(passes, labels)
        for method in in_order(list(of_place["method"]), labels.methods)
        for temperature, of_cell in of_place[of_place["method"] == method].groupby("temperature")
    ]
    return TextTable(
        "Cells and area of what passes",
        "Of the samples that pass, as Yosys synthesizes them. Cells and area: medians over the samples for which it "
        "has their own and those of the problem's solution, which stand in brackets. Ratio: the median of a sample's "
        "area over that of its problem's solution, where this has any; smaller: the share of samples with a ratio below"
        " 1. No verdict depends on these numbers. The tables in the folder synthesis, beside this report, hold every "
        "sample, and why it has none.",
        [
            ("Dataset", False),
            ("Model", False),
            ("Benchmark", False),
            ("Method", False),
            ("T", True),
            ("Synthesized", True),
            ("Cells", True),
            ("Area", True),
            ("Area ratio", True),
            ("Smaller", True),
        ],
        rows,
    )


def _medians(passes: pd.DataFrame) -> list[str]:
    both = passes.dropna(subset=["cells", "reference_cells"])
    made = f"{int(passes['cells'].notna().sum()):,} of {len(passes):,}"
    if both.empty:
        return [made, "–", "–", "–", "–"]
    sized = both[both["reference_area"] > 0]
    ratios = sized["area"] / sized["reference_area"]
    return [
        made,
        *(f"{both[name].median():,.4g} ({both[f'reference_{name}'].median():,.4g})" for name in ("cells", "area")),
        "–" if sized.empty else f"{ratios.median():.2f}",
        "–" if sized.empty else f"{(ratios < 1).mean():.0%}",
    ]

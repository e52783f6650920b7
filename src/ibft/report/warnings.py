"""What makes the numbers of some variants doubtful, said where nobody can miss it."""

from ibft.labels import Labels
from ibft.report.facts import Tally

TOLERATED = 0.01  # share of a variant's samples that may hit the token limit


def truncation_warnings(tally: Tally, labels: Labels) -> list[str]:
    """One sentence per place that has variants of which more than 1% of the samples hit the token limit."""
    shares: dict[str, list[str]] = {}
    for cell, samples in tally.samples_of.items():
        share = tally.cut_of[cell] / samples if samples else 0.0
        if share > TOLERATED:
            place = (
                f"{labels.model(cell.model)} on {labels.dataset(cell.dataset)}, {labels.benchmark(cell.benchmark)} at "
                f"T = {cell.temperature:g}"
            )
            shares.setdefault(place, []).append(f"{labels.method(cell.method)} {share:.1%}")
    return [f"{place}: {', '.join(of_methods)}" for place, of_methods in shares.items()]

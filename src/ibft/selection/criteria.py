"""Every criterion by which the examples of a method are selected: the scores that it ranks by, and its label.

A new criterion needs an entry here, its kind in `ibft.labels` and its look in `ibft.figures.style`. The configuration,
the graph of jobs and the command follow from the entries. Nothing is imported here, so that all of them may read it.
"""

from dataclasses import dataclass
from typing import Literal

Name = Literal["mink", "grand", "random"]


@dataclass(frozen=True)
class Criterion:
    """The examples with the highest scores are kept, or with `keeps_lowest` those with the lowest.

    Attributes:
        label: of FT on what it keeps, in tables and plots.
        table: where the score stands; None for a number that follows from the seed and the example alone.
        column: of that table.
        at_k: the table has a row for each k of Min-K% Prob.
    """

    label: str
    table: Literal["memorization", "gradients"] | None = None
    column: str = ""
    at_k: bool = False
    keeps_lowest: bool = False


CRITERIA: dict[str, Criterion] = {
    # On the base model. A low score means memorized, so the most memorized examples are dropped.
    "mink": Criterion("FT w/ Min-K%", "memorization", "min_k_prob", at_k=True),
    # The examples that teach least are dropped.
    "grand": Criterion("FT w/ GraNd", "gradients", "grand"),
    "random": Criterion("FT w/ random"),
}

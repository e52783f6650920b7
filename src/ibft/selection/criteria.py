"""Every criterion by which the examples of a method are selected: what it ranks by, and how plots show it.

A new criterion needs an entry here, its name in `Name`, and a test. The configuration, the graph of jobs, the command,
tables and figures follow from the entries. Nothing is imported here, so that all of them may read it.
"""

from dataclasses import dataclass
from typing import Literal

Name = Literal["mink", "grand", "random"]


@dataclass(frozen=True)
class Criterion:
    """The examples with the highest scores are kept, or with `keeps_lowest` those with the lowest.

    Attributes:
        label: of FT on what it keeps, in tables and plots.
        removes: the same said of what it removes, for the figure over the removed share.
        look: colour, marker and hatch of that method.
        table: where the score stands; None for a number that follows from the seed and the example alone.
        column: of that table.
        at_k: the table has a row for each k of Min-K% Prob.
    """

    label: str
    removes: str
    look: tuple[str, str, str]
    table: Literal["memorization", "gradients"] | None = None
    column: str = ""
    at_k: bool = False
    keeps_lowest: bool = False


CRITERIA: dict[str, Criterion] = {
    # On the base model. A low score means memorized, so the most memorized examples are dropped.
    "mink": Criterion(
        "FT w/ Min-K%",
        "Most memorized removed (Min-K%)",
        ("#56b4e9", "^", "//"),
        "memorization",
        "min_k_prob",
        at_k=True,
    ),
    # The examples that teach least are dropped.
    "grand": Criterion(
        "FT w/ GraNd", "Smallest gradients removed (GraNd)", ("#009e73", "D", "\\\\"), "gradients", "grand"
    ),
    "random": Criterion("FT w/ random", "Random examples removed", ("#cc79a7", "v", "xx")),
}


def kind_of(criterion: str) -> str:
    """Name the methods that fine-tune on what a criterion keeps, as labels and looks do."""
    return f"ft-{criterion}"

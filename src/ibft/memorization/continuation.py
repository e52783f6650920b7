"""Verbatim continuation: given half a response, how much of the other half does the model write by itself?

Greedy decoding writes a token exactly where it is the most likely one, given all before it. As long as it writes what
stands there, it has seen the same text as a model that scores the response. So the scored tokens tell the answer, and
nothing has to be generated (docs/adr/0038-a-continuation-is-read-off-the-scores.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

SHORTEST_REST = 8  # tokens; of a shorter one, chance reproduces too much


@dataclass(frozen=True)
class Continuation:
    """Greedy decoding writes the first `reproduced` of the `rest` tokens of a response's second half verbatim."""

    rest: int
    reproduced: int

    @property
    def share(self) -> float:
        return self.reproduced / self.rest


def continuation(greedy: Sequence[bool]) -> Continuation:
    """Return the continuation of the first half of a response.

    Args:
        greedy: of each token of the response, true if it is the most likely one.
    """
    rest = np.asarray(greedy, dtype=bool)[len(greedy) // 2 :]
    return Continuation(len(rest), int(np.logical_and.accumulate(rest).sum()))


def verbatim_shares(traces: pd.DataFrame) -> "pd.Series[float]":
    """Return the reproduced share of each response in TRACES that is long enough, by example_id."""
    of_responses = traces[traces["form"] == "prompt"]
    found = {
        str(example_id): continuation(greedy)
        for example_id, greedy in zip(of_responses["example_id"], of_responses["greedy"], strict=True)
    }
    return pd.Series(
        {example_id: each.share for example_id, each in found.items() if each.rest >= SHORTEST_REST}, dtype=np.float64
    )

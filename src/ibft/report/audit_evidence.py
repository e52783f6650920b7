"""The evidence of an audit: the tables that it is written from, and what follows from them for every example."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from ibft.config.jobs import WriteAudit
from ibft.memorization.continuation import verbatim_shares
from ibft.memorization.known import SCORES, Known, known_by_score, spans
from ibft.statistics.means import interval_of_mean, interval_of_share
from ibft.statistics.tenths import tenths

DECIDING = ("plain", next(iter(SCORES)))
"""Form and score that decide which examples count as known."""
TRAIN, DROP, DOUBTFUL = "train", "drop", "expect little"
_LEAST_IN_A_TENTH = 10


@dataclass(frozen=True)
class Audit:
    """The tables that an audit is written from."""

    job: WriteAudit
    examples: pd.DataFrame  # EXAMPLES
    data: pd.DataFrame  # TRACES of these
    reference: pd.DataFrame  # TRACES
    contamination: dict[str, pd.DataFrame]  # CONTAMINATION by benchmark
    influence: pd.DataFrame | None = None  # INFLUENCE of the examples that are not held out

    @cached_property
    def known(self) -> dict[tuple[str, str], Known]:
        return known_by_score(self.data, self.reference)

    @property
    def share(self) -> Known:
        """Return what the deciding score says."""
        return self.known[DECIDING]

    @property
    def is_comparable(self) -> bool:
        """Return true where a low score among the data means something beside the scores of the reference."""
        return self.job.comparison != "other kind"

    @property
    def finds_low_scores(self) -> bool:
        """Return true where more of the data scores low than chance explains."""
        return self.is_comparable and self.share.share.low > 0

    @cached_property
    def verbatim(self) -> "pd.Series[float]":
        """Reproduced share of the second half of each response that is long enough, by example_id."""
        return verbatim_shares(self.data)

    @cached_property
    def verbatim_of_reference(self) -> "pd.Series[float]":
        return verbatim_shares(self.reference)

    @cached_property
    def overlapping(self) -> dict[str, str]:
        """Map the ids of examples that overlap with a benchmark to its name."""
        return {
            example_id: benchmark
            for benchmark, table in self.contamination.items()
            for example_id in table.loc[table["contaminated"], "example_id"]
        }

    @cached_property
    def decisions(self) -> pd.DataFrame:
        """One row per example, the most memorized first: its scores, the evidence beside them, what to do with it."""
        plain = self.data[self.data["form"] == "plain"].sort_values(DECIDING[1], kind="stable")
        prompt = self.data[self.data["form"] == "prompt"].set_index("example_id")
        longest = [max((end - start for start, end in spans(np.array(row))), default=0) for row in plain["log_probs"]]
        frame = plain[["example_id", "tokens", *SCORES]].assign(longest_predicted_span=longest)
        for score in SCORES:
            frame[f"prompt_{score}"] = frame["example_id"].map(prompt[score])
        frame["verbatim_share"] = frame["example_id"].map(self.verbatim)
        if self.influence is not None:
            measured = self.influence[self.influence["tokens"] > 0].set_index("example_id")
            frame["pull"], frame["cosine"] = (frame["example_id"].map(measured[name]) for name in ("pull", "cosine"))
        frame["recommendation"] = [
            self._recommendation(*pair) for pair in zip(frame["example_id"], frame[DECIDING[1]], strict=True)
        ]
        return frame.reset_index(drop=True)

    def _recommendation(self, example_id: str, score: float) -> str:
        if example_id in self.overlapping:
            return DROP
        return DOUBTFUL if self.finds_low_scores and score < self.share.threshold else TRAIN

    @cached_property
    def by_tenth(self) -> pd.DataFrame:
        """Means of the evidence over tenths of the deciding score, the most memorized first; fewer of few examples."""
        parts = tenths(len(self.decisions), _LEAST_IN_A_TENTH)
        return pd.DataFrame([_of_tenth(self.decisions.iloc[part]) for part in parts])


def _of_tenth(rows: pd.DataFrame) -> dict[str, Any]:
    found: dict[str, Any] = {
        "examples": len(rows),
        "lowest": rows[DECIDING[1]].min(),
        "highest": rows[DECIDING[1]].max(),
        "whole": int((rows["verbatim_share"] == 1).sum()),
        "long_enough": int(rows["verbatim_share"].notna().sum()),
    }
    intervals = {"verbatim_share": interval_of_share, "cosine": interval_of_mean}
    for name in intervals.keys() & set(rows.columns):
        values = rows[name].dropna().to_numpy(np.float64)
        found[name] = (float(values.mean()), *intervals[name](values)) if len(values) else None
    return found

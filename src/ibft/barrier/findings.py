"""Sentences tell what the experiment with known membership found; each follows from an interval."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ibft.barrier.detection import SCORES
from ibft.config.sections import REFERENCE
from ibft.labels import Labels

Row = Mapping[Hashable, Any]

_TOLD = ("loss", "min_k_prob")  # of the scores; the table has all
_VERBS = {
    -1: "lowers the NLL of fresh examples against FT",
    0: "is not told from FT",
    1: "raises the NLL of fresh examples against FT",
}
_SPECIFIC = {
    -1: "It gains more where the members were shown than on the twin: {gain}. That part is specific to memorization.",
    0: "What it gains more where the members were shown than on the twin, {gain}, is not told from nothing: {rest}.",
    1: "It gains less where the members were shown than on the twin: {gain}. It breaks no barrier.",
}


def found(estimands: pd.DataFrame) -> str:
    """Tell whether a barrier was found: FT gains less from the exposed base, and leaves it worse than its twin.

    Args:
        estimands: ESTIMANDS on the primary held-out dataset.
    """
    barrier, before, after = (_of_both(estimands, name) for name in ("barrier", "gap before", "gap after"))
    over = f"{int(barrier['examples'])} examples, {_seeds(barrier)}"
    if not np.isfinite(barrier["low"]):
        return f"Whether there is a barrier cannot be decided: {barrier['estimate']:+.3f} nats per token ({over})."
    measured = f"{_measured(barrier, 'nats per token')[:-1]}; {over})"
    if barrier["high"] < 0:
        return f"The opposite of a barrier was found: to have seen the members gives FT {measured} on unseen examples."
    if barrier["low"] <= 0:
        return (
            "No barrier was found: beyond their gap before, FT from the base that has seen the members differs from FT "
            f"from its twin by {measured}. A barrier above {barrier['high']:.3f} nats per token is not compatible with "
            "this run, a smaller one is."
        )
    gaps = f"{before['estimate']:+.3f} before and {_measured(after)} after"
    if after["low"] > 0:
        return (
            f"A barrier was found: to have seen the members costs FT {measured} on examples that nobody has seen. The "
            f"base that has seen them differs from its twin by {gaps}."
        )
    return (
        "A barrier was found, but not beyond doubt: on examples that nobody has seen, FT gains less from the base that "
        f"has seen the members than from its twin, by {measured}. The two differ by {gaps}, and a gap that was there "
        "by chance closes in part by itself."
    )


def _of_both(estimands: pd.DataFrame, name: str) -> Row:
    return _rows(estimands[estimands["estimand"] == name])[0]


def about_methods(estimands: pd.DataFrame, labels: Labels) -> Iterator[str]:
    """Tell of each method that both bases were fine-tuned with what it changes against FT, and where.

    Args:
        estimands: ESTIMANDS on the primary held-out dataset.
    """
    rows = {(row["estimand"], row["arm_dataset"], row["arm_method"], row["base"]): row for row in _rows(estimands)}
    for (estimand, dataset, method, _), specific in rows.items():
        if estimand != "specific" or method == REFERENCE:
            continue
        bases = [rows["against FT", dataset, method, base] for base in ("exposed", "control")]
        yield f"{_against_ft(labels.method(str(method)), bases)} {_what_is_specific(specific, bases)}"


def detected(detection: pd.DataFrame, exposed: str, control: str, k: int) -> str:
    """Tell which scores see who is a member, from rows of DETECTION."""
    raw = detection[~detection["calibrated"].astype(bool)]
    rows = {(row["model"], row["score"]): row for row in _rows(raw)}
    parts = [f"{_area(rows[exposed, score])} by {SCORES[score].replace('K', str(k))}" for score in _TOLD]
    return (
        f"After {rows[exposed, 'loss']['exposures']:g} exposures members are told from others with AUROC "
        f"{' and '.join(parts)}; on the twin, which saw neither, by loss with {_area(rows[control, 'loss'])}."
    )


def _against_ft(label: str, bases: Sequence[Row]) -> str:
    signs, measured = [_sign(row) for row in bases], [_measured(row) for row in bases]
    if signs[0] == signs[1]:
        return f"{label} {_VERBS[signs[0]]} on both bases: {measured[0]} on the exposed one, {measured[1]} on its twin."
    places = ("on the base that was shown the members", "on its twin")
    parts = [f"{_VERBS[sign]} {place}: {value}" for sign, place, value in zip(signs, places, measured, strict=True)]
    return f"{label} {parts[0]}; it {parts[1]}."


def _what_is_specific(specific: Row, bases: Sequence[Row]) -> str:
    rest = (
        "it helps both alike, as a regulariser does" if all(_sign(row) < 0 for row in bases) else "it breaks no barrier"
    )
    return _SPECIFIC[_sign(specific)].format(gain=_measured(specific), rest=rest)


def _sign(row: Row) -> int:
    """Return the side of 0 on which the interval of a difference lies; 0 where it covers it."""
    return -1 if row["high"] < 0 else 1 if row["low"] > 0 else 0


def _measured(row: Row, unit: str = "") -> str:
    value = f"{row['estimate']:+.3f} {unit}".strip()
    if not np.isfinite(row["low"]):
        return f"{value} (too few examples for an interval)"
    return f"{value} (95% interval {row['low']:+.3f} to {row['high']:+.3f})"


def _area(row: Row) -> str:
    return f"{row['auroc']:.2f} ({row['low']:.2f} to {row['high']:.2f})"


def _seeds(row: Row) -> str:
    seeds = int(row["seeds"])
    return f"{seeds} training seeds" if seeds > 1 else "one training seed, so that checkpoints are compared"


def _rows(frame: pd.DataFrame) -> list[dict[Hashable, Any]]:
    return frame.to_dict("records")

"""The estimands of the experiment with known membership, and which scores see the members, as tables for readers."""

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ibft.barrier.detection import SCORES
from ibft.barrier.findings import about_methods, found
from ibft.config.sections import REFERENCE
from ibft.labels import Labels
from ibft.tables.render import TextTable, escape_markdown, markdown_table

_NAMES = {
    "gap before": "Gap of the two bases before fine-tuning",
    "barrier": "Barrier: gap after FT, less the gap before",
    "gap after": "Gap of the two bases after FT",
}
_ON = {
    "exposed": "on the base that was shown the members",
    "control": "on its twin",
    "both": "specific: the difference",
}
Row = Mapping[Hashable, Any]

_COLUMNS = [("Measured on", False), ("Estimand", False), ("Nats per token", True), ("95% interval", True)]
_COLUMNS += [("p", True), ("p, corrected", True)]


def barrier_markdown(estimands: pd.DataFrame, labels: Labels, dataset: str) -> str:
    """Write ESTIMANDS as Markdown, headed by what was found.

    Args:
        dataset: members and others; arms on other data are named by it.
    """
    table = barrier_table(estimands, labels, dataset)
    told = [escape_markdown(sentence) for sentence in barrier_findings(estimands, labels)]
    rows = [[escape_markdown(cell) for cell in row] for row in table.rows]
    return "\n\n".join([*told, table.note, markdown_table(table.columns, rows)])


def barrier_findings(estimands: pd.DataFrame, labels: Labels) -> list[str]:
    """Tell whether there is a barrier, and what each method does about it."""
    primary = estimands[estimands["primary"]].iloc[0].to_dict()
    own = estimands[estimands["measured_on"] == primary["measured_on"]]
    return [found(own), *about_methods(own, labels)]


def barrier_table(estimands: pd.DataFrame, labels: Labels, dataset: str) -> TextTable:
    """Make a row of every estimand; see `barrier_markdown`."""
    note = (
        "Differences of the negative log-likelihood of responses, paired by example and training seed. Above 0 is "
        "worse. The first barrier is the primary endpoint; all other p-values are corrected together (Holm)."
    )
    rows = [_row(row, labels, dataset) for row in estimands.to_dict("records")]
    return TextTable("Is there a memorization barrier?", note, _COLUMNS, rows)


def detection_table(detection: pd.DataFrame, labels: Labels) -> TextTable:
    """Make a row of every score of DETECTION."""
    note = (
        "AUROC: the chance that a member scores lower than another example; 0.5 tells nothing. Calibrated: less the "
        "same score of the twin, whose own rows are the placebo. Dropped: the share of members among the fifth of the "
        "examples with the lowest scores."
    )
    rows = [
        [
            labels.model(str(row["model"])),
            f"{row['exposures']:g}",
            f"{SCORES[str(row['score'])]}{', calibrated' if row['calibrated'] else ''}",
            f"{row['auroc']:.2f}",
            f"{row['low']:.2f} to {row['high']:.2f}",
            f"{100 * row['members_dropped']:.0f}%",
        ]
        for row in detection.to_dict("records")
    ]
    columns = [("Model", False), ("Exposures", True), ("Score", False), ("AUROC", True), ("95% interval", True)]
    return TextTable("Which scores see the members?", note, [*columns, ("Members dropped", True)], rows)


def _row(row: Row, labels: Labels, dataset: str) -> list[str]:
    interval = "cannot be decided" if np.isnan(row["low"]) else f"{row['low']:+.3f} to {row['high']:+.3f}"
    return [
        labels.dataset(str(row["measured_on"])),
        _name(row, labels, dataset),
        f"{row['estimate']:+.3f}",
        interval,
        _p(row["p_value"]),
        _p(row["p_holm"]),
    ]


def _name(row: Row, labels: Labels, dataset: str) -> str:
    if row["estimand"] in _NAMES:
        return _NAMES[str(row["estimand"])]
    arm = labels.method(str(row["arm_method"]))
    if row["arm_dataset"] != dataset:
        arm += f" ({labels.dataset(str(row['arm_dataset']))})"
    return f"{arm} − {labels.method(REFERENCE)}, {_ON[str(row['base'])]}"


def _p(value: float) -> str:
    return "–" if pd.isna(value) else "< 0.001" if value < 0.001 else f"{value:.3f}"

"""The page of an audit: how much of a dataset a model knows, the evidence token by token, and a recommendation."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ibft.memorization.known import SCORES, spans
from ibft.report.audit_evidence import DECIDING, Audit
from ibft.report.audit_sentences import certainty, limits, reasons, verdict
from ibft.report.audit_tables import audit_tables
from ibft.report.page import environment, stylesheet

_SHOWN = 8  # examples at each end
_LIKELY = (0.1, 0.5, 0.9)  # probabilities at which the shade of a token changes


class Piece(NamedTuple):
    """Text of one token, its shade from 0 (unlikely) to 3, and whether it lies in a span that the model predicts."""

    text: str
    shade: int
    inside: bool


class Shown(NamedTuple):
    example_id: str
    note: str
    pieces: list[Piece]


def answer(audit: Audit) -> list[str]:
    """Return what the page opens with: the verdict, and its reasons."""
    return [verdict(audit), *reasons(audit)]


def page(audit: Audit) -> str:
    """Render the page as one HTML file without scripts, network or outside files."""
    return (
        environment()
        .get_template("audit.html.j2")
        .render(
            job=audit.job,
            verdict=verdict(audit),
            reasons=list(reasons(audit)),
            certainty=list(certainty(audit)),
            tables=audit_tables(audit),
            most=list(shown(audit, audit.decisions.head(_SHOWN))),
            least=list(shown(audit, audit.decisions.tail(_SHOWN).iloc[::-1])),
            limits=list(limits(audit)),
            style=stylesheet(),
        )
    )


def shown(audit: Audit, rows: pd.DataFrame) -> Iterator[Shown]:
    """Yield examples with every token shaded by how likely it was."""
    plain = audit.data[audit.data["form"] == "plain"].set_index("example_id")
    for row in rows.itertuples():
        traced: Any = plain.loc[str(row.example_id)]
        log_probs = np.array(traced["log_probs"], dtype=np.float64)
        inside = np.zeros(len(log_probs), dtype=bool)
        for start, end in spans(log_probs):
            inside[start:end] = True
        shades = np.searchsorted(np.log(_LIKELY), log_probs, side="right")
        pieces = [Piece(*piece) for piece in zip(traced["pieces"], map(int, shades), map(bool, inside), strict=True)]
        yield Shown(str(row.example_id), _note(row), pieces)


def _note(row: Any) -> str:
    continued = "" if np.isnan(row.verbatim_share) else f", {row.verbatim_share:.0%} of its second half verbatim"
    return (
        f"{SCORES[DECIDING[1]]} {getattr(row, DECIDING[1]):.2f}, loss {row.loss:.2f}, longest predicted span "
        f"{row.longest_predicted_span} of {row.tokens} tokens{continued}: {row.recommendation}"
    )

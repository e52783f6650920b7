"""The page of an audit: how much of a dataset a model knows, the evidence token by token, and a recommendation."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ibft.config.jobs import WriteAudit
from ibft.memorization.known import FALSE_POSITIVES, SCORES, Known, known_by_score, spans
from ibft.memorization.separation import Interval
from ibft.report.page import environment, stylesheet
from ibft.tables.render import TextTable

_SHOWN = 8  # examples at each end
_DECIDING = ("plain", next(iter(SCORES)))
_FORMS = {"plain": "plain text", "prompt": "training prompt"}
_LIKELY = (0.1, 0.5, 0.9)  # probabilities at which the shade of a token changes
TRAIN, DROP, DOUBTFUL = "train", "drop", "expect little"


class Piece(NamedTuple):
    """Text of one token, its shade from 0 (unlikely) to 3, and whether it lies in a span that the model predicts."""

    text: str
    shade: int
    inside: bool


class Shown(NamedTuple):
    example_id: str
    note: str
    pieces: list[Piece]


@dataclass(frozen=True)
class Audit:
    """The tables that an audit is written from."""

    job: WriteAudit
    examples: pd.DataFrame  # EXAMPLES
    data: pd.DataFrame  # TRACES of these
    reference: pd.DataFrame  # TRACES
    contamination: dict[str, pd.DataFrame]  # CONTAMINATION by benchmark

    @cached_property
    def known(self) -> dict[tuple[str, str], Known]:
        return known_by_score(self.data, self.reference)

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
        """One row per example, the most memorized first: scores, the longest predicted span, and what to do with it."""
        plain = self.data[self.data["form"] == "plain"].sort_values(_DECIDING[1], kind="stable")
        prompt = self.data[self.data["form"] == "prompt"].set_index("example_id")
        longest = [max((end - start for start, end in spans(np.array(row))), default=0) for row in plain["log_probs"]]
        frame = plain[["example_id", "tokens", *SCORES]].assign(longest_predicted_span=longest)
        for score in SCORES:
            frame[f"prompt_{score}"] = frame["example_id"].map(prompt[score])
        frame["recommendation"] = [
            self._recommendation(*pair) for pair in zip(frame["example_id"], frame[_DECIDING[1]], strict=True)
        ]
        return frame.reset_index(drop=True)

    def _recommendation(self, example_id: str, score: float) -> str:
        if example_id in self.overlapping:
            return DROP
        is_low = self.job.same_domain and score < self.known[_DECIDING].threshold
        return DOUBTFUL if is_low else TRAIN


def page(audit: Audit) -> str:
    """Render the page as one HTML file without scripts, network or outside files."""
    return (
        environment()
        .get_template("audit.html.j2")
        .render(
            job=audit.job,
            sentences=list(sentences(audit)),
            tables=[recommendation_table(audit), score_table(audit), *overlap_tables(audit)],
            most=list(shown(audit, audit.decisions.head(_SHOWN))),
            least=list(shown(audit, audit.decisions.tail(_SHOWN).iloc[::-1])),
            limits=list(limits(audit)),
            style=stylesheet(),
        )
    )


def sentences(audit: Audit) -> Iterator[str]:
    """Answer the question, with the uncertainty that the answer has."""
    deciding, total = audit.known[_DECIDING], len(audit.decisions)
    counts = audit.decisions["recommendation"].value_counts()
    if audit.job.same_domain:
        yield (
            f"{audit.job.model} knows an estimated {percent(deciding.share)} of {audit.job.dataset} already: so much "
            f"scores lower than {1 - FALSE_POSITIVES:.0%} of {audit.job.reference}, beyond what chance puts there."
        )
    else:
        yield (
            f"How much of {audit.job.dataset} {audit.job.model} knows cannot be told: it is compared with "
            f"{audit.job.reference}, which is of another kind, and so differs for other reasons, too. "
            "The order of the examples stands; for a share, give --reference with data of the same kind that is newer "
            "than the model."
        )
    spanned = int((audit.decisions["longest_predicted_span"] > 0).sum())
    yield f"In {spanned} of {total} examples it predicts 8 or more tokens in a row, each with more than 50%."
    dropped, doubtful = int(counts.get(DROP, 0)), int(counts.get(DOUBTFUL, 0))
    if dropped:
        yield f"Drop {dropped} examples that overlap with a benchmark: results on it would not count."
    elif audit.contamination:
        yield f"No example overlaps with {', '.join(audit.contamination)}."
    if not audit.job.same_domain:
        return
    if deciding.share.low > 0:
        yield (
            f"Expect little from {doubtful} examples that it seems to know; about {FALSE_POSITIVES * total:.0f} of "
            "them are there by chance. Compare training with and without them: `selection: {by: mink, keep_fraction: "
            f"{1 - doubtful / total:.2f}}}`."
        )
    else:
        yield "The interval reaches 0%: nothing here speaks against training on it as it is."


def recommendation_table(audit: Audit) -> TextTable:
    """Count what to do with how many examples, and why."""
    reasons = {
        TRAIN: "nothing speaks against it",
        DROP: "overlaps with a benchmark, which could then be passed from memory",
        DOUBTFUL: f"{SCORES[_DECIDING[1]]} lies below {1 - FALSE_POSITIVES:.0%} of the reference: it teaches little",
    }
    counts = audit.decisions["recommendation"].value_counts()
    rows = [[f"{name}", str(int(counts.get(name, 0))), reason] for name, reason in reasons.items()]
    note = "The CSV beside this page says it of every example."
    return TextTable("Recommendation", note, [("do", False), ("examples", True), ("why", False)], rows)


def score_table(audit: Audit) -> TextTable:
    """Show what every score says, in both forms."""
    rows = [
        [_FORMS[form], SCORES[score], percent(found.share) if audit.job.same_domain else "–", str(found.auroc)]
        for (form, score), found in audit.known.items()
    ]
    note = (
        f"{len(audit.decisions)} examples against {audit.reference['example_id'].nunique()} of {audit.job.reference}, "
        f"with 95% intervals over examples. AUROC is the chance that an example scores lower than one of "
        f"the reference: 0.5 if there is no difference. Min-K% with k = {audit.job.k}. In the training prompt, "
        "the response is scored. The first row decides; where others disagree with it, it is less sure than it looks."
    )
    columns = [("asked as", False), ("score", False), ("known", True), ("AUROC", True)]
    return TextTable("What each score says", note, columns, rows)


def overlap_tables(audit: Audit) -> Iterator[TextTable]:
    """Name the examples that overlap with a benchmark."""
    rows = []
    for benchmark, table in audit.contamination.items():
        found = table[table["contaminated"]].sort_values("substring_tokens", ascending=False)
        for row in found.drop_duplicates("example_id").itertuples():
            task = row.substring_task_id or row.ngram_task_id
            rows.append(
                [str(row.example_id), benchmark, str(task), str(row.substring_tokens), f"{row.ngram_overlap:.0%}"]
            )
    if audit.contamination:
        note = "Tokens in one run, and the share of the problem's tokens in shared n-grams; a renamed copy is not seen."
        columns = [("example", False), ("benchmark", False), ("problem", False), ("run", True), ("n-grams", True)]
        yield TextTable("Overlap with benchmarks", note, columns, rows)


def limits(audit: Audit) -> Iterator[str]:
    """Say what this evidence cannot show."""
    yield (
        "A low score says that text is easy for the model, by memory or by habit: boilerplate is easy without having "
        "been seen. Only a reference that is equally easy and certainly unseen tells the two apart."
    )
    yield "A high score does not say that an example was never seen: most of what a model sees once is lost."
    yield (
        "An estimate of a share holds for the dataset, not for one example: single examples are ranked, not convicted."
    )
    yield "That known examples teach little is a hypothesis for your case; a run with and without them tests it."
    cut = int(audit.data.loc[audit.data["form"] == "plain", "truncated"].sum())
    if cut:
        yield f"{cut} examples are longer than the maximal length and were scored up to it: raise --max-length."


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
        note = (
            f"{SCORES[_DECIDING[1]]} {getattr(row, _DECIDING[1]):.2f}, loss {row.loss:.2f}, longest predicted span "
            f"{row.longest_predicted_span} of {row.tokens} tokens: {row.recommendation}"
        )
        yield Shown(str(row.example_id), note, pieces)


def percent(value: Interval) -> str:
    return f"{value.estimate:.0%} ({value.low:.0%} to {value.high:.0%})"

"""Sentences tell which method won, by how much, whether chance could have done it, and which numbers are doubtful."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from ibft.config.sections import Metrics
from ibft.labels import Labels, Place, by_place, compared, in_order, lowest_temperature, raised, seeds_note
from ibft.report.tables import Tally
from ibft.statistics.paired import LEVEL
from ibft.tables.comparisons import UNDECIDED, about_seeds
from ibft.tables.render import escape_markdown

TOLERATED = 0.01  # share of a variant's samples that may hit the token limit


@dataclass(frozen=True)
class Finding:
    """The outcome on one benchmark has a heading, the setting it rests on, and one sentence per metric."""

    benchmark: str
    setting: str
    sentences: list[str]


def as_markdown(findings: list[Finding]) -> str:
    """Write findings as Markdown."""
    parts = [
        [
            f"**{escape_markdown(each.benchmark)}** ({escape_markdown(each.setting)})",
            *map(escape_markdown, each.sentences),
        ]
        for each in findings
    ]
    return "\n\n".join("\n\n".join(part) for part in parts) + "\n"


def findings(metrics: pd.DataFrame, comparisons: pd.DataFrame, labels: Labels, settings: Metrics) -> list[Finding]:
    """Tell the primary endpoint, then one finding per model, dataset and benchmark, at the lowest temperature.

    Two metrics speak: Pass@k of the smallest k, and the strictest Pass@k^(m) of the settings.
    """
    told = dict.fromkeys([(min(settings.k), 1), (settings.pass_at_k_m.k, max(settings.pass_at_k_m.m))])
    found = list(_primary_finding(comparisons, labels))
    for place, rows in by_place(compared(lowest_temperature(metrics), labels), labels):
        same = compared(comparisons, labels)
        same = same[(same[list(Place._fields)] == list(place)).all(axis=1)]
        same = same[same["temperature"] == rows["temperature"].iloc[0]]
        sentences = [_sentence(_at(rows, k, m), _at(same, k, m), labels, raised(k, m)) for k, m in told]
        setting = f"{labels.model(place.model)} fine-tuned on {labels.dataset(place.dataset)}; {_size(rows)}"
        found.append(Finding(labels.benchmark(place.benchmark), setting, sentences))
    return found


def _primary_finding(comparisons: pd.DataFrame, labels: Labels) -> Iterator[Finding]:
    """Yield the comparison that was declared before the run, where there is one."""
    for _, row in comparisons[comparisons["primary"].astype(bool)].iterrows():
        metric = raised(row["k"], row["m"])
        place = (
            f"{labels.model(row['model'])} fine-tuned on {labels.dataset(row['dataset'])}, tested on "
            f"{labels.benchmark(row['benchmark'])}, T = {row['temperature']:g}"
        )
        reference = labels.method(row["reference"])
        sentence = (
            f"{metric} of {labels.method(row['method'])} is {_points(abs(row['difference']))} "
            f"{'above' if row['difference'] >= 0 else 'below'} {reference} ({_chance(row)})."
        )
        yield Finding(
            "Primary endpoint", f"Declared before the run: {place}", [sentence, about_seeds(row.to_frame().T)]
        )


def truncation_warnings(tally: Tally, labels: Labels) -> list[str]:
    """Tell one sentence per place with variants of which more than 1% of the samples hit the token limit."""
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


def _sentence(rows: pd.DataFrame, compared: pd.DataFrame, labels: Labels, metric: str) -> str:
    ranked = rows.sort_values("estimate", ascending=False, kind="stable")
    best = ranked.iloc[0]
    joint = ranked[ranked["estimate"] == best["estimate"]]
    names = [labels.method(name) for name in in_order(list(joint["method"]), labels.methods)]
    if len(rows) == 1:
        return f"{metric} of {names[0]} is {_percent(best['estimate'])}{_interval(best)}."
    if len(names) == len(rows):
        return f"All {len(rows)} methods have the same {metric}: {_percent(best['estimate'])}{_interval(best)}."
    verb = "have" if len(names) > 1 else "has"
    lead = f"{_listed(names)} {verb} the highest {metric}: {_percent(best['estimate'])}{_interval(best)}."
    if len(joint) > 1 and set(joint["method"]) & set(compared["reference"]):  # none is better than the reference
        return lead
    return f"{lead} {_against_reference(best['method'], compared, labels)}".strip()


def _against_reference(best: str, compared: pd.DataFrame, labels: Labels) -> str:
    """Compare the best method with the reference, or with the nearest rival if the best is the reference."""
    if compared.empty:
        return ""
    reference = str(compared["reference"].iloc[0])
    if best == reference:
        rival = compared.sort_values("difference", kind="stable").iloc[-1]
        return (
            f"The next, {labels.method(rival['method'])}, is {_points(-rival['difference'])} lower "
            f"({_chance(rival, sign=-1)})."
        )
    row = compared[compared["method"] == best].iloc[0]
    return f"That is {_points(row['difference'])} more than {labels.method(reference)} ({_chance(row)})."


def _chance(row: pd.Series, sign: int = 1) -> str:
    """Tell what the paired test says of a difference, or of the opposite one with `sign` -1."""
    differ = f"{row['discordant']} of {row['problems']} problems differ"
    if pd.isna(row["p_value"]):
        return f"{differ}: too few, it {UNDECIDED}"
    low, high = sorted(100 * sign * row[bound] for bound in ("low", "high"))
    p = "p < 0.001" if row["p_holm"] < 0.001 else f"p = {row['p_holm']:.3f}"
    corrected = "" if row["primary"] else " after Holm's correction"
    meaning = "more than chance explains" if row["p_holm"] < LEVEL else "which chance could explain"
    return f"95% interval {low:+.1f} to {high:+.1f}; {differ}; {p}{corrected}, {meaning}"


def _at(rows: pd.DataFrame, k: int, m: int) -> pd.DataFrame:
    return rows[(rows["k"] == k) & (rows["m"] == m)]


def _percent(estimate: float) -> str:
    return f"{100 * estimate:.1f}%"


def _points(difference: float) -> str:
    return f"{100 * difference:.1f} percentage points"


def _interval(row: pd.Series) -> str:
    return f" (95% interval {100 * row['low']:.1f} to {100 * row['high']:.1f})"


def _size(rows: pd.DataFrame) -> str:
    return (
        f"{rows['problems'].iloc[0]} problems × {rows['n'].min()} samples, {seeds_note(rows)}; "
        f"T = {rows['temperature'].iloc[0]:g}"
    )


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"

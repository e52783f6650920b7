"""The tables of an audit."""

from collections.abc import Iterator
from typing import Any

from ibft.memorization.continuation import SHORTEST_REST
from ibft.memorization.known import FALSE_POSITIVES, SCORES
from ibft.report.audit_evidence import DECIDING, DOUBTFUL, DROP, TRAIN, Audit
from ibft.report.audit_sentences import percent, share_of
from ibft.tables.render import TextTable

_FORMS = {"plain": "plain text", "prompt": "training prompt"}


def audit_tables(audit: Audit) -> list[TextTable]:
    return [recommendation_table(audit), score_table(audit), tenth_table(audit), *overlap_tables(audit)]


def recommendation_table(audit: Audit) -> TextTable:
    """Count what to do with how many examples, and why."""
    reasons = {
        TRAIN: "nothing speaks against it",
        DROP: "overlaps with a benchmark, which could then be passed from memory",
        DOUBTFUL: f"{SCORES[DECIDING[1]]} lies below {1 - FALSE_POSITIVES:.0%} of the reference: it teaches little",
    }
    counts = audit.decisions["recommendation"].value_counts()
    rows = [[f"{name}", str(int(counts.get(name, 0))), reason] for name, reason in reasons.items()]
    note = "The CSV beside this page says it of every example."
    return TextTable("Recommendation", note, [("do", False), ("examples", True), ("why", False)], rows)


def score_table(audit: Audit) -> TextTable:
    """Show what every score says, in both forms."""
    rows = [
        [_FORMS[form], SCORES[score], percent(found.share) if audit.is_comparable else "–", str(found.auroc)]
        for (form, score), found in audit.known.items()
    ]
    beyond = "known" if audit.job.comparison == "same kind" else "low beyond chance"
    note = (
        f"{len(audit.decisions)} examples against {audit.reference['example_id'].nunique()} of {audit.job.reference}, "
        f"with 95% intervals over examples. AUROC is the chance that an example scores lower than one of "
        f"the reference: 0.5 if there is no difference. Min-K% with k = {audit.job.k}. In the training prompt, "
        "the response is scored. The first row decides; where others disagree with it, it is less sure than it looks."
    )
    columns = [("asked as", False), ("score", False), (beyond, True), ("AUROC", True)]
    return TextTable("What each score says", note, columns, rows)


def tenth_table(audit: Audit) -> TextTable:
    """Show the evidence that needs no reference, from the most to the least memorized examples."""
    with_influence = audit.influence is not None
    rows = [
        [str(number), f"{row.lowest:.2f} to {row.highest:.2f}", str(row.examples), *_evidence(row, with_influence)]
        for number, row in enumerate(audit.by_tenth.itertuples(), start=1)
    ]
    if len(audit.verbatim_of_reference):
        shares = audit.verbatim_of_reference
        written = f"{int((shares == 1).sum())} of {len(shares)}"
        total = audit.reference["example_id"].nunique()
        rows.append(["reference", "", str(total), share_of(shares), written, *(["–"] if with_influence else [])])
    note = (
        f"Tenths by Min-K% Prob as plain text, the most memorized first. Verbatim: the share of the second half of a "
        f"response, of {SHORTEST_REST} tokens or more, that greedy decoding writes after the first half before it "
        "first differs, and how often it writes all of it. Means with 95% intervals (Wilson's)."
    )
    columns = [("tenth", False), ("Min-K% Prob", True), ("examples", True), ("verbatim", True), ("all of it", True)]
    if with_influence:
        note += (
            " Influence: cosine of an example's LoRA gradient with that of held-out examples; above 0, a step on it "
            "lowers their loss; 95% interval by Student's t."
        )
        columns.append(("influence", True))
    return TextTable("From the most to the least memorized", note, columns, rows)


def _evidence(row: Any, with_influence: bool) -> Iterator[str]:
    if row.verbatim_share is None:
        yield from ("–", "–")
    else:
        mean, low, high = row.verbatim_share
        yield f"{mean:.0%} ({low:.0%} to {high:.0%})"
        yield f"{row.whole} of {row.long_enough}"
    if with_influence:
        yield "–" if row.cosine is None else "{:+.3f} ({:+.3f} to {:+.3f})".format(*row.cosine)


def overlap_tables(audit: Audit) -> Iterator[TextTable]:
    """Name the examples that overlap with a benchmark."""
    rows = []
    for benchmark, table in audit.contamination.items():
        found = table[table["contaminated"]].sort_values("substring_tokens", ascending=False)
        for row in found.drop_duplicates("example_id").itertuples():
            task = row.substring_task_id or row.ngram_task_id or row.similar_task_id
            told = [str(row.substring_tokens), f"{row.ngram_overlap:.0%}", f"{row.similarity:.0%}"]
            rows.append([str(row.example_id), benchmark, str(task), *told])
    if audit.contamination:
        note = (
            "Run: tokens that example and problem share in one piece. N-grams: the share of the problem's tokens that "
            "shared n-grams cover. Similar: Jaccard index with a near duplicate. A solution that was written anew is "
            "not seen."
        )
        texts = [("example", False), ("benchmark", False), ("problem", False)]
        numbers = [("run", True), ("n-grams", True), ("similar", True)]
        yield TextTable("Overlap with benchmarks", note, [*texts, *numbers], rows)

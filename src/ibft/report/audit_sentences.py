"""The sentences of an audit: what to do, for which reasons, how sure that is, and what the evidence cannot show."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy import stats

from ibft.memorization.continuation import SHORTEST_REST
from ibft.memorization.known import FALSE_POSITIVES
from ibft.memorization.separation import Interval
from ibft.report.audit_evidence import DECIDING, DOUBTFUL, DROP, Audit
from ibft.statistics.means import interval_of_share

_TYPICAL = f"{1 - FALSE_POSITIVES:.0%}"


def verdict(audit: Audit) -> str:
    """Answer in one sentence what to do with the data."""
    counts = audit.decisions["recommendation"].value_counts()
    dropped, doubtful = int(counts.get(DROP, 0)), int(counts.get(DOUBTFUL, 0))
    total = len(audit.decisions)
    parts = [f"drop {_overlapping(dropped)} with a benchmark"] if dropped else []
    if doubtful:
        parts.append(f"expect little from {doubtful} of {total}, which the model already predicts")
    rest = "train on the rest" if parts else f"train on all {total} examples as they are"
    return f"{', '.join([*parts, rest])}.".capitalize()


def reasons(audit: Audit) -> Iterator[str]:
    """Give the reasons, each with the numbers that it rests on."""
    yield _about_scores(audit)
    yield from _about_continuations(audit)
    spanned = int((audit.decisions["longest_predicted_span"] > 0).sum())
    yield f"In {spanned} of {len(audit.decisions)} examples it predicts 8 or more tokens in a row, each above 50%."
    yield from _about_overlap(audit)
    yield from _about_influence(audit)


def _about_scores(audit: Audit) -> str:
    job, share = audit.job, audit.share.share
    if not audit.is_comparable:
        return (
            f"How much of {job.dataset} {job.model} knows cannot be told from its scores: the reference, "
            f"{job.reference}, is of another kind, and so differs for other reasons, too. The order of the examples "
            "stands. For a share, give --reference with data of the same kind that is newer than the model."
        )
    if job.comparison == "same kind":
        if audit.finds_low_scores:
            return (
                f"{job.model} knows an estimated {percent(share)} of {job.dataset} already: so much scores lower than "
                f"{_TYPICAL} of {job.reference}, beyond what chance puts there."
            )
        return (
            f"Nothing shows that {job.model} knows {job.dataset}: {percent(share)} of it scores lower than {_TYPICAL} "
            f"of {job.reference} beyond what chance puts there, and that interval reaches 0%."
        )
    beyond = f"{percent(share)} of {job.dataset} is more predictable than {_TYPICAL} of {job.reference}, beyond chance"
    if audit.finds_low_scores:
        return (
            f"For {job.model}, {beyond}. It can have been seen, or be simpler than that reference, which is of the "
            "same language and made by a program: these scores cannot tell the two apart. For a share that it knows, "
            "give --reference with data of the same kind that is newer than the model."
        )
    return (
        f"Nothing shows that {job.model} knows {job.dataset}: {beyond}, and that interval reaches 0%. The reference "
        "was made by a program, and no model has seen it."
    )


def _about_continuations(audit: Audit) -> Iterator[str]:
    own, other = audit.verbatim, audit.verbatim_of_reference
    if own.empty:
        yield f"No response has {2 * SHORTEST_REST} tokens, of which half could be continued."
        return
    whole = int((own == 1).sum())
    compared = f"; of {audit.job.reference} {share_of(other)}" if len(other) else ""
    yield (
        f"Given half a response in the training prompt, greedy decoding writes {share_of(own)} of the other half "
        f"verbatim before it first differs{compared}. It writes all of it in {whole} of {len(own)}."
    )


def _about_overlap(audit: Audit) -> Iterator[str]:
    if not audit.contamination:
        return
    names = ", ".join(audit.contamination)
    found = len(audit.overlapping)
    if found:
        yield f"{_overlapping(found)} with {names}, results on which would not count."
    else:
        yield f"No example overlaps with {names}."


def _about_influence(audit: Audit) -> Iterator[str]:
    """Tell whether the most memorized examples help, hurt or idle."""
    if audit.influence is None:
        return
    first = audit.by_tenth["cosine"].iloc[0]
    measured = audit.decisions.dropna(subset=["cosine"])
    if first is None or len(measured) < 3:
        return
    mean, low, high = first
    if low > 0:
        told = "still helps"
    elif high < 0:
        told = "hurts"
    else:
        told = "idles, as far as can be told,"
    everyone = measured["cosine"].mean()
    rho = float(stats.spearmanr(measured[DECIDING[1]], measured["cosine"]).statistic)
    yield (
        f"A step on the most memorized tenth {told} on held-out examples: the cosine of its gradients with theirs is "
        f"{mean:+.3f} ({low:+.3f} to {high:+.3f}), of all examples {everyone:+.3f}; over all, its rank correlation "
        f"with Min-K% Prob is {rho:+.2f}."
    )


def certainty(audit: Audit) -> Iterator[str]:
    """Say how sure the answer is, and what would make it surer."""
    if audit.is_comparable:
        agree = sum(each.share.low > 0 for each in audit.known.values())
        yield (
            f"{agree} of {len(audit.known)} ways to ask (four scores, as plain text and in the training prompt) find "
            "more low scores than chance; where they disagree, the answer is less sure than its interval."
        )
    if audit.finds_low_scores:
        total = len(audit.decisions)
        doubtful = int((audit.decisions["recommendation"] == DOUBTFUL).sum())
        yield (
            f"Of the {doubtful} examples to expect little from, about {FALSE_POSITIVES * total:.0f} are there by "
            "chance. That they teach little is a hypothesis: train with and without them, by "
            f"`selection: {{by: mink, keep_fraction: {1 - doubtful / total:.2f}}}`."
        )
    elif audit.is_comparable:
        yield (
            f"With {_examples(len(audit.decisions))}, a share of up to {audit.share.share.high:.0%} would go unnoticed."
        )


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
    yield (
        "A verbatim continuation is sure where it is long and peculiar. Short or idiomatic code is continued verbatim "
        "by models that have never seen it, as the reference's share shows."
    )
    if audit.influence is not None:
        yield (
            "Gradients speak of one step, on an adapter that was warmed up for a few; what a whole training does with "
            "an example they do not say."
        )
    cut = int(audit.data.loc[audit.data["form"] == "plain", "truncated"].sum())
    if cut:
        yield f"{_examples(cut)} reached the maximal length and counted up to it alone: raise --max-length."


def percent(value: Interval) -> str:
    return f"{value.estimate:.0%} ({value.low:.0%} to {value.high:.0%})"


def share_of(shares: "pd.Series[float]") -> str:
    """Print the mean of shares and its interval."""
    return percent(Interval(float(shares.mean()), *interval_of_share(np.asarray(shares, np.float64))))


def _overlapping(count: int) -> str:
    return f"{_examples(count)} that overlap{'s'[: count == 1]}"


def _examples(count: int) -> str:
    return f"{count} example{'s'[: count != 1]}"

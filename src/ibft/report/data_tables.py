"""These tables of the report describe the fine-tuning data: memorization, selections, gradient norms, overlap."""

from collections.abc import Mapping

import pandas as pd

from ibft.config.sections import Contamination, Gradients
from ibft.contamination.summary import problems_found
from ibft.labels import Labels, in_order
from ibft.memorization.distributions import scores_at, tuned_scores
from ibft.memorization.separation import paired_shift, separation, told_ks
from ibft.runtime.errors import UserError
from ibft.tables.render import TextTable

_GROUPS = {
    "p0": "p0: base model",
    "p1": "p1: fine-tuned models",
    "p2": "p2: reference data, base model",
    "p3": "p3: unseen data of the same domain, base model",
}
_REFERENCES = ("p2", "p3")
_SCORES = {"grand": "GraNd", "el2n": "EL2N"}
_LISTED = 5  # examples of each pair  # overlapping examples of each dataset and benchmark
_QUOTED = 120  # characters  # characters

Pair = tuple[str, str]  # model and dataset, or dataset and benchmark


def data_table(examples: Mapping[str, pd.DataFrame], labels: Labels) -> TextTable:
    rows = [
        [
            labels.dataset(name),
            ", ".join(sorted(set(frame["language"]))),
            f"{len(frame):,}",
            f"{frame['instruction'].str.len().mean():.0f}",
            f"{frame['response'].str.len().mean():.0f}",
        ]
        for name, frame in examples.items()
    ]
    return TextTable(
        "Datasets",
        "As they were scored and trained on. Lengths are means, in characters.",
        [("Dataset", False), ("Language", False), ("Examples", True), ("Instruction", True), ("Response", True)],
        rows,
    )


def memorization_table(scores: Mapping[Pair, Mapping[str, pd.DataFrame]], k: int, labels: Labels) -> TextTable:
    """Show quartiles of Min-K% Prob by (model, dataset) and group: how far p1 moved from p0, and p2 lies from it.

    Args:
        scores: MEMORIZATION by group: p0, p1-seedS for each training seed S, p2, p3.
    """
    rows = []
    for (model, dataset), groups in scores.items():
        base = scores_at(groups["p0"], k, f"{model}/{dataset}/p0")
        values, tuned_ES = {"p0": base}, tuned_scores(groups, k)
        if tuned_ES is not None:
            values["p1"] = tuned_ES.ravel()
        for group in _REFERENCES:
            if group in groups:
                values[group] = scores_at(groups[group], k, f"{model}/{dataset}/{group}")
        for group, own in values.items():
            apart = separation(base, own) if group in _REFERENCES else None
            rows.append(
                [
                    labels.model(model),
                    labels.dataset(dataset),
                    _GROUPS[group],
                    f"{len(own):,}",
                    *(f"{value:.2f}" for value in pd.Series(own).quantile([0.25, 0.5, 0.75])),
                    str(paired_shift(base, tuned_ES)) if group == "p1" and tuned_ES is not None else "",
                    *((str(apart.overlap), told_ks(apart), str(apart.auroc)) if apart else ("", "", "")),
                ]
            )
    return TextTable(
        f"Min-{k}% Prob",
        "Lower = more memorized. Shift: mean difference of the same examples' scores, p1 minus p0, over all training "
        "seeds; near 0, fine-tuning had little left to memorize. Of p2 and p3, other examples: overlap of the "
        "densities with p0, KS distance with its permutation p-value, and AUROC, the chance that an example of p0 "
        "scores below one of these; near 0.5, the base model knows the data no better than the reference. In brackets: "
        "95% intervals.",
        [
            ("Model", False),
            ("Fine-tuning data", False),
            ("Scores", False),
            ("Scores of examples", True),
            ("25%", True),
            ("Median", True),
            ("75%", True),
            ("Shift", True),
            ("Overlap", True),
            ("KS", True),
            ("AUROC", True),
        ],
        rows,
    )


def selection_table(
    kept: Mapping[tuple[str, str, str], pd.DataFrame], examples: Mapping[str, pd.DataFrame], labels: Labels
) -> TextTable:
    """Show SELECTION by (model, dataset, method). Datasets that are not in `examples` show no share."""
    rows = []
    for (model, dataset, name), frame in kept.items():
        total = len(examples[dataset]) if dataset in examples else None
        share = f"{len(frame) / total:.0%} of {total:,}" if total else ""
        rows.append([labels.model(model), labels.dataset(dataset), labels.method(name), f"{len(frame):,}", share])
    return TextTable(
        "Selections",
        "Examples that were kept for fine-tuning.",
        [("Model", False), ("Dataset", False), ("Method", False), ("Kept", True), ("Share", True)],
        rows,
    )


def decile_table(deciles: Mapping[Pair, pd.DataFrame], k: int, settings: Gradients, labels: Labels) -> TextTable:
    """Show GRADIENT_DECILES by (model, dataset)."""
    rows = [
        [
            labels.model(model),
            labels.dataset(dataset),
            f"{row['decile']:.0f}",
            f"{row['examples']:,.0f}",
            f"{row['min_k_prob_low']:.2f} to {row['min_k_prob_high']:.2f}",
            f"{row['grand']:.3f} [{row['grand_low']:.3f}, {row['grand_high']:.3f}]",
            f"{row['el2n']:.3f}",
            f"{row['tokens']:.0f}",
        ]
        for (model, dataset), frame in deciles.items()
        for _, row in frame.iterrows()
    ]
    return TextTable(
        "Gradient norm by memorization",
        f"Examples in ten parts by Min-{k}% Prob, 1 = most memorized. GraNd: norm of an example's LoRA gradient; EL2N: "
        f"length of its error vector; both are means over {_initialisations(settings)} {_moment(settings)}, the loss "
        f"taken as the {settings.reduction} over the example's response tokens. In brackets: 95% interval of the mean.",
        [
            ("Model", False),
            ("Fine-tuning data", False),
            ("Decile", True),
            ("Examples", True),
            (f"Min-{k}% Prob", True),
            ("GraNd", True),
            ("EL2N", True),
            ("Response tokens", True),
        ],
        rows,
    )


def correlation_table(correlations: Mapping[Pair, pd.DataFrame], k: int, labels: Labels) -> TextTable:
    """Show GRADIENT_CORRELATIONS by (model, dataset)."""
    others = {"min_k_prob": f"Min-{k}% Prob", "tokens": "number of response tokens"}
    rows = [
        [
            labels.model(model),
            labels.dataset(dataset),
            _SCORES[row["score"]],
            others[row["other"]] + ("" if pd.isna(row["given"]) else f", {others[row['given']]} held constant"),
            "–" if pd.isna(row["rho"]) else f"{row['rho']:+.2f}",
            "–" if pd.isna(row["low"]) else f"{row['low']:+.2f} to {row['high']:+.2f}",
            f"{row['examples']:,}",
        ]
        for (model, dataset), frame in correlations.items()
        for _, row in frame.iterrows()
    ]
    return TextTable(
        "What gradient norms go together with",
        "Spearman's rank correlations. Positive with Min-K% Prob: memorized examples have smaller gradients, as the "
        "paper argues. Short and long examples differ in both, so the value with length held constant is the one that "
        "speaks about memorization.",
        [
            ("Model", False),
            ("Fine-tuning data", False),
            ("Score", False),
            ("With", False),
            ("ρ", True),
            ("95% interval", True),
            ("Examples", True),
        ],
        rows,
    )


def _initialisations(settings: Gradients) -> str:
    return "one adapter" if settings.initialisations == 1 else f"{settings.initialisations} adapter initialisations"


def _moment(settings: Gradients) -> str:
    return f"after {settings.warmup_steps} steps of fine-tuning" if settings.warmup_steps else "at initialisation"


def contamination_table(
    tables: Mapping[Pair, pd.DataFrame], settings: Contamination, labels: Labels, problems: Mapping[str, int]
) -> TextTable:
    """Show the overlap of each dataset with each benchmark in one row.

    Args:
        tables: CONTAMINATION by (dataset, benchmark).
        settings: the thresholds that the tables were made with.
        problems: how many problems each benchmark has.

    Raises:
        UserError: a benchmark's number of problems is missing.
    """
    unknown = {benchmark for _, benchmark in tables} - set(problems)
    if unknown:
        raise UserError(f"the overlap with {min(unknown)} was given without its problems: give them, too")
    rows = []
    for (dataset, benchmark), table in _in_order(tables, labels):
        examples = table["example_id"].nunique()
        flagged = table.loc[table["contaminated"], "example_id"].nunique()
        longest = table.groupby("example_id")["substring_tokens"].max()
        rows.append(
            [
                labels.dataset(dataset),
                labels.benchmark(benchmark),
                f"{examples:,}",
                f"{flagged:,} ({flagged / examples:.1%})",
                f"{len(problems_found(table, settings)):,} of {problems[benchmark]:,}",
                _cover(table.sort_values(["ngram_overlap", "covered_tokens"]).iloc[-1]),
                f"{longest.median():g}",
                f"{longest.max():,}",
                f"{table['similarity'].max():.0%}",
            ]
        )
    return TextTable(
        "Overlap of the fine-tuning data with the benchmarks",
        _overlap_note(settings),
        [
            ("Fine-tuning data", False),
            ("Benchmark", False),
            ("Examples", True),
            ("Overlapping", True),
            ("Problems", True),
            (f"{settings.ngram}-gram overlap", True),
            ("Median run", True),
            ("Longest run", True),
            ("Most similar", True),
        ],
        rows,
    )


def most_overlapping_table(tables: Mapping[Pair, pd.DataFrame], labels: Labels) -> TextTable:
    """Show the examples of each CONTAMINATION table that overlap most, each by the part that does so most."""
    rows = [
        [
            f"{labels.dataset(dataset)} ~ {labels.benchmark(benchmark)}",
            row["example_id"],
            f"{row['part']} ~ {row['against']} of {_problem(row)}",
            "yes" if row["contaminated"] else "no",
            _cover(row),
            _run(row),
            _similarity(row),
            _quotation(row["substring"]),
        ]
        for (dataset, benchmark), table in _in_order(tables, labels)
        for _, row in _most_overlapping(table).iterrows()
    ]
    return TextTable(
        "Most overlapping examples",
        f"Up to {_LISTED} of each pair, each by the part of it that overlaps most, with the problem that this overlaps "
        "with. Judge by eye: is it a copy, or what anybody would write? Overlap and run as above; counts: whether they "
        "reach the thresholds. The shared text is the run as the example writes it; white space and capitals are not "
        "compared. The tables in the folder contamination, beside this report, hold every example.",
        [
            ("Data ~ benchmark", False),
            ("Example", False),
            ("Part ~ problem", False),
            ("Counts", False),
            ("Overlap", True),
            ("Run", True),
            ("Similarity", True),
            ("Shared text", False),
        ],
        rows,
    )


def _overlap_note(settings: Contamination) -> str:
    fate = (
        "Overlapping examples were left out before anything was scored or trained; the numbers are from before that."
        if settings.drop
        else "Overlapping examples were kept; setting contamination.drop to true leaves them out."
    )
    return (
        "Does the training data hold problems or solutions of the benchmark, word for word? Each instruction and each "
        "response is compared with every problem text and every reference solution, by tokens: words, numbers and "
        f"symbols. {settings.ngram}-gram overlap: the highest share of one problem's tokens that stand in runs of "
        f"{settings.ngram} or more which an example has, too; in brackets, how many tokens that are. Run: the most "
        "consecutive tokens that an example shares with any problem; median and longest of all examples. Similarity: "
        "the share of all runs of three tokens of an example and the most similar problem that both have; 0% where "
        f"none is near. An example is overlapping if its run has at least {settings.substring} tokens, if its overlap "
        f"is at least {settings.overlap:.0%} and {settings.covered} tokens (anybody would write less), or if its "
        f"similarity is at least {settings.similarity:.0%}: a copy that was edited. Problems: with how "
        f"many of them such examples overlap. {fate} Paraphrases and translations are not found."
    )


def _in_order(tables: Mapping[Pair, pd.DataFrame], labels: Labels) -> list[tuple[Pair, pd.DataFrame]]:
    datasets = in_order([dataset for dataset, _ in tables], labels.datasets)
    benchmarks = in_order([benchmark for _, benchmark in tables], labels.benchmarks)
    return sorted(tables.items(), key=lambda item: (datasets.index(item[0][0]), benchmarks.index(item[0][1])))


def _most_overlapping(table: pd.DataFrame) -> pd.DataFrame:
    measures = ["contaminated", "ngram_overlap", "covered_tokens", "substring_tokens", "similarity"]
    ranked = table.sort_values([*measures, "example_id"], ascending=[False] * len(measures) + [True], kind="stable")
    return ranked.drop_duplicates("example_id").head(_LISTED)


def _problem(row: pd.Series) -> str:
    found = row["substring_task_id"] if pd.isna(row["ngram_task_id"]) else row["ngram_task_id"]
    return "none" if pd.isna(found) else str(found)


def _cover(row: pd.Series) -> str:
    return f"{row['ngram_overlap']:.0%} ({row['covered_tokens']:,})"


def _run(row: pd.Series) -> str:
    """Tell the tokens of a run, and its problem where that is not the one that is covered most."""
    other = row["substring_tokens"] and row["substring_task_id"] != _problem(row)
    return f"{row['substring_tokens']:,}" + (f" (in {row['substring_task_id']})" if other else "")


def _similarity(row: pd.Series) -> str:
    """Tell how similar the most similar problem is, and which it is where it is not the one that is covered most."""
    other = row["similarity"] and row["similar_task_id"] != _problem(row)
    return f"{row['similarity']:.0%}" + (f" (to {row['similar_task_id']})" if other else "")


def _quotation(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= _QUOTED else f"{words[: _QUOTED - 1].rstrip()}…"

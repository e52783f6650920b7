"""How much of the benchmarks stands in the fine-tuning data, as tables of the report."""

from collections.abc import Mapping

import pandas as pd

from ibft.config.contamination import Contamination
from ibft.labels import Labels, in_order
from ibft.runtime.errors import UserError
from ibft.tables.render import TextTable

_LISTED = 5  # examples of each pair
_QUOTED = 120  # characters

Pair = tuple[str, str]  # dataset, benchmark


def contamination_table(
    tables: Mapping[Pair, pd.DataFrame], settings: Contamination, labels: Labels, problems: Mapping[str, int]
) -> TextTable:
    """One row per dataset and benchmark.

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
                f"{len(_problems_found(table, settings)):,} of {problems[benchmark]:,}",
                _cover(table.sort_values(["ngram_overlap", "covered_tokens"]).iloc[-1]),
                f"{longest.median():g}",
                f"{longest.max():,}",
            ]
        )
    return TextTable(
        "Overlap of the fine-tuning data with the benchmarks",
        _note(settings),
        [
            ("Fine-tuning data", False),
            ("Benchmark", False),
            ("Examples", True),
            ("Overlapping", True),
            ("Problems", True),
            (f"{settings.ngram}-gram overlap", True),
            ("Median run", True),
            ("Longest run", True),
        ],
        rows,
    )


def most_overlapping_table(tables: Mapping[Pair, pd.DataFrame], labels: Labels) -> TextTable:
    """The examples of each CONTAMINATION table that overlap most, each by the part that does so most."""
    rows = [
        [
            f"{labels.dataset(dataset)} ~ {labels.benchmark(benchmark)}",
            row["example_id"],
            f"{row['part']} ~ {row['against']} of {_problem(row)}",
            "yes" if row["contaminated"] else "no",
            _cover(row),
            _run(row),
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
            ("Shared text", False),
        ],
        rows,
    )


def _note(settings: Contamination) -> str:
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
        "consecutive tokens that an example shares with any problem; median and longest of all examples. An example is "
        f"overlapping if its run has at least {settings.substring} tokens, or if its overlap is at least "
        f"{settings.overlap:.0%} and {settings.covered} tokens: anybody would write less. Problems: with how "
        f"many of them such examples overlap. {fate} Paraphrases and translations are not found."
    )


def _in_order(tables: Mapping[Pair, pd.DataFrame], labels: Labels) -> list[tuple[Pair, pd.DataFrame]]:
    datasets = in_order([dataset for dataset, _ in tables], labels.datasets)
    benchmarks = in_order([benchmark for _, benchmark in tables], labels.benchmarks)
    return sorted(tables.items(), key=lambda item: (datasets.index(item[0][0]), benchmarks.index(item[0][1])))


def _problems_found(table: pd.DataFrame, settings: Contamination) -> set[str]:
    covered = (table["ngram_overlap"] >= settings.overlap) & (table["covered_tokens"] >= settings.covered)
    quoted = table["substring_tokens"] >= settings.substring
    return set(table.loc[covered, "ngram_task_id"]) | set(table.loc[quoted, "substring_task_id"])


def _most_overlapping(table: pd.DataFrame) -> pd.DataFrame:
    measures = ["contaminated", "ngram_overlap", "covered_tokens", "substring_tokens"]
    ranked = table.sort_values([*measures, "example_id"], ascending=[False] * len(measures) + [True], kind="stable")
    return ranked.drop_duplicates("example_id").head(_LISTED)


def _problem(row: pd.Series) -> str:
    found = row["substring_task_id"] if pd.isna(row["ngram_task_id"]) else row["ngram_task_id"]
    return "none" if pd.isna(found) else str(found)


def _cover(row: pd.Series) -> str:
    return f"{row['ngram_overlap']:.0%} ({row['covered_tokens']:,})"


def _run(row: pd.Series) -> str:
    """Its tokens, and the problem, where that is not the one that is covered most."""
    other = row["substring_tokens"] and row["substring_task_id"] != _problem(row)
    return f"{row['substring_tokens']:,}" + (f" (in {row['substring_task_id']})" if other else "")


def _quotation(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= _QUOTED else f"{words[: _QUOTED - 1].rstrip()}…"

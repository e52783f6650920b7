"""A contamination table in one sentence: how many examples overlap, and with how many problems."""

from pathlib import Path

import pandas as pd

from ibft.config.sections import Contamination
from ibft.store.manifests import read_manifest
from ibft.store.parquet import read_table
from ibft.store.schemas import CONTAMINATION


def problems_found(table: pd.DataFrame, settings: Contamination) -> set[str]:
    """Return the problems that examples of a CONTAMINATION table overlap with, each with the one that it does most."""
    covered = (table["ngram_overlap"] >= settings.overlap) & (table["covered_tokens"] >= settings.covered)
    quoted = table["substring_tokens"] >= settings.substring
    edited = table["contaminated"] & (table["similarity"] >= settings.similarity)
    found = ((covered, "ngram_task_id"), (quoted, "substring_task_id"), (edited, "similar_task_id"))
    return set().union(*(table.loc[rows, column] for rows, column in found))


def overlap(path: Path) -> tuple[int, str]:
    """Count the overlapping examples of the CONTAMINATION table at `path`, and say so beside all that were compared.

    Raises:
        UserError: the table is absent or damaged.
    """
    table, facts = read_table(path, CONTAMINATION), read_manifest(path)
    examples = table.loc[table["contaminated"], "example_id"].nunique()
    problems = problems_found(table, Contamination.model_validate(facts["settings"]))
    of_examples, of_problems = f"{examples:,} of {facts['examples']:,}", f"{len(problems):,} of {facts['problems']:,}"
    return examples, f"{of_examples} examples overlap with {of_problems} problems"

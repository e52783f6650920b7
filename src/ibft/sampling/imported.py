"""Somebody's finished completions as rows of the table `samples`, so that they are judged and shown like our own."""

from collections import Counter
from typing import Any

import pandas as pd

from ibft.data.answers import answers_of
from ibft.data.records import Record
from ibft.extraction import extract
from ibft.prompts import get_profile
from ibft.runtime.errors import UserError
from ibft.store.schemas import SAMPLES

AS_IS = "as-is"
ENGINE = "imported"


def import_samples(records: list[Record], problems: pd.DataFrame, profile: str) -> pd.DataFrame:
    """SAMPLES of `records`, in the order of `problems`; completions of one problem are numbered in their own order.

    Args:
        records: rows of one of the forms of `ibft.data.sample_formats`.
        problems: PROBLEMS.
        profile: whose extractor takes the code out; `as-is` takes the completion as the code.

    Raises:
        UserError: a record lacks a string, belongs to no problem, or the problems have different numbers of samples.
    """
    by_task: dict[str, Any] = {str(problem.task_id): problem for problem in problems.itertuples(index=False)}
    label = AS_IS if profile == AS_IS else get_profile(profile).label
    rows: dict[str, list[dict[str, Any]]] = {task_id: [] for task_id in by_task}
    for record in records:
        task_id, completions = answers_of(record, rows)
        for completion in completions:
            row = {
                "task_id": task_id,
                "sample": len(rows[task_id]),
                "completion": completion,
                "code": completion if profile == AS_IS else extract(profile, completion, by_task[task_id]),
                "profile": label,
                "engine": ENGINE,
                "engine_version": "",
            }
            rows[task_id].append(row)
    _check_equal_numbers({task_id: len(own) for task_id, own in rows.items()})
    return pd.DataFrame([row for own in rows.values() for row in own], columns=SAMPLES.schema.names)


def _check_equal_numbers(counts: dict[str, int]) -> None:
    """Raise `UserError` unless every problem has as many samples as most have."""
    usual = max(Counter(counts.values()).items(), key=lambda item: item[1])[0] if counts else 0
    odd = [task_id for task_id, count in counts.items() if count != usual or not count]
    if odd:
        raise UserError(
            f"every problem needs equally many samples, but {odd[0]} has {counts[odd[0]]} where most have {usual}"
            + (f" (and {len(odd) - 1} more problems differ)" if len(odd) > 1 else "")
        )

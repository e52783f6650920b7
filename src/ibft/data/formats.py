"""The formats of benchmarks: how each record becomes a row of the table `problems`.

A new format needs an entry in FORMATS, its name in `ibft.config.sections.FORMATS_OF` and a test. A format whose
problems are files in a folder has a reader of its records in FOLDERS as well.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from ibft.data.folders import files_ending_in
from ibft.data.mbpp import mbpp_problem
from ibft.data.records import Problem, Record, stream_records, text_field
from ibft.data.rtllm import rtllm_problem, rtllm_records
from ibft.data.verilog_eval_v2 import verilog_eval_v2_problem, verilog_eval_v2_records
from ibft.runtime.errors import UserError

DESCRIPTION = "detail_description"


def humaneval_problem(record: Record) -> Problem:
    """Read HumanEval's form: task_id, prompt, entry_point, canonical_solution, test.

    Raises:
        UserError: a field is missing, or the prompt does not define the entry point.
    """
    where, _ = record
    prompt, entry_point = text_field(record, "prompt"), text_field(record, "entry_point")
    if f"def {entry_point}" not in prompt:
        raise UserError(f"{where}: 'prompt' must define the entry point {entry_point!r}")
    return {
        "task_id": text_field(record, "task_id"),
        "language": "python",
        "description": None,
        "prompt": prompt,
        "entry_point": entry_point,
        "tests": text_field(record, "test"),
        "reference_solution": text_field(record, "canonical_solution"),
    }


def verilog_eval_problem(record: Record) -> Problem:
    """Read VerilogEval's form: task_id, prompt, canonical_solution, test, and perhaps detail_description.

    Raises:
        UserError: a field is missing, or the prompt is not the header of the module that the testbench tests.
    """
    where, row = record
    prompt, tests = text_field(record, "prompt"), text_field(record, "test")
    headers = re.findall(r"\bmodule\s+(\w+)", prompt)
    tested = [name for name in headers if re.search(rf"\b{name}\b", tests)]
    if not tested:
        found = f", not of {', '.join(headers)}" if headers else ""
        raise UserError(f"{where}: 'prompt' must be the header of the module that 'test' tests{found}")
    return {
        "task_id": text_field(record, "task_id"),
        "language": "verilog",
        "description": text_field(record, DESCRIPTION) if row.get(DESCRIPTION) is not None else None,
        "prompt": prompt,
        "entry_point": tested[-1],
        "tests": tests,
        "reference_solution": text_field(record, "canonical_solution"),
    }


FORMATS: dict[str, Callable[[Record], Problem]] = {
    "humaneval": humaneval_problem,
    "mbpp": mbpp_problem,
    "verilog-eval": verilog_eval_problem,
    "verilog-eval-v2": verilog_eval_v2_problem,
    "rtllm": rtllm_problem,
}

FOLDERS: dict[str, Callable[[Path], Iterator[Record]]] = {
    "verilog-eval-v2": verilog_eval_v2_records,
    "rtllm": rtllm_records,
}


def format_of(place: Path) -> str:
    """Tell the format of a benchmark by the names in its folder, or by the first record of its file.

    Raises:
        UserError: no format of a folder fits, or the file cannot be read.
    """
    if not place.is_dir():
        _, first = next(stream_records(place), ("", {}))
        if "test_list" in first:
            return "mbpp"
        return "humaneval" if "entry_point" in first else "verilog-eval"
    if next(files_ending_in(place, "_test.sv"), None):
        return "verilog-eval-v2"
    if next(place.rglob("testbench.v"), None):
        return "rtllm"
    raise UserError(f"{place} is no benchmark: VerilogEval v2 has *_test.sv in its folder, RTLLM testbench.v below it")

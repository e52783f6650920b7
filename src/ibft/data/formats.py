"""The formats of benchmark records: how each becomes a row of the table `problems`.

A new format needs an entry in FORMATS, its name in `ibft.config.sections.FORMATS_OF` and a test.
"""

from collections.abc import Callable

from ibft.data.records import Record, text_field
from ibft.runtime.errors import UserError

Problem = dict[str, str | None]
"""A row of `ibft.store.schemas.PROBLEMS`."""

DESCRIPTION = "detail_description"
VERILOG_ENTRY_POINT = "top_module"


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
    prompt = text_field(record, "prompt")
    if f"module {VERILOG_ENTRY_POINT}" not in prompt:
        raise UserError(f"{where}: 'prompt' must be the header of a module named {VERILOG_ENTRY_POINT}")
    return {
        "task_id": text_field(record, "task_id"),
        "language": "verilog",
        "description": text_field(record, DESCRIPTION) if row.get(DESCRIPTION) is not None else None,
        "prompt": prompt,
        "entry_point": VERILOG_ENTRY_POINT,
        "tests": text_field(record, "test"),
        "reference_solution": text_field(record, "canonical_solution"),
    }


FORMATS: dict[str, Callable[[Record], Problem]] = {
    "humaneval": humaneval_problem,
    "verilog-eval": verilog_eval_problem,
}

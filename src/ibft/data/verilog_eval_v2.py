"""VerilogEval v2 (NVlabs/verilog-eval, release 2): a folder with four or three files of every problem.

Prob035_count1to10_prompt.txt   the question; in code completion it ends with the header of the module
Prob035_count1to10_ifc.txt      that header; absent where the task is specification to RTL
Prob035_count1to10_ref.sv       the reference solution as the module `RefModule`
Prob035_count1to10_test.sv      the testbench `tb`, which compares `TopModule` with `RefModule`
"""

import re
from collections.abc import Iterator
from pathlib import Path

from ibft.data.folders import files_ending_in, text_of
from ibft.data.records import Problem, Record, text_field
from ibft.runtime.errors import UserError

HARNESS = "verilog-eval-v2"
_TESTED, _REFERENCE = "TopModule", "RefModule"
_TESTBENCH = "_test.sv"


def verilog_eval_v2_records(folder: Path) -> Iterator[Record]:
    """Yield the problems of a dataset folder, by name.

    Raises:
        UserError: a file of a problem is missing or cannot be read.
    """
    for testbench in files_ending_in(folder, _TESTBENCH):
        name = testbench.name.removesuffix(_TESTBENCH)
        interface = folder / f"{name}_ifc.txt"
        yield (
            str(folder / name),
            {
                "task_id": name,
                "prompt": text_of(folder / f"{name}_prompt.txt"),
                "ifc": text_of(interface) if interface.exists() else "",
                "ref": text_of(folder / f"{name}_ref.sv"),
                "test": text_of(testbench),
            },
        )


def verilog_eval_v2_problem(record: Record) -> Problem:
    """Read one problem. Without an interface the answer gets no header: it is to be a whole module.

    Raises:
        UserError: the reference or the testbench lacks a module that upstream's flow needs.
    """
    where, _ = record
    question, header = text_field(record, "prompt").strip(), text_field(record, "ifc").strip()
    reference, testbench = text_field(record, "ref"), text_field(record, "test")
    for text, part, module in ((reference, "reference", _REFERENCE), (testbench, "testbench", _TESTED)):
        if not re.search(rf"\b{module}\b", text):
            raise UserError(f"{where}: its {part} must hold the module {module}")
    return {
        "task_id": text_field(record, "task_id"),
        "language": "verilog",
        "description": question.removesuffix(header).strip(),
        "prompt": f"{header}\n" if header else "",
        "entry_point": _TESTED,
        "tests": f"{testbench}\n{reference}",
        "reference_solution": re.sub(rf"\b{_REFERENCE}\b", _TESTED, reference),
        "harness": HARNESS,
    }

"""RTLLM v2 (hkust-zhiyao/RTLLM): below a folder, one folder of every design, in folders of whatever categories.

design_description.txt   the question, which names the module and its ports
testbench.v              checks the design by itself, and prints whether it passed
verified_*.v             the reference solution; its modules may have names that begin with `verified_`, or another one
*.txt, *.dat             what some testbenches read while they run
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from ibft.data.folders import files_ending_in, text_of
from ibft.data.records import Problem, Record, text_field
from ibft.runtime.errors import UserError

HARNESS = "rtllm"
_DESCRIPTION, _TESTBENCH = "design_description.txt", "testbench.v"
_MODULE = re.compile(r"\bmodule\s+(\w+)")
_NAMED = re.compile(r"Module name:\s*(\w+)", re.IGNORECASE)


def rtllm_records(folder: Path) -> Iterator[Record]:
    """Yield the designs below `folder`, by path.

    Raises:
        UserError: a design lacks its description or its one reference, or a file cannot be read.
    """
    for testbench in sorted(folder.rglob(_TESTBENCH)):
        design = testbench.parent
        references = [path for path in files_ending_in(design, ".v") if path.name.startswith("verified_")]
        if len(references) != 1:
            raise UserError(f"{design} must hold one reference, verified_*.v, not {len(references)}")
        read = [path for ending in (".txt", ".dat") for path in files_ending_in(design, ending)]
        yield (
            str(design),
            {
                "task_id": design.name,
                "description": text_of(design / _DESCRIPTION),
                "testbench": text_of(testbench),
                "reference": text_of(references[0]),
                "files": json.dumps({path.name: text_of(path) for path in read if path.name != _DESCRIPTION}),
            },
        )


def rtllm_problem(record: Record) -> Problem:
    """Read one design. The answer gets no header: it is to be the complete code.

    The module that is tested is the one of the reference that the testbench instantiates; where there is none, because
    their names differ, the one that the description names, and a reference of one module gets that name.

    Raises:
        UserError: neither tells the module's name.
    """
    where, _ = record
    description, testbench = text_field(record, "description"), text_field(record, "testbench")
    reference = re.sub(r"\bverified_(\w+)", r"\1", text_field(record, "reference"))
    modules = _MODULE.findall(reference)
    instantiated = [name for name in modules if re.search(rf"\b{name}\b[^;]*\(", testbench)]
    tested = instantiated or _NAMED.findall(description)
    if not tested:
        raise UserError(f"{where}: neither its reference nor its description names the module that its testbench tests")
    if not instantiated and len(modules) == 1:
        reference = re.sub(rf"\b{modules[0]}\b", tested[0], reference)
    files = text_field(record, "files")
    return {
        "task_id": text_field(record, "task_id"),
        "language": "verilog",
        "description": description.strip(),
        "prompt": "",
        "entry_point": tested[0],
        "tests": testbench,
        "reference_solution": reference,
        "harness": HARNESS,
        "files": files if files != "{}" else None,
    }

"""A benchmark problem as the judges see it."""

import base64
import hashlib
import json
import marshal
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from ibft.execution.assemble import assemble
from ibft.execution.python.source import defines_what_is_used, foretold

HARNESS_OF = {"python": "humaneval", "verilog": "verilog-eval"}  # where a problem names none


@dataclass(frozen=True)
class Problem:
    task_id: str
    language: str
    prompt: str
    entry_point: str
    tests: str
    reference_solution: str
    harness: str = ""  # upstream's; empty: that of the language
    files: str = ""  # that the testbench reads while it runs: JSON, text by name; empty: none

    @classmethod
    def from_row(cls, row: "pd.Series[Any]") -> "Problem":
        """From a row of the problems table, in which a column that may be null can be missing."""
        return cls(**{name: row[name] for name in cls.__dataclass_fields__ if isinstance(row.get(name), str)})

    @property
    def upstream(self) -> str:
        """The name of the harness whose rule `official_passed` is."""
        return self.harness or HARNESS_OF[self.language]

    @property
    def files_by_name(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(self.files or "{}")
        return found

    @property
    def reference_program(self) -> str:
        """The reference solution as it is run."""
        return self.assemble(self.reference_solution)

    @cached_property
    def helpers(self) -> str:
        """The tests of a Python problem may use its reference program besides `candidate`; empty where they do not.

        Some tests call helpers that the prompt defines, or the tested function by its own name.
        """
        program = self.reference_program
        return program if defines_what_is_used(program, self.tests) else ""

    @cached_property
    def compiled_tests(self) -> str:
        """The tests of a Python problem, `foretold`, as a code object of this Python, marshalled, in base 64.

        Some are of a quarter of a megabyte, and every sample meets them.

        Raises:
            SyntaxError: they are no Python.
        """
        return base64.b64encode(marshal.dumps(compile(foretold(self.tests), "<tests>", "exec"))).decode()

    def assemble(self, completion: str) -> str:
        return assemble(self.language, self.prompt, self.entry_point, completion)

    def digest(self, *more: str) -> str:
        """Digest everything that a verdict on a program of this problem depends on, besides limits and tools."""
        own = (self.prompt, self.entry_point, self.tests, self.reference_solution, self.upstream, self.files)
        parts = (self.language, *own, *more)
        return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()

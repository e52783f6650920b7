"""The rules of the benchmarks' own flows: what they compile, and how they read what compiler and simulator print.

VerilogEval v1 fails a sample on any output on standard error. v2 looks for telling lines in one log of everything that
was printed (NVlabs/verilog-eval, `Makefile.in` and `scripts/sv-iv-analyze`), and otherwise ignores warnings. RTLLM
looks for `Pass` or `pass` in what is printed (hkust-zhiyao/RTLLM, `auto_run.py`; it runs a commercial simulator).
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ibft.execution.verdict import Status

# In this order, as upstream looks for them in each line; the first line with one decides.
_CLASS_OF_LINE = (
    ("syntax error", "S"),
    ("error: This assignment requires an explicit cast", "e"),
    ("error: Sized numeric constant must have a size greater than zero", "0"),
    ("warning: always_comb process has no sensitivities", "n"),
    ("found no sensitivities so it will never trigger", "n"),
    ("is declared here as wire", "w"),
    ("Unknown module type", "m"),
    ("Unable to bind wire/reg/memory `clk'", "c"),
    ("TIMEOUT", "T"),
)
# These decide only if no line has one of the above.
_CLASS_OF_LOG = (("Unable to bind wire/reg", "p"), ("error", "C"))
PASSED, RUNTIME = ".", "R"
_NO_MISMATCH = re.compile(r"Mismatches: 0 in \d+ samples\n?")

STATUS_OF_CLASS = {
    "S": Status.SYNTAX_ERROR,
    "e": Status.COMPILE_ERROR,
    "0": Status.COMPILE_ERROR,
    "n": Status.COMPILE_ERROR,
    "w": Status.COMPILE_ERROR,
    "C": Status.COMPILE_ERROR,
    "m": Status.ELABORATION_ERROR,
    "c": Status.ELABORATION_ERROR,
    "p": Status.ELABORATION_ERROR,
}
"""Our status of each class of failure that the log tells. At run time (`R`) it follows from the verdict line, and so it
does where a testbench says that it ran into its own limit (`T`): two references of v2 run into it as well."""


def class_of_log(lines: Iterable[str]) -> str:
    """Return the letter by which VerilogEval v2 classes a sample; upstream tells `r`, a kind of `R`, by the source."""
    found, passed = set(), False
    for line in lines:
        for text, letter in _CLASS_OF_LINE:
            if text in line:
                return letter
        found |= {letter for text, letter in _CLASS_OF_LOG if text in line}
        passed = passed or bool(_NO_MISMATCH.fullmatch(line))
    failure = next((letter for _, letter in _CLASS_OF_LOG if letter in found), None)
    return failure or (PASSED if passed else RUNTIME)


def says_pass(lines: Iterable[str]) -> str:
    """Return `PASSED` where RTLLM finds its word; this one or VerilogEval's line, which takes its place in our run."""
    found = any("Pass" in line or "pass" in line or _NO_MISMATCH.fullmatch(line) for line in lines)
    return PASSED if found else RUNTIME


@dataclass(frozen=True)
class Harness:
    """One benchmark's own flow.

    Attributes:
        program_first: the completion is a file of its own and compiled before the tests, not after them in one file.
        class_of_log: from the lines of everything that was printed to `PASSED` or another class; without it any output
            on standard error is a failure, and the first verdict line decides.
        unit: what the verdict line counts: samples, or the time until it is printed.
        root: the testbench's module; empty where each has another name.
    """

    program_first: bool = False
    unit: str = "sample"
    root: str = "tb"
    class_of_log: Callable[[Iterable[str]], str] | None = None

    def sources(self, tests: str, program: str) -> dict[str, str]:
        """Return what the flow compiles: file name to text, in this order."""
        if self.program_first:
            return {"program.sv": program + "\n", "tests.sv": tests}
        return {"program.sv": f"{tests}\n{program}"}


HARNESSES = {
    "verilog-eval": Harness(),
    "verilog-eval-v2": Harness(program_first=True, class_of_log=class_of_log),
    "rtllm": Harness(class_of_log=says_pass, unit="time", root=""),
}

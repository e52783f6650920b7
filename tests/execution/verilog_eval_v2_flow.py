"""VerilogEval v2's own flow, transcribed apart from the library (NVlabs/verilog-eval at 65c87a8).

`Makefile.in` tests a sample, `scripts/sv-iv-analyze` classes the log.
"""

import re
import subprocess
from pathlib import Path
from typing import Any

COMPILE = ("iverilog", "-Wall", "-Winfloop", "-Wno-timescale", "-g2012", "-s", "tb")


def letter(folder: Path, sample: str, tests: str) -> str:
    """Return upstream's letter for `sample`. `tests` holds testbench and reference, two files upstream."""
    (folder / "sample.sv").write_text(sample)
    (folder / "test.sv").write_text(tests)
    binary = folder / "sample"
    binary.unlink(missing_ok=True)
    made = subprocess.run([*COMPILE, "-o", binary, "sample.sv", "test.sv"], check=False, cwd=folder, **_MERGED)
    log = str(made.stdout)
    if binary.exists():
        try:
            log += str(subprocess.run(["vvp", "-n", binary], check=False, cwd=folder, timeout=30, **_MERGED).stdout)
        except subprocess.TimeoutExpired:
            log += "TIMEOUT\n"
    return _analyzed(log)


_MERGED: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "errors": "replace"}


def _analyzed(log: str) -> str:  # noqa: PLR0911, PLR0912 - as upstream has it
    other_error = unbound = no_mismatch = False
    for line in log.splitlines():
        if "syntax error" in line:
            return "S"
        if "error" in line:
            other_error = True
        if "error: This assignment requires an explicit cast" in line:
            return "e"
        if "error: Sized numeric constant must have a size greater than zero" in line:
            return "0"
        if "warning: always_comb process has no sensitivities" in line:
            return "n"
        if "found no sensitivities so it will never trigger" in line:
            return "n"
        if "is declared here as wire" in line:
            return "w"
        if "Unknown module type" in line:
            return "m"
        if "Unable to bind wire/reg" in line:
            unbound = True
        if "Unable to bind wire/reg/memory `clk'" in line:
            return "c"
        if "TIMEOUT" in line:
            return "T"
        if re.match(r"^Mismatches: 0 in \d+ samples$", line):
            no_mismatch = True
    return "p" if unbound else "C" if other_error else "." if no_mismatch else "R"

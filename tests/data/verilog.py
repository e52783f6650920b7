"""Icarus Verilog for the tests of generated Verilog."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

needs_iverilog = pytest.mark.skipif(shutil.which("iverilog") is None, reason="iverilog is not installed")

_KEYWORDS = re.compile(
    "always|assign|begin|case|else|end|endcase|endmodule|if|input|module|negedge|or|output|parameter|posedge|reg|"
    "top_module|wire"
)
_TOKEN = re.compile(r"\d*'[bdh]\w+|[A-Za-z_]\w*|\d+|\S")


def compiles(source: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["iverilog", "-g2012", "-Wall", "-t", "null", str(source)], capture_output=True, text=True, check=False
    )


def simulated(folder: Path, source: str, top: str = "tb") -> str:
    """What the compiler and the simulation of `source` print."""
    file, program = folder / "design.sv", folder / "design.vvp"
    file.write_text(source)
    compiled = subprocess.run(
        ["iverilog", "-g2012", "-Wall", "-Wno-timescale", "-s", top, "-o", str(program), str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    if compiled.returncode:
        return f"does not compile:\n{compiled.stderr}"
    run = subprocess.run(["vvp", "-n", str(program)], capture_output=True, text=True, timeout=30, check=True)
    return compiled.stderr + run.stdout + run.stderr


def normalised(source: str) -> str:
    """`source` without its layout, with every identifier replaced by the order of its first appearance."""
    names: dict[str, str] = {}
    return " ".join(
        token
        if _KEYWORDS.fullmatch(token) or not re.match(r"[A-Za-z_]", token)
        else names.setdefault(token, f"i{len(names)}")
        for token in _TOKEN.findall(source)
    )

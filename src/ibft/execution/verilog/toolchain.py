"""The Verilog toolchain of this machine."""

import functools
import shutil
import subprocess

from ibft.runtime.errors import UserError


@functools.cache
def iverilog_version() -> str:
    """Return the first line of `iverilog -V`.

    Raises:
        UserError: Icarus Verilog is not installed.
    """
    if not shutil.which("iverilog") or not shutil.which("vvp"):
        raise UserError("iverilog and vvp are not installed, so Verilog cannot be judged: apt-get install iverilog")
    answer = subprocess.run(["iverilog", "-V"], capture_output=True, text=True, errors="replace", check=False)  # noqa: S607
    return answer.stdout.partition("\n")[0].strip()


def tools_of(language: str) -> str:
    """Return the version of what verdicts depend on besides ibft: Icarus Verilog for Verilog, nothing for Python."""
    return iverilog_version() if language == "verilog" else ""

"""`ibft doctor`: what this machine offers for each stage, and what to do about each gap."""

import argparse
import importlib.util
import os
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ibft.execution.isolation import probe
from ibft.execution.sandbox.own_time import is_accounted
from ibft.execution.verilog.toolchain import iverilog_version
from ibft.runtime.errors import UserError
from ibft.synthesis.toolchain import yosys_version

_HUB = "https://huggingface.co"
_ENOUGH_DISK_GB = 20


class Finding(NamedTuple):
    what: str
    good: bool
    found: str
    remedy: str  # empty where nothing is to be done


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("doctor", help="what this machine offers", description=__doc__)
    parser.set_defaults(run=run)


def run(_: argparse.Namespace) -> None:
    """Print one finding per line, with what to do about each gap."""
    checks: list[Callable[[], Finding]] = [isolation, time_limits, iverilog, yosys, gpu, vllm, bitsandbytes, disk, hub]
    for check in checks:
        finding = check()
        print(f"{'ok ' if finding.good else 'gap'}  {finding.what}: {finding.found}")
        if finding.remedy:
            print(f"     -> {finding.remedy}")


def isolation() -> Finding:
    """The levels that start here."""
    refusals = probe()
    level = next((level for level, refusal in refusals.items() if refusal is None), None)
    refused = "; ".join(f"{name} refused: {reason}" for name, reason in refusals.items() if reason)
    found = f"level {level}" + (f" ({refused})" if refused else "")
    remedies = {
        "namespaces": "",
        "landlock": "allow user namespaces for level namespaces (sysctl kernel.unprivileged_userns_clone=1, "
        "user.max_user_namespaces above 0, kernel.apparmor_restrict_unprivileged_userns=0); landlock is safe as well",
        "rlimits": "neither namespaces nor Landlock: completions run only with execution.allow_unsafe: true",
        None: "no sandbox starts, so nothing can be judged",
    }
    return Finding("isolation", level in ("namespaces", "landlock"), found, remedies[level])


def time_limits() -> Finding:
    """A busy machine changes verdicts where the kernel does not account for waiting."""
    if is_accounted():
        return Finding("time limits", True, "they count no waiting for a processor", "")
    remedy = "judge on a machine that is not busy: this kernel has no /proc/PID/schedstat"
    return Finding("time limits", False, "they count by the wall clock", remedy)


def iverilog() -> Finding:
    """Icarus Verilog and its version."""
    try:
        version = iverilog_version()
    except UserError:
        return Finding("iverilog", False, "not installed", "apt-get install iverilog")
    major = int(next((word.split(".")[0] for word in version.split() if word[0].isdigit()), "0"))
    remedy = (
        "11 cannot compile 2 of VerilogEval-Human's references, 12 can: use --sdm conda or install it"
        if major < 12
        else ""
    )
    return Finding("iverilog", True, version, remedy)


def yosys() -> Finding:
    """Find what the section `synthesis` needs."""
    try:
        return Finding("Yosys", True, yosys_version(), "")
    except UserError:
        return Finding("Yosys", False, "not installed", "uv sync --extra synthesis; the section `synthesis` needs it")


def gpu() -> Finding:
    """NVIDIA GPUs, asked of the driver's own tool."""
    program = shutil.which("nvidia-smi")
    if not program:
        return Finding("GPU", False, "none", "the embedded default runs without; config/paper.yaml needs one")
    query = [program, "--query-gpu=name,memory.total", "--format=csv,noheader"]
    answer = subprocess.run(query, capture_output=True, text=True, check=False)  # noqa: S603
    names = "; ".join(answer.stdout.strip().splitlines())
    if answer.returncode != 0 or not names:
        return Finding("GPU", False, "nvidia-smi fails", "check the driver: run nvidia-smi")
    return Finding("GPU", True, names, "")


def vllm() -> Finding:
    """Find the fast sampling engine, without importing it, which takes a minute."""
    if importlib.util.find_spec("vllm"):
        return Finding("vLLM", True, "installed", "")
    return Finding("vLLM", False, "not installed", "uv sync --extra vllm; the transformers engine works without")


def bitsandbytes() -> Finding:
    """Find what quantizes frozen weights for `training.precision: nf4`."""
    if importlib.util.find_spec("bitsandbytes"):
        return Finding("bitsandbytes", True, "installed", "")
    remedy = "uv sync --extra nf4; training.precision: nf4 alone needs it, and a GPU"
    return Finding("bitsandbytes", False, "not installed", remedy)


def disk() -> Finding:
    """Free space where results and models go."""
    free_gb = shutil.disk_usage(Path.cwd()).free / 1e9
    short = free_gb < _ENOUGH_DISK_GB
    remedy = f"a 7B model and its adapters need about {_ENOUGH_DISK_GB} GB" if short else ""
    return Finding("disk", not short, f"{free_gb:.0f} GB free in {Path.cwd()}", remedy)


def hub() -> Finding:
    """Ask the hub, from which models and data sets are fetched."""
    address = os.environ.get("HF_ENDPOINT", _HUB)
    try:
        with urllib.request.urlopen(address, timeout=5):  # noqa: S310 - the hub's address is the user's own
            return Finding("hub", True, f"{address} answers", "")
    except (urllib.error.URLError, OSError, ValueError) as error:
        remedy = "the embedded default needs no hub; a config with hub: sources does"
        return Finding("hub", False, f"{address} does not answer ({error})", remedy)

"""In a cell: compile Verilog, look at what was compiled, and simulate it. `judge_verilog` reads the report.

The source may come from anybody, so nothing that it prints is believed here. What is inspected is the compiler's
*output*: macros cannot hide a system task in there.
"""

import os
import re
import resource
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ibft.execution.compiled import Inspection, inspect
from ibft.execution.limits import MAX_DESCRIPTORS, MIB, die_with_parent
from ibft.execution.sandbox import Sandbox

# Upstream's flags, so that its warnings are the ones that count.
COMPILER_FLAGS = ("-Wall", "-Winfloop", "-Wno-timescale", "-g2012")
COMPILED = "compiled.vvp"
MAX_OUTPUT_MB = 4  # of a simulation

# System tasks and functions that can neither touch a file nor reach out of the simulation.
# fmt: off
HARMLESS_TASKS = frozenset({
    "$display", "$displayb", "$displayh", "$displayo", "$write", "$writeb", "$writeh", "$writeo",
    "$strobe", "$strobeb", "$strobeh", "$strobeo", "$monitor", "$monitorb", "$monitorh", "$monitoro", "$monitoron",
    "$monitoroff", "$info", "$warning", "$error", "$finish", "$stop", "$dumpfile", "$dumpvars", "$time", "$stime",
    "$realtime", "$timeformat", "$random", "$urandom", "$urandom_range", "$signed", "$unsigned", "$clog2", "$bits",
    "$size", "$left", "$right", "$low", "$high", "$increment", "$dimensions", "$unpacked_dimensions", "$countones",
    "$onehot", "$onehot0", "$isunknown", "$rtoi", "$itor", "$bitstoreal", "$realtobits", "$ln", "$log10", "$exp",
    "$sqrt", "$pow", "$floor", "$ceil", "$sin", "$cos", "$tan", "$asin", "$acos", "$atan", "$atan2", "$hypot",
    "$sinh", "$cosh", "$tanh", "$asinh", "$acosh", "$atanh", "$abs", "$min", "$max",
})
# fmt: on

Report = dict[str, Any]


def run(payload: dict[str, Any], sandbox: Sandbox) -> Iterator[Report]:
    """Yield the growing report; the last one stands. If the cell is killed, its phase tells how far it came.

    `payload`: `compiler` and `simulator` (paths), `sources` (file name to text, in compile order), `root` (module),
    `instance` and `module` (of the completion), `marker` (leads the verdict line), `reference` (what the
    reference's own run looks like; null lets everything pass).
    """
    report: Report = {"phase": "compile"}
    yield report
    for name, text in payload["sources"].items():
        Path(name).write_text(text, encoding="utf-8", errors="replace")
    command = [payload["compiler"], *COMPILER_FLAGS, "-s", payload["root"], "-o", COMPILED, *payload["sources"]]
    report |= {"compile_status": _compile(command), "compile_stderr": _read_text("compile.err")}
    if report["compile_status"] != 0 or not Path(COMPILED).exists():
        yield report
        return
    found = inspect(Path(COMPILED), payload["instance"], payload["module"])
    report |= asdict(found)
    report["objection"] = _objection(found, payload)
    if report["objection"]:
        yield report
        return
    report["phase"] = "simulate"
    yield report
    report |= {
        "simulate_status": _simulate(payload["simulator"], sandbox),
        "simulate_stderr": _read_text("simulate.err"),
    }
    report |= {"phase": "done", "verdict_lines": _verdict_lines(payload["marker"])}
    yield report


def _objection(found: Inspection, payload: dict[str, Any]) -> list[str] | None:
    """Why the compiled program may not run, as status and detail."""
    reference = payload["reference"]
    if reference is None:
        return None
    if unknown := sorted(set(found.tasks) - HARMLESS_TASKS - set(reference["tasks"])):
        return ["forbidden", f"it uses {', '.join(unknown)}"]
    if found.forces > reference["forces"]:
        return ["forbidden", "it uses `force`, which reaches beyond its own module"]
    if found.ports is None:
        return ["elaboration_error", f"{payload['module']} is not a module"]
    return _interface_objection(found.ports, found.drivers, reference)


def _interface_objection(ports: dict[str, str], drivers: dict[str, str], reference: dict[str, Any]) -> list[str] | None:
    for port, direction in reference["ports"].items():
        declared = ports.get(port, direction)
        if declared != direction:
            return ["elaboration_error", f"port {port} is declared {declared.lower()}, not {direction.lower()}"]
        if drivers.get(port) != reference["drivers"].get(port):
            return ["forbidden", f"it drives its own input {port}, which the reference shares"]
    return None


def _compile(command: list[str]) -> int:
    environment = {"TMPDIR": str(Path.cwd())}
    error = os.open("compile.err", os.O_WRONLY | os.O_CREAT, 0o600)
    actions = [(os.POSIX_SPAWN_DUP2, error, 2), (os.POSIX_SPAWN_CLOSE, error)]
    process = os.posix_spawn(command[0], command, environment, file_actions=actions)
    os.close(error)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def _simulate(simulator: str, sandbox: Sandbox) -> int:
    """Run the compiled program without waveforms. The simulator can start nothing and signal nobody."""
    process = os.fork()
    if process == 0:
        try:
            os.dup2(os.open("simulate.out", os.O_WRONLY | os.O_CREAT, 0o600), 1)
            os.dup2(os.open("simulate.err", os.O_WRONLY | os.O_CREAT, 0o600), 2)
            limit = MAX_OUTPUT_MB * MIB
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
            os.closerange(3, MAX_DESCRIPTORS)
            die_with_parent()
            sandbox.enter_simulator()
            os.execve(simulator, ["vvp", "-n", COMPILED, "-none"], {})  # noqa: S606
        finally:
            os._exit(127)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def _verdict_lines(marker: str) -> list[tuple[int, int]]:
    """Every "MARKER Mismatches: E in N samples" that was printed, as (E, N)."""
    output = Path("simulate.out").read_bytes()
    pattern = re.escape(marker.encode()) + rb"Mismatches: (\d*) in (\d*) samples"
    return [(int(errors or 0), int(samples or 0)) for errors, samples in re.findall(pattern, output)]


def _read_text(name: str, limit: int = 8192) -> str:
    path = Path(name)
    if not path.exists():
        return ""
    with path.open("rb") as stream:
        return stream.read(limit).decode("utf-8", "replace")

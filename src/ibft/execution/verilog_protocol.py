"""In a cell: compile Verilog, look at what was compiled, and simulate it. `judge_verilog` reads the report.

The source may come from anybody, so nothing that it prints is believed here. What is inspected is the compiler's
*output*: macros cannot hide a system task in there.
"""

import os
import re
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ibft.execution.limits import MIB, die_with_parent
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

_SYSTEM_TASK = re.compile(rb'^(?:\s*%vpi_|\S+ \.sfunc)\S* \d+ \d+ "([^"]*)"')
_SCOPE = re.compile(rb'^\S+ \.scope module, "([^"]*)" "([^"]*)"')
_PORT = re.compile(rb'^\s+\.port_info \d+ /(\w+) \d+ "([^"]*)"')

Report = dict[str, Any]


def run(payload: dict[str, Any], sandbox: Sandbox) -> Iterator[Report]:
    """Yield the growing report; the last one stands. If the cell is killed, its phase tells how far it came.

    `payload`: `compiler` and `simulator` (paths), `sources` (file name to text, in compile order), `root` (module),
    `dut` (instance and module name of the completion),
    `marker` (leads the verdict line), `allowed_tasks` (null allows all),
    `allowed_forces`, `ports` (port to direction).
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
    report |= inspect(Path(COMPILED), payload["dut"])
    report["objection"] = _objection(report, payload)
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


def inspect(compiled: Path, dut: tuple[str, str]) -> Report:
    """The system tasks, `force` statements and port directions of instance `dut` in a compiled program."""
    tasks: set[str] = set()
    forces = 0
    ports: dict[str, str] | None = None
    instance, module = (name.encode() for name in dut)
    inside = False
    with compiled.open("rb") as lines:
        for line in lines:
            if scope := _SCOPE.match(line):
                inside = scope.groups() == (instance, module)
                ports = {} if inside else ports
            elif inside and ports is not None and (port := _PORT.match(line)):
                ports[port[2].decode(errors="replace")] = port[1].decode()
            elif task := _SYSTEM_TASK.match(line):
                tasks.add(task[1].decode(errors="replace"))
            forces += line.lstrip().startswith(b"%force")
    return {"tasks": sorted(tasks), "forces": forces, "ports": ports}


def _objection(report: Report, payload: dict[str, Any]) -> list[str] | None:
    """Why the compiled program may not run, as status and detail."""
    if payload["allowed_tasks"] is None:
        return None
    unknown = sorted(set(report["tasks"]) - HARMLESS_TASKS - set(payload["allowed_tasks"]))
    if unknown:
        return ["forbidden", f"it uses {', '.join(unknown)}"]
    if report["forces"] > payload["allowed_forces"]:
        return ["forbidden", "it uses `force`, which reaches beyond its own module"]
    if report["ports"] is None:
        return ["elaboration_error", f"{payload['dut'][1]} is not a module"]
    for port, direction in payload["ports"].items():
        found = report["ports"].get(port)
        if found and found != direction:
            return ["elaboration_error", f"port {port} is declared {found.lower()}, not {direction.lower()}"]
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
            os.closerange(3, 256)
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

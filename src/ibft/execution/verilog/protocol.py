"""In a cell: compile Verilog, look at what was compiled, and simulate it. `judge_verilog` reads the report.

The source may come from anybody, so nothing that it prints is believed here. What is inspected is the compiler's
*output*: macros cannot hide a system task in there.
"""

import os
import re
import resource
import secrets
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ibft.execution.sandbox import kernel
from ibft.execution.sandbox.levels import Sandbox
from ibft.execution.sandbox.limits import MAX_DESCRIPTORS, MIB, die_with_parent
from ibft.execution.verdict import one_line
from ibft.execution.verilog.upstream import HARNESSES
from ibft.execution.verilog.vvp import Inspection, inspect

# Upstream's flags, so that its warnings are the ones that count.
COMPILER_FLAGS = ("-Wall", "-Winfloop", "-Wno-timescale", "-g2012")
COMPILED = "compiled.vvp"
MAX_OUTPUT_MB = 4  # of a simulation

# System tasks and functions that can neither touch a file nor reach out of the simulation. Those that write to their
# first argument ($sformat) take variables alone, and an input is none; the names that %m gives them are text, and no
# task here takes a name as text. Random numbers are not among them: drawing some changes which ones the testbench draws
# next, so they could be drawn until its stimulus is harmless.
# fmt: off
HARMLESS_TASKS = frozenset({
    "$display", "$displayb", "$displayh", "$displayo", "$write", "$writeb", "$writeh", "$writeo",
    "$strobe", "$strobeb", "$strobeh", "$strobeo", "$monitor", "$monitorb", "$monitorh", "$monitoro", "$monitoron",
    "$monitoroff", "$swrite", "$swriteb", "$swriteh", "$swriteo", "$sformat", "$sformatf",
    "$info", "$warning", "$error", "$fatal", "$finish", "$stop", "$time", "$stime",
    "$dumpfile", "$dumpvars", "$dumpon", "$dumpoff", "$dumpall", "$dumplimit", "$dumpflush",
    "$realtime", "$timeformat", "$signed", "$unsigned", "$clog2", "$bits",
    "$size", "$left", "$right", "$low", "$high", "$increment", "$dimensions", "$unpacked_dimensions", "$countones",
    "$countbits", "$onehot", "$onehot0", "$isunknown", "$rtoi", "$itor", "$bitstoreal", "$realtobits", "$ln", "$log10",
    "$exp", "$sqrt", "$pow", "$floor", "$ceil", "$sin", "$cos", "$tan", "$asin", "$acos", "$atan", "$atan2", "$hypot",
    "$sinh", "$cosh", "$tanh", "$asinh", "$acosh", "$atanh", "$abs", "$min", "$max",
    # As the compiler calls methods of enumerations and strings.
    "$ivl_enum_method$next", "$ivl_enum_method$prev", "$ivl_enum_method$name",
    "$ivl_string_method$len", "$ivl_string_method$substr", "$ivl_string_method$getc", "$ivl_string_method$putc",
    "$ivl_string_method$toupper", "$ivl_string_method$tolower", "$ivl_string_method$compare",
    "$ivl_string_method$icompare", "$ivl_string_method$atoi", "$ivl_string_method$atohex",
    "$ivl_string_method$atooct", "$ivl_string_method$atobin", "$ivl_string_method$atoreal",
    "$ivl_string_method$itoa", "$ivl_string_method$hextoa", "$ivl_string_method$octtoa", "$ivl_string_method$bintoa",
    "$ivl_string_method$realtoa",
})
# fmt: on

# A shell says by these that it could start no process, or that the system ended one.
_SHELL_STATUSES = (126, 127, 137)
_REPEATS = 3
_SHELL_WORDS = re.compile(
    r"(?i:cannot fork|cannot allocate|resource temporarily|no child process|too many open|no space left)"
    r"|(?m:^|\d )Killed\b"
)

Report = dict[str, Any]


class CannotRunError(Exception):
    """The toolchain cannot be run: a fault of the machine, not of the source."""


def run(payload: dict[str, Any], sandbox: Sandbox) -> Iterator[Report]:
    """Yield the growing report; the last one stands. If the cell is killed, its phase tells how far it came.

    A `fault` in it says that the toolchain could not be run, which is nobody's verdict; `may_be_own` that the source
    could have made it look so.

    `payload`: `compiler` and `simulator` (paths), `harness` (upstream's), `sources` (file name to text, in compile
    order), `files` (the same of what the testbench reads), `root` (module), `instance` and `module` (of the completion;
    without an instance the compiled program is not looked into), `suffix` (of the testbench's names), `marker` (leads
    the verdict line), `reference` (what the reference's own run looks like; null in that run, which is `measured`),
    `cpu_s` (processor seconds that each program may use).

    Raises:
        CannotRunError: the compiler or the simulator was not started, or the system ended it.
    """
    report: Report = {"phase": "compile"}
    yield report
    _write(payload["sources"])
    root = ["-s", payload["root"]] if payload["root"] else []
    command = [payload["compiler"], *COMPILER_FLAGS, *root, "-o", COMPILED, *payload["sources"]]
    report |= {"compile_status": _compile(command, payload["cpu_s"]), "compile_stderr": _read_text("compile.err")}
    if report["compile_status"] != 0 or not Path(COMPILED).exists():
        yield report | _compiler_fault(report, command, payload)
        return
    if payload["instance"]:
        found = inspect(Path(COMPILED), payload["instance"], payload["module"], payload["suffix"])
        measured = _measured(found)
        if payload["reference"] is None:
            report |= {"measured": measured, "exposed": found.exposed}
        if objection := _objection(found, payload["module"], payload["reference"] or measured):
            yield report | {"objection": objection}
            return
    report["phase"] = "simulate"
    yield report
    _write(payload["files"])  # not before: the source could include them
    report |= {
        "simulate_status": _simulate(payload["simulator"], sandbox, payload["cpu_s"]),
        "simulate_stderr": _read_text("simulate.err"),
    }
    report |= {"phase": "done", "verdict_lines": _verdict_lines(payload["marker"])}
    if class_of_log := HARNESSES[payload["harness"]].class_of_log:
        report["class"] = class_of_log(_log(payload["marker"]))
    yield report


def _write(texts: dict[str, str]) -> None:
    for name, text in texts.items():
        Path(name).write_text(text, encoding="utf-8", errors="replace")


def _measured(found: Inspection) -> dict[str, Any]:
    """Return the part of a reference's run that a completion is compared with."""
    drivers = {path: found.drivers[path] for path in found.shared}
    return {
        "calls": found.calls,
        "forces": found.forces,
        "ports": found.ports or {},
        "widths": found.widths,
        "drivers": drivers,
    }


def _objection(found: Inspection, module: str, reference: dict[str, Any]) -> list[str] | None:
    """Say why the compiled program may not run, as status and detail."""
    if found.unread:
        return ["forbidden", "its compiled program holds names that cannot be read with certainty"]
    calls = reference["calls"]
    if unknown := [
        task for task, count in found.calls.items() if task not in HARMLESS_TASKS and count > calls.get(task, 0)
    ]:
        return ["forbidden", one_line(f"it uses {', '.join(sorted(unknown))}")]  # thousands, maybe
    if found.forces > reference["forces"]:
        return ["forbidden", "it uses `force`, which reaches beyond its own module"]
    return _interface_objection(found, module, reference)


def _interface_objection(found: Inspection, module: str, reference: dict[str, Any]) -> list[str] | None:
    if found.ports is None:
        return ["elaboration_error", f"{module} is not a module"]
    for port, direction in reference["ports"].items():
        declared = found.ports.get(port, direction)
        if declared != direction:
            return ["elaboration_error", f"port {port} is declared {declared.lower()}, not {direction.lower()}"]
    for path, driver in reference["drivers"].items():
        if found.drivers.get(path) != driver:
            return ["forbidden", f"it drives an input that it shares with the testbench: {path}"]
    return None


def _compile(command: list[str], cpu_s: int) -> int:
    # The compiler writes the testbench's names into files whose own names follow from its process id: out of reach of
    # any `include, then.
    folder = Path(secrets.token_hex(16))
    folder.mkdir()
    environment = {"TMPDIR": str(folder.absolute())}
    error = os.open("compile.err", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    actions = [(os.POSIX_SPAWN_DUP2, error, 2), (os.POSIX_SPAWN_CLOSE, error)]
    process = os.posix_spawn(command[0], command, environment, file_actions=actions)
    os.close(error)
    return _exit_code(process, "the compiler", cpu_s)


def _compiler_fault(report: Report, command: list[str], payload: dict[str, Any]) -> Report:
    """The `fault` of a compiler that could not start its own programs; nothing where the source failed to compile.

    The compiler passes on what its shell says, and its exit status may be a count of errors, so a source can imitate
    both. It could be the source's doing if the same happens each time, and never to a module that is right.
    """
    if report["compile_status"] not in _SHELL_STATUSES and not _SHELL_WORDS.search(report["compile_stderr"]):
        return {}
    Path("compile.err").unlink()  # it may be what fills the folder
    Path("right.sv").write_text("module right; endmodule\n")
    right = [payload["compiler"], "-o", "right.vvp", "right.sv"]
    works = steady = True
    for _ in range(_REPEATS):
        works = works and _compile(right, payload["cpu_s"]) == 0
        again = _compile(command, payload["cpu_s"]), _read_text("compile.err")
        steady = steady and again == (report["compile_status"], report["compile_stderr"])
    said = one_line(report["compile_stderr"] or f"exit status {report['compile_status']}")
    return {"fault": f"the Verilog compiler could not be run: {said}", "may_be_own": works and steady}


def _simulate(simulator: str, sandbox: Sandbox, cpu_s: int) -> int:
    """Run the compiled program without waveforms. The simulator can start nothing and signal nobody."""
    failed, failure = os.pipe2(os.O_CLOEXEC)  # hangs up without a word where the simulator was started
    process = kernel.clone()  # cheaper than a fork of Python's, and this process has one thread
    if process == 0:
        try:
            os.dup2(os.open("simulate.out", os.O_WRONLY | os.O_CREAT, 0o600), 1)
            os.dup2(os.open("simulate.err", os.O_WRONLY | os.O_CREAT, 0o600), 2)
            limit = MAX_OUTPUT_MB * MIB
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
            die_with_parent()
            sandbox.enter_simulator()
            os.closerange(3, failure)
            os.closerange(failure + 1, MAX_DESCRIPTORS)
            os.execve(simulator, ["vvp", "-n", COMPILED, "-none"], {})  # noqa: S606
        finally:
            os.write(failure, b"!")
            os._exit(127)
    os.close(failure)
    with open(failed, "rb") as stream:  # noqa: PTH123
        if stream.read():
            raise CannotRunError("the simulator could not be started")
    return _exit_code(process, "the simulator", cpu_s)


def _exit_code(process: int, name: str, cpu_s: int) -> int:
    _, status, used = os.wait4(process, 0)
    code = os.waitstatus_to_exitcode(status)
    if code == -signal.SIGKILL:
        if used.ru_utime + used.ru_stime < cpu_s:
            raise CannotRunError(f"{name} was killed by the system, probably for want of memory")
        return -signal.SIGXCPU
    return code


def _verdict_lines(marker: str) -> list[tuple[int, int]]:
    """Return every "MARKER Mismatches: E in N samples" that was printed, as (E, N)."""
    output = Path("simulate.out").read_bytes()
    pattern = re.escape(marker.encode()) + rb"Mismatches: (\d*) in (\d*) samples"
    return [(int(errors or 0), int(samples or 0)) for errors, samples in re.findall(pattern, output)]


def _log(marker: str) -> Iterator[str]:
    """Yield the lines of everything that was printed, as upstream's testbench would have printed them."""
    for name in ("compile.err", "simulate.out", "simulate.err"):
        with Path(name).open(encoding="utf-8", errors="replace", newline="\n") as lines:
            yield from (line.replace(marker, "") for line in lines)


def _read_text(name: str, limit: int = 8192) -> str:
    path = Path(name)
    if not path.exists():
        return ""
    with path.open("rb") as stream:
        return stream.read(limit).decode("utf-8", "replace")

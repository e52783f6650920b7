"""The verdict on one Verilog program: hardened, against a testbench whose names it cannot know, and upstream's."""

import functools
import json
import re
import secrets
import shutil
import signal
from dataclasses import asdict, dataclass, replace
from typing import Any

from ibft.config.sections import Execution
from ibft.execution.problem import Problem
from ibft.execution.sandbox.cells import CellFaultError, Ended, run_one, signal_name
from ibft.execution.sandbox.client import ForkServer
from ibft.execution.sandbox.levels import CELL_FOLDER
from ibft.execution.sandbox.limits import Limits
from ibft.execution.sandbox.namespaces import SCRATCH
from ibft.execution.verdict import EXCLUDED, Status, Verdict, one_line
from ibft.execution.verilog.source import UnusableTestbenchError, harden, is_empty, own_names, words
from ibft.execution.verilog.upstream import HARNESSES, PASSED, STATUS_OF_CLASS

_FILE_MB = 32
_FINDINGS = {"compile_status", "objection", "fault"}  # one of these is in a report that ends before the simulation does
_FILLS = ("x", "0", "1")
_SHORTEST_FILL_S, _TIMES_THE_REFERENCE = 2.0, 4  # a filled module has so long, or so many times what the reference took
# Text that means the same under the hardened and under the official testbench.
_PURE_TASKS = frozenset({"$signed", "$unsigned", "$clog2", "$bits"})
_PURE_DIRECTIVES = frozenset({"`timescale", "`default_nettype", "`resetall"})
_MEMORY_WORDS = re.compile(r"bad_alloc|out of memory|cannot allocate|virtual memory exhausted", re.IGNORECASE)


@dataclass(frozen=True)
class VerilogReference:
    """The reference solution's own run is the measure of every other run of its problem."""

    samples: int
    calls: dict[str, int]  # system tasks and functions: in how many places each is called
    forces: int
    ports: dict[str, str]  # directions
    widths: dict[str, int]  # of the ports, in bits
    drivers: dict[str, str]  # of the nets outside that share the module's inputs
    constant_passes: bool = False  # it has inputs, and a module whose outputs are constant passes as well
    is_timed_by_outputs: bool = False  # the testbench waits for outputs, so a right module may end at another time
    guarded: tuple[str, ...] = ()  # outputs that must be defined when the testbench reads them, as it does not see to


def judge_verilog(
    problem: Problem, program: str, settings: Execution, reference: VerilogReference | None, server: ForkServer
) -> Verdict:
    """Run `program` under the tests of `problem`. Without a reference (it cannot be run here) nothing passes.

    Raises:
        CellFaultError: the machine or the toolchain failed, not the program.
    """
    ended: Ended | None = None
    hardened_report: dict[str, Any] = {}
    status, detail, wall_s = *EXCLUDED, 0.0
    if reference is not None and is_empty(program, problem.entry_point):
        # One reference in VerilogEval-Machine stays undefined under its stimulus, so even an empty module matches it.
        status, detail = Status.WRONG_ANSWER, "the module is empty"
    elif reference is not None:
        ended = _run_hardened(server, problem, program, settings, reference)
        hardened_report, wall_s = _report(ended), ended.wall_s
        status, detail = _status(problem, ended, hardened_report, reference, settings)
    # A program that is too slow for our run is too slow for upstream's, which compares no fewer samples.
    # Upstream does not ask whether outputs are defined, so it may pass what a guarded testbench fails.
    means_the_same = status is Status.TIMEOUT or (
        _means_the_same(problem, program)
        and "objection" not in hardened_report
        and not (reference and reference.guarded and status is Status.WRONG_ANSWER)
    )
    if ended is None or not means_the_same:
        ended = _run_official(server, problem, program, settings)
        wall_s += ended.wall_s
    report = _report(ended)
    verdict = Verdict(
        status=status,
        detail=detail,
        official_passed=_official_passed(problem, ended, report),
        stderr_clean=not _stderr(report),
        program=program,
        isolation=server.level,
        wall_s=wall_s,
    )
    if fault := hardened_report.get("fault") or report.get("fault"):
        raise CellFaultError(fault, otherwise=verdict)
    return verdict


def measure_reference(problem: Problem, settings: Execution, server: ForkServer) -> VerilogReference | str:
    """Run the reference solution, and modules that solve nothing; why the problem cannot be judged, where that is so.

    A testbench that prints its verdict in the open may pass undefined outputs. It is measured once more then, with its
    reads of outputs guarded.

    Raises:
        CellFaultError: the machine or the toolchain failed.
    """
    reference, brief = _measured(problem, settings, server, guarded=())
    if isinstance(reference, str):
        return reference
    filled = _filled(problem, reference, brief, server)
    if _passes(filled, "x") and HARNESSES[problem.upstream].unit == "time":
        outputs = tuple(name for name, direction in reference.ports.items() if direction == "OUTPUT")
        reference, brief = _measured(problem, settings, server, guarded=outputs)
        if isinstance(reference, str):
            return f"its tests pass a module whose outputs are undefined; where that counts as wrong, {reference}"
        filled = _filled(problem, reference, brief, server)
    if _passes(filled, "x"):
        return "its tests pass a module whose outputs are undefined"
    constant_passes = (_passes(filled, "0") or _passes(filled, "1")) and "INPUT" in reference.ports.values()
    ends = {count for _, lines in filled.values() for _, count in lines or [(0, 0)]}
    waits = HARNESSES[problem.upstream].unit == "time" and ends != {reference.samples}
    return replace(reference, constant_passes=constant_passes, is_timed_by_outputs=waits)


def _measured(
    problem: Problem, settings: Execution, server: ForkServer, *, guarded: tuple[str, ...]
) -> tuple[VerilogReference | str, Execution]:
    """Return what the reference's own run is like, or why it is no measure; and limits for modules that solve nothing.

    Where a testbench waits for an output, such a module would take the whole limit of a completion.
    """
    try:
        ended = _run_hardened(server, problem, problem.reference_program, settings, None, guarded)
    except UnusableTestbenchError as error:
        return str(error), settings
    report = _report(ended)
    if "fault" in report:  # the reference solution is right, so it is not its own
        raise CellFaultError(report["fault"])
    status, detail = _status(problem, ended, report, None, settings)
    if status is not Status.PASSED:
        return f"its own reference solution does not pass: {status}, {detail}", settings
    if report["exposed"]:
        named = ", ".join(report["exposed"][:3])
        why = f"its tests have parts that a completion could name: {named}; give blocks and loops a name, in a module"
        return why, settings
    (_, samples), *_ = report["verdict_lines"]
    time_s = min(settings.verilog_timeout_s, max(_SHORTEST_FILL_S, _TIMES_THE_REFERENCE * ended.cpu_s))
    brief = settings.model_copy(update={"verilog_timeout_s": time_s})
    return VerilogReference(samples, **report["measured"], guarded=guarded), brief


_Filled = dict[str, tuple[Status, list[tuple[int, int]]]]


def _filled(problem: Problem, reference: VerilogReference, settings: Execution, server: ForkServer) -> _Filled:
    return {fill: _run_filled(fill, problem, reference, settings, server) for fill in _FILLS}


def _passes(filled: _Filled, fill: str) -> bool:
    status, _ = filled[fill]
    return status is Status.PASSED


def _run_filled(
    fill: str, problem: Problem, reference: VerilogReference, settings: Execution, server: ForkServer
) -> tuple[Status, list[tuple[int, int]]]:
    """Return how a module ends whose outputs have all bits equal to `fill`, and its verdict lines."""
    ports = [
        f"{direction.lower()} [{reference.widths[name] - 1}:0] {name}" for name, direction in reference.ports.items()
    ]
    outputs = [name for name, direction in reference.ports.items() if direction == "OUTPUT"]
    body = "".join(f"assign {name} = {{{reference.widths[name]}{{1'b{fill}}}}};\n" for name in outputs)
    program = f"module {problem.entry_point}({', '.join(ports)});\n{body}endmodule\n"
    ended = _run_hardened(server, problem, program, settings, reference)
    report = _report(ended)
    status, _ = _status(problem, ended, report, reference, settings)
    return status, report.get("verdict_lines", [])


def _run_hardened(
    server: ForkServer,
    problem: Problem,
    program: str,
    settings: Execution,
    reference: VerilogReference | None,
    guarded: tuple[str, ...] = (),
) -> Ended:
    # Two secrets: names can be printed by the simulation (%m), so the verdict line must not be led by one of them.
    nonce, marker = secrets.token_hex(8), f"{secrets.token_hex(16)} "
    outputs = tuple(reference.guarded) if reference else guarded
    bench = harden(problem.tests, problem.entry_point, nonce, marker, outputs)
    # The tests come first even where upstream compiles them last: no directive of the completion may reach them. Nor
    # may it inherit their time scale then.
    own_directives = "`resetall\n" if HARNESSES[problem.upstream].program_first else ""
    payload = {
        **_toolchain(),
        "harness": problem.upstream,
        "sources": {f"tests_{nonce}.sv": f"{bench.text}\n{own_directives}", "program.sv": program + "\n"},
        "files": problem.files_by_name,
        "root": bench.root,
        "instance": bench.dut,
        "module": problem.entry_point,
        "suffix": f"_{nonce}",
        "marker": bench.marker,
        "reference": asdict(reference) if reference else None,
    }
    ended = _run(server, payload, settings)
    # Messages name the testbench's parts; without the nonce they are the same in every run.
    return replace(ended, report=ended.report.replace(f"_{nonce}".encode(), b""))


def _run_official(server: ForkServer, problem: Problem, program: str, settings: Execution) -> Ended:
    payload = {
        **_toolchain(),
        "harness": problem.upstream,
        "sources": HARNESSES[problem.upstream].sources(problem.tests, program),
        "files": problem.files_by_name,
        "root": HARNESSES[problem.upstream].root,
        "instance": "",
        "module": problem.entry_point,
        "suffix": "",
        "marker": "",
        "reference": None,
    }
    return _run(server, payload, settings)


def _run(server: ForkServer, payload: dict[str, Any], settings: Execution) -> Ended:
    limits = Limits(settings.verilog_timeout_s, settings.memory_mb, _FILE_MB)
    ended = run_one(server, "verilog", payload | {"cpu_s": limits.cpu_s}, limits)
    if server.scratch:  # messages may name the folder on the disk, which is another one in each run
        ended = replace(
            ended, report=ended.report.replace(f"{server.scratch}/{CELL_FOLDER}".encode(), SCRATCH.encode())
        )
    report = _report(ended)
    if not ended.timed_out and report["phase"] != "done" and not _FINDINGS & set(report):
        raise CellFaultError(f"a cell ended without a result (exit status {ended.exit_codes[0]})")
    if "fault" in report and not report["may_be_own"]:
        raise CellFaultError(report["fault"])
    return ended


@functools.cache
def _toolchain() -> dict[str, str | None]:
    return {"compiler": shutil.which("iverilog"), "simulator": shutil.which("vvp")}


def _report(ended: Ended) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(ended.report) if ended.report else {"phase": "compile"}
    return report


def _stderr(report: dict[str, Any]) -> str:
    return str(report.get("compile_stderr", "")) + str(report.get("simulate_stderr", ""))


def _means_the_same(problem: Problem, program: str) -> bool:
    """Return true if upstream's run of `program` must go like the hardened one, so that it need not be run twice.

    It must unless the program could tell the two apart: by system tasks, macros, `force`, or a name of the testbench.
    """
    used = words(program)
    # Compiled first, it could set directives for the tests.
    pure = _PURE_TASKS if HARNESSES[problem.upstream].program_first else _PURE_TASKS | _PURE_DIRECTIVES
    special = {word for word in used if word[0] in "$`\\"} - pure
    return not special and "force" not in used and not used & own_names(problem.tests, problem.entry_point)


def _official_passed(problem: Problem, ended: Ended, report: dict[str, Any]) -> bool:
    """Upstream's rule: in time, and as `Harness.class_of_log` says, or else as VerilogEval v1 has it."""
    if HARNESSES[problem.upstream].class_of_log:
        return not ended.timed_out and report.get("class") == PASSED
    if ended.timed_out or _stderr(report) or not report.get("verdict_lines"):
        return False
    errors, _ = report["verdict_lines"][0]
    return bool(errors == 0)


def _status(
    problem: Problem, ended: Ended, report: dict[str, Any], reference: VerilogReference | None, settings: Execution
) -> tuple[Status, str]:
    phase = report["phase"]
    if ended.timed_out:
        return Status.TIMEOUT, f"it did not {phase} within {settings.verilog_timeout_s:g} s"
    if phase == "compile":
        return _compile_status(report)
    return (
        _crash_status(report["simulate_status"], report["simulate_stderr"], settings)
        or (_class_status(report) if "class" in report else _complaint_status(report))
        or _answer_status(report["verdict_lines"], reference, HARNESSES[problem.upstream].unit)
    )


def _crash_status(exit_code: int, stderr: str, settings: Execution) -> tuple[Status, str] | None:
    """Say which limit ended the simulation, if one did."""
    if exit_code == -signal.SIGXFSZ:
        return Status.OUTPUT_LIMIT, "it printed too much"
    if _MEMORY_WORDS.search(stderr):
        return Status.MEMORY, f"it needed more than {settings.memory_mb} MiB"
    if exit_code == -signal.SIGXCPU:
        return Status.TIMEOUT, f"it did not simulate within {settings.verilog_timeout_s:g} s"
    if exit_code < 0:
        return Status.RUNTIME_ERROR, f"the simulator was killed by {signal_name(-exit_code)}"
    return None


def _complaint_status(report: dict[str, Any]) -> tuple[Status, str] | None:
    """Anything on standard error is a failure, as it is upstream."""
    if report["simulate_stderr"]:
        return Status.RUNTIME_ERROR, one_line(f"at run time: {report['simulate_stderr']}")
    if report["compile_stderr"]:
        return Status.COMPILE_ERROR, one_line(f"compiled with warnings: {report['compile_stderr']}")
    return None


def _class_status(report: dict[str, Any]) -> tuple[Status, str] | None:
    """Return what VerilogEval v2 sees in what was printed, which may be a warning; null if it goes by the answers."""
    status = STATUS_OF_CLASS.get(report["class"])
    return (status, one_line(f"class {report['class']}: {_stderr(report)}")) if status else None


def _compile_status(report: dict[str, Any]) -> tuple[Status, str]:
    if "objection" in report:
        status, detail = report["objection"]
        return Status(status), one_line(detail)
    stderr = report["compile_stderr"]
    detail = one_line(stderr) or f"the compiler ended with exit status {report['compile_status']}"
    if _MEMORY_WORDS.search(stderr):
        return Status.MEMORY, detail
    if "syntax error" in stderr:
        return Status.SYNTAX_ERROR, detail
    if "during elaboration" in stderr or "Unknown module type" in stderr:
        return Status.ELABORATION_ERROR, detail
    return Status.COMPILE_ERROR, detail


def _answer_status(lines: list[tuple[int, int]], reference: VerilogReference | None, unit: str) -> tuple[Status, str]:
    """The verdict line must be there once, count no mismatch, and as many samples as the reference's run."""
    if not lines:
        return Status.RUNTIME_ERROR, "the simulation ended without a verdict"
    if len(lines) > 1:
        return Status.FORBIDDEN, f"{len(lines)} verdict lines"
    errors, samples = lines[0]
    if errors:
        return Status.WRONG_ANSWER, f"it differs from the reference at {unit} {samples}"
    if reference is not None and samples != reference.samples and not reference.is_timed_by_outputs:
        return Status.WRONG_ANSWER, f"it ended after {unit} {samples} of {reference.samples}"
    if samples == 0:
        return Status.WRONG_ANSWER, "no sample was compared"
    return Status.PASSED, ""

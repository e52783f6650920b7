"""The verdict on one Python program: hardened, by a grader it never meets, and upstream's beside it."""

import hmac
import json
import math
import signal
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ibft.config.sections import Execution
from ibft.execution.problem import Problem
from ibft.execution.python import upstream
from ibft.execution.python.source import is_pure
from ibft.execution.sandbox.cells import CellFaultError, Ended, run_graded, run_one, signal_name
from ibft.execution.sandbox.client import ForkServer
from ibft.execution.sandbox.limits import Limits
from ibft.execution.verdict import EXCLUDED, Status, Verdict, one_line

_FILE_MB = 4
_GRACE_S = 1.0  # that upstream's run has beyond its own alarm
_NO_THREAD = "can't start new thread"  # Python's words
_TIMES_THE_REFERENCE = 4  # as EvalPlus has it
_LONGEST_REFERENCE = 20  # times the limit of a completion


@dataclass(frozen=True)
class PythonReference:
    """The reference solution's own run is the measure of every other run of its problem."""

    time_limit_s: float
    right_answers: Sequence[str] = ()  # digests of calls that the tests foretell, with its answers


def judge_python(
    problem: Problem,
    program: str,
    settings: Execution,
    key: bytes,
    reference: PythonReference | None,
    server: ForkServer,
) -> Verdict:
    """Run `program` against the tests of `problem`, twice: for our verdict and for upstream's.

    Without a reference (it does not pass here) nothing passes the hardened tests. What the tests draw at random follows
    from `key`, which no completion can know.
    """
    time_s = reference.time_limit_s if reference else settings.python_timeout_s
    limits = Limits(time_s, settings.memory_mb, _FILE_MB)
    candidate = {"program": program, "entry_point": problem.entry_point}
    status, detail, wall_s = *EXCLUDED, 0.0
    exact = True
    if reference:
        hardened = _run_hardened(server, problem, program, key, limits, reference.right_answers)
        (status, detail), wall_s = _status(hardened, limits), hardened.wall_s
        exact = not hardened.report or json.loads(hardened.report)["exact"]
    official_passed = status is Status.PASSED
    if not exact or not _means_the_same(problem, program, status, detail):
        official_passed, official_s = _official(server, problem, candidate, limits)
        wall_s += official_s
    verdict = Verdict(
        status=status,
        detail=detail,
        official_passed=official_passed,
        stderr_clean=True,
        program=program,
        isolation=server.level,
        wall_s=wall_s,
    )
    if server.level != "namespaces" and not verdict.passed and _NO_THREAD in detail:
        # The limit counts other programs' threads as well there.
        raise CellFaultError(detail, otherwise=verdict)
    return verdict


def measure_reference(problem: Problem, settings: Execution, server: ForkServer) -> PythonReference | str:
    """Run the reference solution; why the problem cannot be judged, where it does not pass.

    A completion gets the configured time, or four times what the reference took, whichever is longer.

    Raises:
        CellFaultError: the machine failed, not the reference.
    """
    limits = Limits(_LONGEST_REFERENCE * settings.python_timeout_s, settings.memory_mb, _FILE_MB)
    try:
        problem.compiled_tests  # noqa: B018 - made once, and kept
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:  # the last two: nested too deep
        return f"its tests are no Python: {error}"
    ended = _run_hardened(server, problem, problem.reference_program, b"", limits, None)
    status, detail = _status(ended, limits)
    if status is Status.HARNESS_ERROR:
        return f"its tests cannot be run: {detail}"
    if status is not Status.PASSED:
        return f"its own reference solution does not pass: {status}, {detail}"
    needed_s = _TIMES_THE_REFERENCE * ended.cpu_s
    return PythonReference(
        time_limit_s=math.ceil(needed_s) if needed_s > settings.python_timeout_s else settings.python_timeout_s,
        right_answers=json.loads(ended.report)["right_answers"],
    )


def _run_hardened(
    server: ForkServer, problem: Problem, program: str, key: bytes, limits: Limits, right_answers: Sequence[str] | None
) -> Ended:
    """Run the tests with calls sent ahead, where they are foretold; once more without where that could matter."""
    # Equal programs meet equal tests.
    seed = hmac.digest(key, problem.digest(program).encode(), "sha256").hex()
    candidate = {"program": program, "entry_point": problem.entry_point}
    grader = {
        "reference": problem.helpers,
        "tests": problem.compiled_tests,
        "seed": seed,
        "right_answers": right_answers,
    }
    ended = run_graded(server, candidate, {**grader, "looks_ahead": True}, limits)
    if _is_the_same_call_by_call(ended):
        return ended
    return run_graded(server, candidate, {**grader, "looks_ahead": False}, limits)


def _is_the_same_call_by_call(ended: Ended) -> bool:
    """Return true if no call that was sent ahead can have changed how a run ended.

    A program that passes, or gives a wrong answer, gave its answers one after another. One that ended otherwise may
    have done so in a call that its tests would not have come to.
    """
    report = json.loads(ended.report or b"{}")
    answered = report.get("status") in (Status.PASSED, Status.WRONG_ANSWER)
    return not report.get("ahead") or (answered and not ended.timed_out and not ended.output_full)


def _means_the_same(problem: Problem, program: str, status: Status, detail: str) -> bool:
    """Return true if upstream's run of `program` must end as the hardened one did, so that it need not be run twice.

    What is too slow for our run is too slow for upstream's, which has the same limit. Beyond that, a program that
    cannot tell the two runs apart gives the same answers in both, unless the tests use names that it defines, an answer
    could not cross, or the depth of the stack mattered.
    """
    if status is Status.TIMEOUT:
        return True
    plain = (Status.PASSED, Status.WRONG_ANSWER, Status.RUNTIME_ERROR, Status.SYNTAX_ERROR)
    return not problem.helpers and status in plain and "RecursionError" not in detail and is_pure(program)


def _status(ended: Ended, limits: Limits) -> tuple[Status, str]:
    """Return the grader's word; where it has none, how the two processes ended."""
    candidate = ended.exit_codes[1]
    if ended.timed_out:
        return Status.TIMEOUT, f"it ran for more than {limits.time_s:g} s"
    if not ended.report:
        return Status.MALFORMED, "its answers overwhelmed the grader"
    report = json.loads(ended.report)
    status, detail = Status(report["status"]), one_line(report["detail"])
    if status is not Status.PASSED and ended.output_full:
        return Status.OUTPUT_LIMIT, f"it printed more than {_FILE_MB} MiB"
    if status is Status.RUNTIME_ERROR and candidate < 0 and -candidate != signal.SIGKILL:
        return status, f"it was killed by {signal_name(-candidate)}"
    return status, detail


def _official(server: ForkServer, problem: Problem, candidate: dict[str, str], limits: Limits) -> tuple[bool, float]:
    payload = {**candidate, "tests": problem.tests, "timeout_s": limits.time_s}
    ended = run_one(server, "official", payload, replace(limits, time_s=limits.time_s + _GRACE_S))
    return ended.report == upstream.PASSED, ended.wall_s

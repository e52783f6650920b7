"""The loop over samples: order, repeats, statuses, timeouts, lost workers, exclusions."""

import os
import shutil
import signal
import threading
import time
from pathlib import Path

import pytest

from ibft.config.sections import Execution
from ibft.execution.judge import Judge, judge
from ibft.execution.pool import Pool
from ibft.execution.sandbox.cells import CellFaultError
from ibft.execution.sandbox.client import ForkServer, HarnessError, ServerLostError
from ibft.execution.verdict import Status
from ibft.runtime.errors import UserError
from tests.execution.problems import PYTHON, VERILOG, frame

SETTINGS = Execution(python_timeout_s=1.0, verilog_timeout_s=5.0)
RIGHT = "    return sum(values) + extra\n"
needs_iverilog = pytest.mark.skipif(not shutil.which("iverilog"), reason="iverilog is not installed")


def statuses(completions: list[str], problem: dict[str, str | None] = PYTHON, level: str | None = None) -> list[str]:
    samples = [(str(problem["task_id"]), i, completion) for i, completion in enumerate(completions)]
    return [row.verdict.status for row in judge(frame(problem), samples, SETTINGS, 2, level=level)]


@pytest.mark.parametrize("level", ["namespaces", "landlock", "rlimits"], indirect=True)
def test_every_python_ending_has_its_status(level: str) -> None:
    endings = {
        RIGHT: "passed",
        f"```python\ndef total(values, extra):\n{RIGHT}```\nIt adds.": "passed",
        "    return 0\n": "wrong_answer",
        "    return None\n": "wrong_answer",
        "    return values +\n": "syntax_error",
        "    raise ValueError('no')\n": "runtime_error",
        "    return map(int, values)\n": "wrong_answer",
        "    return object()\n": "malformed",
        "    while True: pass\n": "timeout",
        "    while True: print('x' * 1000)\n": "timeout",
        "    import os\n    while True: os.write(1, b'x' * 65536)\n": "output_limit",
        "    return [0] * (1 << 40)\n": "memory",
    }
    assert statuses(list(endings), level=level) == list(endings.values())


@needs_iverilog
@pytest.mark.parametrize("level", ["namespaces", "landlock", "rlimits"], indirect=True)
def test_every_verilog_ending_has_its_status(level: str) -> None:
    endings = {
        "\talways @(posedge clk) if (reset) q <= 0; else q <= d;\nendmodule": "passed",
        "\talways @(posedge clk) q <= d;\nendmodule": "wrong_answer",
        "endmodule": "wrong_answer",
        "\tinitial $finish;\nendmodule": "wrong_answer",
        "\talways @(posedge clk) q <= d\nendmodule": "syntax_error",
        "\talways @(posedge clk) q <= e;\nendmodule": "elaboration_error",
        "\tother o(d);\nendmodule": "elaboration_error",
        "\twire [3:0] w; o i(w); always @* q = d; endmodule module o(input [7:0] i); endmodule": "compile_error",
        '\treg [7:0] m [0:1]; initial $readmemh("x", m);\nendmodule': "forbidden",
    }
    assert statuses(list(endings), VERILOG, level) == list(endings.values())


def test_verdicts_come_in_input_order_and_repeats_are_run_once(tmp_path: Path) -> None:
    slow, fast = "    import time; time.sleep(0.5)\n    return 0\n", RIGHT
    samples = [("py/total", i, completion) for i, completion in enumerate([slow, fast] * 20)]
    with Judge(frame(PYTHON), SETTINGS, 2) as started:
        begun = time.monotonic()
        rows = list(started.verdicts(samples))
        elapsed = time.monotonic() - begun
    assert [row.sample for row in rows] == list(range(40))
    assert [row.verdict.passed for row in rows] == [False, True] * 20
    assert len({row.verdict.wall_s for row in rows}) == 2  # two runs, whose verdicts were copied
    assert elapsed < 10


def test_samples_are_read_as_they_are_needed() -> None:
    read = 0

    def endless():  # type: ignore[no-untyped-def]
        nonlocal read
        while True:
            read += 1
            yield "py/total", read, RIGHT + f"    # {read % 7}\n"

    with Judge(frame(PYTHON), SETTINGS, 2) as started:
        verdicts = started.verdicts(endless())
        assert all(next(verdicts).verdict.passed for _ in range(300))
    assert read < 500


def test_equal_runs_give_equal_verdicts() -> None:
    completion = "    import random\n    return random.random() if hash('a') % 2 else list({'a', 'b', 'c', 'd'})\n"
    runs = [
        [row.verdict.detail for row in judge(frame(PYTHON), [("py/total", 0, completion)], SETTINGS, 1)]
        for _ in range(3)
    ]
    assert runs[0] == runs[1] == runs[2]


def test_an_unknown_problem_is_named() -> None:
    with pytest.raises(UserError, match="'py/other'"):
        list(judge(frame(PYTHON), [("py/other", 0, RIGHT)], SETTINGS, 1))


def test_a_fault_is_only_believed_after_a_second_run_alone() -> None:
    alone, together, most = 0, 0, 0
    lock = threading.Lock()

    def task(_: ForkServer) -> str:
        nonlocal together, most
        with lock:
            together += 1
            most = max(most, together)
        time.sleep(0.3)
        with lock:
            together -= 1
        return "slow"

    def again(_: ForkServer) -> str:
        nonlocal alone
        with lock:
            alone += together == 0
        return task(_)

    with Pool("rlimits", 3) as pool:
        plain = [pool.submit(task) for _ in range(6)]
        calls = {"n": 0}

        def faulty_task(server: ForkServer) -> str:
            calls["n"] += 1
            if calls["n"] == 1:
                task(server)
                raise CellFaultError("test")
            return again(server)

        faulty = pool.submit(faulty_task)
        assert [future.result() for future in (*plain, faulty)] == ["slow"] * 7
    assert (calls["n"], alone, most) == (2, 1, 3)


def test_a_killed_worker_loses_nothing() -> None:
    samples = [("py/total", i, RIGHT + f"    # {i}\n") for i in range(60)]
    with Judge(frame(PYTHON), SETTINGS, 2) as started:
        verdicts = started.verdicts(samples)
        first = [next(verdicts) for _ in range(5)]
        for server in list(started._pool._servers):
            os.kill(server._process.pid, signal.SIGKILL)
        rows = [*first, *verdicts]
    assert [row.sample for row in rows if row.verdict.passed] == list(range(60))


def test_a_worker_that_is_lost_again_stops_the_stage() -> None:
    def lose(_: ForkServer) -> str:
        raise ServerLostError("test")

    with Pool("rlimits", 1) as pool, pytest.raises(HarnessError, match="lost twice"):
        pool.submit(lose).result()


def excluded(*problems: dict[str, str | None]) -> dict[str, str]:
    with Judge(frame(*problems), SETTINGS, 1) as started:
        return started.excluded


def test_a_problem_whose_reference_fails_is_excluded_by_name() -> None:
    broken = {**PYTHON, "task_id": "py/broken", "reference_solution": "    return 0\n"}
    foreign = {**PYTHON, "task_id": "py/foreign", "tests": "def check(f):\n    assert f([], object()) == 0\n"}
    with Judge(frame(PYTHON, broken, foreign), SETTINGS, 2) as started:
        assert set(started.excluded) == {"py/broken", "py/foreign"}
        rows = list(started.verdicts([("py/broken", 0, RIGHT), ("py/total", 0, RIGHT)]))
    assert [(row.verdict.passed, row.verdict.official_passed) for row in rows] == [(False, True), (True, True)]
    assert rows[0].verdict.detail.startswith("excluded")
    assert "wrong_answer" in excluded(broken)["py/broken"]


@needs_iverilog
def test_a_testbench_without_a_verdict_line_is_excluded() -> None:
    silent = {**VERILOG, "tests": str(VERILOG["tests"]).replace("Mismatches", "Differences")}
    assert "Mismatches" in excluded(silent)["v/register"]


@needs_iverilog
def test_a_testbench_that_connects_whatever_a_completion_asks_for_is_excluded() -> None:
    connected = str(VERILOG["tests"]).replace("(.clk, .reset, .d, .q(q_dut))", "(.*, .q(q_dut))")
    assert ".*" in excluded({**VERILOG, "tests": connected})["v/register"]


def with_reference(body: str) -> dict[str, str | None]:
    """The Verilog problem with another reference, which its testbench and its solution share."""
    right = "always @(posedge clk) if (reset) q <= 0; else q <= d;"
    return {
        **VERILOG,
        "tests": str(VERILOG["tests"]).replace(right, body),
        "reference_solution": str(VERILOG["reference_solution"]).replace(right, body),
    }


@needs_iverilog
def test_a_problem_that_undefined_outputs_pass_is_excluded() -> None:
    problem = with_reference("always @(posedge clk) q <= q + d;")
    assert excluded(problem) == {"v/register": "its tests pass a module whose outputs are undefined"}


@needs_iverilog
@pytest.mark.parametrize(
    ("body", "named"),
    [
        ("always @(posedge clk) if (reset) q <= 0; else q <= d;", []),
        ("always @* q = d & 0;", ["v/register"]),
        ("always @* q = d | 255;", ["v/register"]),
        ("always @* q = d & 1;", []),
    ],
)
def test_a_problem_that_a_constant_passes_is_named_and_counts(body: str, named: list[str]) -> None:
    with Judge(frame(with_reference(body)), SETTINGS, 1) as started:
        assert (started.constant_passes, started.excluded) == (named, {})


@pytest.mark.parametrize(
    "kind", ["OSError", "EOFError", "MemoryError", "FileNotFoundError", "KeyError", "StopIteration"]
)
def test_an_exception_that_tests_expect_keeps_its_class(kind: str) -> None:
    tests = f"def check(f):\n    try:\n        f([], 0)\n    except {kind}:\n        return\n    assert False\n"
    problem = {**PYTHON, "tests": tests, "reference_solution": f"    raise {kind}('no')\n"}
    # What ends a loop does not cross: tests that map the function over cases would stop there, and pass.
    assert list(excluded(problem)) == (["py/total"] if kind == "StopIteration" else [])


@pytest.mark.parametrize(
    "noticed",
    [
        "'ch' 'eck' in ｇｌｏｂａｌｓ()",
        r"'ch' 'eck' in '{0.\x5f\x5fglobals\x5f\x5f}'.format(total)",
        "'ch' 'eck' in ('{0.' + chr(95) * 2 + 'glob' 'als' + chr(95) * 2 + '}').format(total)",
        "'ch' 'eck' in operator.attrgetter(chr(95) * 2 + 'glob' 'als' + chr(95) * 2)(total)",
    ],
)
def test_a_program_that_may_notice_the_tests_is_run_by_upstreams_rule_as_well(noticed: str) -> None:
    completion = f"    import operator\n    return sum(values) + extra if {noticed} else 0\n"
    (row,) = judge(frame(PYTHON), [("py/total", 0, completion)], SETTINGS, 1)
    assert (row.verdict.passed, row.verdict.official_passed) == (False, True)


def test_no_completion_counts_as_failed_when_the_harness_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ibft.execution.judge.best_level", lambda _: "namespaces")
    monkeypatch.setattr("ibft.execution.sandbox.client._PROGRAM", "raise SystemExit('no interpreter')")
    with pytest.raises(HarnessError, match="no interpreter"):
        list(judge(frame(PYTHON), [("py/total", 0, RIGHT)], SETTINGS, 1))


def test_resource_limits_alone_need_consent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "ibft.execution.isolation.probe",
        lambda levels: {level: "refused" if level != "rlimits" else None for level in levels},
    )
    with pytest.raises(UserError, match="allow_unsafe"):
        Judge(frame(PYTHON), SETTINGS, 1)
    with Judge(frame(PYTHON), Execution(allow_unsafe=True), 1) as started:
        assert started.isolation == "rlimits"
        (row,) = started.verdicts([("py/total", 0, RIGHT)])
    assert (row.verdict.status, row.verdict.isolation) == (Status.PASSED, "rlimits")

"""HumanEval+: its tests get the little of numpy that they use, and nobody else does."""

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibft.config.sections import Benchmark, Execution
from ibft.data.benchmarks import prepare_benchmark
from ibft.execution.judge import Judge, judge
from ibft.execution.python.numpy_stand_in import allclose
from tests.conftest import some
from tests.execution.mutants import python_mutants
from tests.execution.problems import PYTHON, frame
from tests.execution.test_hostile import PYTHON_ATTACKS

HOSTILE_EVERY = int(os.environ.get("IBFT_HOSTILE_EVERY", "8"))
FEW = slice(5, None, 8)  # problems, none of which takes seconds
WRONG_TESTS = "HumanEval/32"  # its tests unpack a float
numbers = st.integers(-(10**6), 10**6) | st.floats(width=32) | st.booleans()


@pytest.fixture(scope="module")
def problems(shared_data: Path) -> pd.DataFrame:
    path = shared_data / "humaneval-plus" / "HumanEvalPlus-OriginFmt.jsonl.gz"
    return prepare_benchmark(Benchmark(source=f"path:{path}", language="python"))


@pytest.fixture(scope="module")
def few(problems: pd.DataFrame) -> Iterator[tuple[pd.DataFrame, Judge]]:
    kept = problems.iloc[FEW]
    with Judge(kept, Execution(), 2) as started:
        yield kept, started


@given(st.lists(st.tuples(numbers, numbers), max_size=4), st.sampled_from([0, 1e-6, 0.5]))
def test_numbers_are_as_close_as_numpy_says(pairs: list[tuple[float, float]], atol: float) -> None:
    found, expected = [a for a, _ in pairs], [b for _, b in pairs]
    with np.errstate(all="ignore"):
        told = bool(np.allclose(found, expected, rtol=1e-07, atol=atol))
    assert allclose(found, expected, rtol=1e-07, atol=atol) == told
    assert allclose([found, [1]], ([*expected], [1]), rtol=1e-07, atol=atol) == told


@pytest.mark.parametrize(("found", "expected"), [([], [1.0]), (1.0, [1.0, 1.0]), ([[1.0]], [1.0, 1.0])])
def test_shapes_must_be_equal(found: object, expected: object) -> None:
    """Numpy repeats the smaller one, so that an empty list is close to any one number."""
    with pytest.raises(ValueError, match=r"shape|argument"):
        allclose(found, expected)


@pytest.mark.parametrize(("found", "expected"), [("1", 1.0), ([None], [1.0]), (math.pi, "3")])
def test_what_is_no_number_is_close_to_nothing(found: object, expected: object) -> None:
    with pytest.raises(TypeError):
        allclose(found, expected)


@pytest.mark.parametrize("level", ["namespaces", "landlock"], indirect=True)
def test_a_completion_finds_no_numpy(level: str) -> None:
    tests = "import numpy as np\ndef check(f):\n    assert np.allclose(f([0.5], 1), 1.5)\n"
    finders = ["import numpy", "import sys; sys.modules['numpy']", "from numpy import allclose"]
    samples = [("py/total", i, f"    {finder}\n    return sum(values) + extra\n") for i, finder in enumerate(finders)]
    right = ("py/total", 3, "    return sum(values) + extra\n")
    rows = list(judge(frame({**PYTHON, "tests": tests}), [*samples, right], Execution(), 2, level=level))
    assert [row.verdict.status for row in rows] == ["runtime_error"] * 3 + ["passed"]


def test_the_time_limit_follows_the_references_own_time() -> None:
    slow = "    for _ in range(COUNT): pass\n    return sum(values) + extra\n"
    reference = slow.replace("COUNT", str(3_000_000))
    settings = Execution(python_timeout_s=0.3)
    tests = "def check(f):\n    for _ in range(5): assert f([1], 2) == 3\n"
    with Judge(frame({**PYTHON, "tests": tests, "reference_solution": reference}), settings, 1) as started:
        limit_s = started._references.python["py/total"].time_limit_s
        assert limit_s >= 1
        statuses = [
            row.verdict.status
            for row in started.verdicts([("py/total", 0, reference), ("py/total", 1, "    while True: pass\n")])
        ]
    assert statuses == ["passed", "timeout"]
    with Judge(frame(PYTHON), settings, 1) as started:
        assert started._references.python["py/total"].time_limit_s == 0.3


def test_answers_of_many_mebibytes_cross() -> None:
    tests = "def check(f):\n    assert f([1], 2) == 'x' * (20 << 20)\n    assert f([], 0) == [0, 0.5] * 10**6\n"
    answers = "    return 'x' * (20 << 20) if values else [0, 0.5] * 10**6\n"
    (row,) = judge(frame({**PYTHON, "tests": tests, "reference_solution": answers}), [("py/total", 0, answers)],
                   Execution(), 1)  # fmt: skip
    assert row.verdict.passed


def test_references_and_mutants_get_the_verdicts_of_the_tests_themselves(few: tuple[pd.DataFrame, Judge]) -> None:
    """Where every test runs beside the program, in one process with the real numpy."""
    kept, started = few
    assert len(kept) >= 20 and started.excluded == {}
    samples = [
        (row.task_id, i, code)
        for row in kept.itertuples()
        for i, code in enumerate([row.reference_solution, *islice(python_mutants(str(row.reference_solution)), 2)])
    ]
    rows = list(started.verdicts(samples))
    tests = kept.set_index("task_id")
    programs = [
        f"{row.verdict.program}\n{tests.loc[row.task_id, 'tests']}\ncheck({tests.loc[row.task_id, 'entry_point']})"
        for row in rows
    ]
    done = subprocess.run([sys.executable, "-c", _RUN_ALL], input=json.dumps(programs), capture_output=True, text=True,
                          check=True)  # fmt: skip
    assert [row.verdict.passed for row in rows] == json.loads(done.stdout)
    assert all(row.verdict.passed for row in rows if row.sample == 0)
    assert len({row.task_id for row in rows if not row.verdict.passed}) == len(kept)


_RUN_ALL = """
import json, signal, sys
def passes(program):
    signal.setitimer(signal.ITIMER_VIRTUAL, 3)
    try:
        exec(program, {})
    except BaseException:
        return False
    return True
def stop(*_): raise TimeoutError
signal.signal(signal.SIGVTALRM, stop)
print(json.dumps([passes(program) for program in json.load(sys.stdin)]))
"""


def test_empty_and_constant_bodies_fail(few: tuple[pd.DataFrame, Judge]) -> None:
    kept, started = few
    constants = ("", *(f"    return {value}\n" for value in ("None", "[]", "0", "True", "''", "float('nan')")))
    samples = [(task_id, i, body) for task_id in kept["task_id"] for i, body in enumerate(constants)]
    assert not [row for row in started.verdicts(samples) if row.verdict.passed]


def test_hostile_completions_gain_nothing(problems: pd.DataFrame) -> None:
    """Against tests in EvalPlus's form, whose comparison of floats is not Python's own."""
    helpers = str(problems["tests"].iloc[0]).partition("def check")[0]
    cases = "[([1, 2], 3, 6.0), ([], 0, 0.0), ([], 0.1, 0.1), ([0.1, 0.2], 0.5, 0.8), (list(range(50)), 0.5, 1225.5)]"
    tests = f"{helpers}\ndef check(candidate):\n    for *inp, exp in {cases}: assertion(candidate(*inp), exp, 0)\n"
    attacks = {name: text for attacks in PYTHON_ATTACKS for name, text in attacks.items()}
    names = list(attacks)[::HOSTILE_EVERY]
    settings = Execution(python_timeout_s=0.4, memory_mb=512)
    with Judge(frame({**PYTHON, "tests": tests}), settings, 2) as started:
        assert started.excluded == {}
        rows = list(started.verdicts(("py/total", i, attacks[name]) for i, name in enumerate(names)))
    assert [names[row.sample] for row in rows if row.verdict.passed] == []


@pytest.mark.slow
def test_references_pass_but_for_the_one_whose_tests_are_wrong(problems: pd.DataFrame) -> None:
    problems = some(problems, {WRONG_TESTS})
    with Judge(problems, Execution(), 2) as started:
        assert list(started.excluded) == [WRONG_TESTS]
        assert "TypeError" in started.excluded[WRONG_TESTS]
        rows = list(started.verdicts((row.task_id, 0, row.reference_solution) for row in problems.itertuples()))
    assert [row.task_id for row in rows if not (row.verdict.passed and row.verdict.official_passed)] == [WRONG_TESTS]

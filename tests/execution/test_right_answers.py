"""`ref_func` of EvalPlus's tests runs only for answers that are not, to the bit, those of the reference solution."""

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest

from ibft.config.sections import Execution
from ibft.execution.judge import Judge
from ibft.execution.python import candidate
from ibft.execution.python.right_answers import Crossed, RightAnswers
from ibft.execution.python.value_codec import Encoder, call_line, decode, loads
from tests.execution.problems import PYTHON, frame

ARGUMENTS = ([1, 2], 0.5)


def crossed(completion: Callable[..., Any], *arguments: Any) -> Callable[[], Crossed]:
    """Return what a proxy remembers of the last call of a completion."""
    request = call_line(Encoder(), arguments, {})
    answer = candidate._answer(completion, loads(request))
    return lambda: Crossed(request, answer, loads(answer).get("value"))


def known(reference: Callable[..., Any], *arguments: Any) -> list[str]:
    finding = RightAnswers(reference, crossed(reference, *arguments), None)
    finding(*arguments)
    return finding.found


def right(completion: Callable[..., Any], facts: list[str], *arguments: Any) -> tuple[Any, int]:
    """Return what `ref_func`, which knows `facts`, returns after that call, and how often it has run."""
    runs: list[object] = []

    def reference(*_: Any) -> str:
        runs.append(None)
        return "computed"

    told = RightAnswers(reference, crossed(completion, *copy.deepcopy(arguments)), facts)
    return told(*arguments), len(runs)


@pytest.mark.parametrize("value", [3.5, "a" * 100, [1, 2.0, None], {"a": {1, 2}}, (), 1 << 90, [0.1] * 1000])
def test_the_same_answer_is_right_and_nothing_runs(value: object) -> None:
    facts = known(lambda *_: value, *ARGUMENTS)
    assert right(lambda *_: value, facts, *ARGUMENTS) == (value, 0)


@pytest.mark.parametrize(
    ("value", "other"),
    [(1, 1.0), (1, True), (0.0, -0.0), ([1], (1,)), ("a", "b"), ([1.0], [1]), ({1}, frozenset({1})), (None, 0)],
)
def test_another_answer_is_computed(value: object, other: object) -> None:
    facts = known(lambda *_: value, *ARGUMENTS)
    assert right(lambda *_: other, facts, *ARGUMENTS) == ("computed", 1)


def test_other_arguments_are_computed() -> None:
    facts = known(lambda *_: 3, *ARGUMENTS)
    assert right(lambda *_: 3, facts, [1, 2], 0.25) == ("computed", 1)


def test_a_completion_that_changes_its_arguments_is_computed() -> None:
    facts = known(lambda *_: 3, *ARGUMENTS)
    assert right(lambda values, _: values.append(1) or 3, facts, *ARGUMENTS) == ("computed", 1)


def test_after_another_call_the_last_answer_is_no_answer_to_this_one() -> None:
    facts = known(lambda *_: 3, *ARGUMENTS)
    told = RightAnswers(lambda *_: "computed", crossed(lambda *_: 3, [], 0), facts)
    assert told(*ARGUMENTS) == "computed"


def test_what_is_no_number_equals_nothing() -> None:
    facts = known(lambda *_: [math.nan], *ARGUMENTS)
    value, runs = right(lambda *_: [math.nan], facts, *ARGUMENTS)
    assert runs == 0 and math.isnan(value[0])
    assert decode(crossed(lambda *_: [math.nan], *ARGUMENTS)().value) != value


def test_arguments_that_cannot_cross_are_computed() -> None:
    facts = known(lambda *_: 3, *ARGUMENTS)
    told = RightAnswers(lambda *_, **__: "computed", crossed(lambda *_: 3, *ARGUMENTS), facts)
    assert told(object(), key=len) == "computed"


def test_an_iterator_is_not_used_up() -> None:
    told = RightAnswers(lambda values, _: sum(values), crossed(lambda *_: 3, *ARGUMENTS), [])
    assert told(iter([1, 2]), 0.5) == 3


@pytest.mark.parametrize("reference", [lambda *_: object(), lambda values, _: values.append(1) or 3])
def test_a_reference_whose_answer_is_no_plain_value_is_always_computed(reference: Callable[..., Any]) -> None:
    assert known(reference, [1, 2], 0.5) == []


def test_judged_with_them_the_right_pass_and_the_wrong_fail() -> None:
    tests = (
        "def ref_func(values, extra): return sum(values) + extra\n"
        "def check(candidate):\n"
        "    for values, extra in [([1, 2], 3), ([], 0), ([0.5], 1)]:\n"
        "        assert candidate(values, extra) == ref_func(values, extra)\n"
    )
    bodies = ["    return extra + sum(values)\n", "    return sum(values)\n", "    return float(sum(values) + extra)\n"]
    with Judge(frame({**PYTHON, "tests": tests}), Execution(), 1) as started:
        assert len(started._references.python["py/total"].right_answers) == 3
        rows = list(started.verdicts(("py/total", i, body) for i, body in enumerate(bodies)))
    assert [row.verdict.status for row in rows] == ["passed", "wrong_answer", "passed"]


def test_tests_that_are_no_python_exclude_the_problem() -> None:
    with Judge(frame({**PYTHON, "tests": "def check(candidate:\n"}), Execution(), 1) as started:
        assert "no Python" in started.excluded["py/total"]

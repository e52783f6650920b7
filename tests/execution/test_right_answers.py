"""The assertion of a foretold loop is spared where an answer is, to the bit, the one of the reference solution."""

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest

from ibft.config.sections import Execution
from ibft.execution.judge import Judge
from ibft.execution.python.source import foretold
from tests.execution.loopback import Loopback, proxied
from tests.execution.problems import PYTHON, frame

ARGUMENTS = ([1, 2], 0.5)


def known(reference: Callable[..., Any], *arguments: Any) -> list[str]:
    """Return what is noted of a reference solution's answer."""
    proxy = proxied(Loopback(reference), right_answers=None)
    assert not proxy.is_right(*arguments)
    proxy(*arguments)
    return proxy.found_right


def is_right(completion: Callable[..., Any], facts: list[str], *arguments: Any) -> bool:
    """Return true if the completion's answer is known; if it is not, the tests' own call has to be given it."""
    expected = completion(*copy.deepcopy(arguments))
    channel = Loopback(completion)
    proxy = proxied(channel, right_answers=facts)
    found = proxy.is_right(*arguments)
    if not found:
        assert proxy(*arguments) == expected
    assert len(channel.together) == 1
    return found


@pytest.mark.parametrize("value", [3.5, "a" * 100, [1, 2.0, None], {"a": {1, 2}}, (), 1 << 90, [0.1] * 1000])
def test_the_same_answer_is_right(value: object) -> None:
    assert is_right(lambda *_: value, known(lambda *_: value, *ARGUMENTS), *ARGUMENTS)


@pytest.mark.parametrize(
    ("value", "other"),
    [(1, 1.0), (1, True), (0.0, -0.0), ([1], (1,)), ("a", "b"), ([1.0], [1]), ({1}, frozenset({1})), (None, 0)],
)
def test_another_answer_is_compared(value: object, other: object) -> None:
    assert not is_right(lambda *_: other, known(lambda *_: value, *ARGUMENTS), *ARGUMENTS)


def test_an_answer_to_other_arguments_is_compared() -> None:
    assert not is_right(lambda *_: 3, known(lambda *_: 3, *ARGUMENTS), [1, 2], 0.25)


def test_an_answer_that_comes_with_changed_arguments_is_compared() -> None:
    facts = known(lambda *_: 3, *ARGUMENTS)
    assert not is_right(lambda values, _: values.append(1) or 3, facts, *ARGUMENTS)


@pytest.mark.parametrize(
    "reference", [lambda values, _: values.append(1) or 3, lambda *_: iter([1]), lambda *_: type("I", (int,), {})(3)]
)
def test_of_a_reference_that_changes_its_arguments_or_whose_value_crosses_as_another_nothing_is_known(
    reference: Callable[..., Any],
) -> None:
    assert known(reference, [1, 2], 0.5) == []


def test_calls_that_tests_do_not_foretell_are_not_noted() -> None:
    proxy = proxied(Loopback(lambda *_: 3), right_answers=None)
    assert proxy(*ARGUMENTS) == 3 and proxy.found_right == []


def test_what_is_no_number_crosses_as_such() -> None:
    proxy = proxied(Loopback(lambda *_: [math.nan]))
    assert not proxy.is_right(*ARGUMENTS) and math.isnan(proxy(*ARGUMENTS)[0])


TESTS = (
    "def assertion(out, exp, atol): assert out == exp\n"
    "def ref_func(values, extra): return sum(values) + extra\n"
    "def check(candidate):\n"
    "    inputs = [[[1, 2], 3], [[], 0], [[0.5], 1]]\n"
    "    for i, inp in enumerate(inputs):\n"
    "        assertion(candidate(*inp), ref_func(*inp), 0)\n"
)


def test_judged_with_them_the_right_pass_and_the_wrong_fail() -> None:
    bodies = ["    return extra + sum(values)\n", "    return sum(values)\n", "    return float(sum(values) + extra)\n"]
    with Judge(frame({**PYTHON, "tests": TESTS}), Execution(), 1) as started:
        assert len(started._references.python["py/total"].right_answers) == 3
        rows = list(started.verdicts(("py/total", i, body) for i, body in enumerate(bodies)))
    assert [row.verdict.status for row in rows] == ["passed", "wrong_answer", "passed"]


def test_what_is_known_is_not_computed_again() -> None:
    """A `ref_func` that fails once the reference has been measured would fail every sample otherwise."""
    tests = TESTS.replace("return sum(values) + extra", "return sum(values) + extra if is_measured else 1 / 0")
    facts = known(lambda values, extra: sum(values) + extra, [1, 2], 3)
    names: dict[str, Any] = {"is_measured": False}
    exec(foretold(tests.replace(", [[], 0], [[0.5], 1]", "")), names)
    names["check"](proxied(Loopback(lambda values, extra: extra + sum(values)), right_answers=facts))
    with pytest.raises(ZeroDivisionError):
        names["check"](proxied(Loopback(lambda values, extra: 0), right_answers=facts))


def test_tests_that_are_no_python_exclude_the_problem() -> None:
    with Judge(frame({**PYTHON, "tests": "def check(candidate:\n"}), Execution(), 1) as started:
        assert "no Python" in started.excluded["py/total"]

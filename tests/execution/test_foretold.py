"""Calls that tests foretell cross many at a time, and change no verdict."""

import ast
from typing import Any

import pytest

from ibft.config.sections import Execution
from ibft.execution.judge import judge
from ibft.execution.python.calls import OtherCallError
from ibft.execution.python.source import foretold
from ibft.execution.python.value_codec import CannotCrossError
from tests.execution.loopback import Loopback, proxied
from tests.execution.problems import PYTHON, frame

ASSERTION = "def assertion(out, exp, atol): assert out == exp\n"
LOOP = "    for i, (inp, exp) in enumerate(zip(inputs, results)):\n"
CALL = "assertion(candidate(*inp), exp, 0)\n"
INPUTS = [[[i], i % 3] for i in range(100)]
LISTS = f"{ASSERTION}def check(candidate):\n    inputs = {INPUTS}\n    results = {[sum(v) + e for v, e in INPUTS]}\n"
FORETOLD = f"{LISTS}{LOOP}        {CALL}"
CALL_BY_CALL = f"{LISTS}{LOOP}        pass; {CALL}"


@pytest.mark.parametrize(
    "loop",
    [
        "for i, inp in enumerate(inputs):\n        assertion(candidate(*inp), ref_func(*inp), 0)",
        "for i, (inp, exp) in enumerate(zip(inputs, results)):\n        assertion(candidate(*inp), exp, 1e-6)",
    ],
)
def test_evalplus_loops_are_foretold(loop: str) -> None:
    tests = f"def check(candidate):\n    inputs = [[1], [2]]\n    results = [1, 2]\n\n    {loop}\n"
    told = foretold(tests)
    assert "\n    candidate.foresee(inputs)\n    for i" in told
    assert "\n        candidate.is_right(*inp) or assertion(" in told
    before = told.replace("    candidate.foresee(inputs)\n", "").replace("candidate.is_right(*inp) or ", "")
    assert ast.unparse(ast.parse(before)) == ast.unparse(ast.parse(tests))


@pytest.mark.parametrize(
    "loop",
    [
        "for inp in inputs:\n        assertion(candidate(*inp), 1, 0)",
        "for i, inp in enumerate(inputs):\n        assertion(candidate(*other), 1, 0)",
        "for i, inp in enumerate(inputs):\n        assertion(candidate(inp), 1, 0)",
        "for i, inp in enumerate(inputs):\n        assertion(candidate(*inp, a=1), 1, 0)",
        "for i, inp in enumerate(inputs):\n        assertion(other(*inp), 1, 0)",
        "for i, inp in enumerate(zip(inputs, results)):\n        assertion(candidate(*inp), 1, 0)",
        "for i, (inp, exp) in enumerate(inputs):\n        assertion(candidate(*inp), exp, 0)",
        "for i, inp in enumerate(inputs):\n        pass; assertion(candidate(*inp), 1, 0)",
        "for i, inp in enumerate(sorted(inputs)):\n        assertion(candidate(*inp), 1, 0)",
        "for i, (inp, exp) in enumerate(zip(inputs, results, more)):\n        assertion(candidate(*inp), exp, 0)",
        "pass",
    ],
)
def test_other_tests_stay_as_they_are(loop: str) -> None:
    tests = f"def check(candidate):\n    inputs = [[1], [2]]\n    {loop}\n"
    assert foretold(tests) == tests


def test_what_follows_check_is_not_taken_for_its_end() -> None:
    loop = "    for i, inp in enumerate(inputs):\n        assertion(candidate(*inp), 1, 0)\n"
    assert "foresee" in foretold(f"def check(candidate):\n    inputs = []\n{loop}")
    for other in (f"def check(candidate):\n    pass\ndef more(candidate):\n{loop}", f"def check(other):\n{loop}", loop):
        assert foretold(other) == other
    assert "foresee" not in foretold(f"def check(candidate):\n    inputs = []\n{loop}check(1)\n")


def test_ever_more_calls_cross_together() -> None:
    channel = Loopback(lambda values, extra: sum(values) + extra)
    proxy = proxied(channel)
    proxy.foresee(INPUTS)
    assert [proxy(*inputs) for inputs in INPUTS] == [sum(values) + extra for values, extra in INPUTS]
    assert channel.together == [1, 2, 4, 8, 16, 32, 37]
    assert proxy._calls.were_sent_ahead and proxy.exact


def test_long_calls_cross_alone_and_calls_that_nobody_foretold_as_well() -> None:
    channel = Loopback(len)
    proxy = proxied(channel)
    texts = [[f"{i}" * 100_000] for i in range(8)]
    proxy.foresee(texts)
    assert [proxy(*inputs) for inputs in texts] == [100_000] * 8
    assert max(channel.together) == 1
    proxy.foresee([["a"], ["b"], ["c"], ["d"]])
    assert [proxy("other"), proxy("a")] == [5, 1]
    assert max(channel.together) == 1 and not proxy._calls.were_sent_ahead


def test_a_long_call_waits_for_the_answers_to_short_ones() -> None:
    """Sent with them it would not fit into the socket, and the answer to the first might not either."""
    channel = Loopback(len)
    proxy = proxied(channel)
    texts = [["a"], ["b"], ["c" * 100_000], ["d"], ["e"]]
    proxy.foresee(texts)
    assert [proxy(*inputs) for inputs in texts] == [1, 1, 100_000, 1, 1]
    assert channel.together == [1, 1, 1, 2]


def test_nothing_is_sent_ahead_where_that_is_not_wanted() -> None:
    channel = Loopback(len)
    proxy = proxied(channel, looks_ahead=False)
    proxy.foresee([["a"], ["b"], ["c"]])
    assert [proxy(text) for text in "abc"] == [1, 1, 1]
    assert channel.together == [1, 1, 1] and not proxy._calls.were_sent_ahead


def test_what_cannot_cross_is_not_sent_ahead() -> None:
    channel = Loopback(str)
    proxy = proxied(channel)
    inputs: list[list[Any]] = [[1], [2], [object()], [4]]
    proxy.foresee(inputs)
    assert [proxy(*each) for each in inputs[:2]] == ["1", "2"]
    with pytest.raises(CannotCrossError):
        proxy(*inputs[2])


def test_tests_that_make_other_calls_than_they_foretold_are_noticed() -> None:
    proxy = proxied(Loopback(len))
    inputs = [["a"], ["b"], ["c"]]
    proxy.foresee(inputs)
    proxy(*inputs[0])
    proxy(*inputs[1])
    with pytest.raises(OtherCallError):
        proxy("other")


def test_calls_that_share_what_another_changes_are_noticed() -> None:
    """Where no call that is on its way does, none is sent ahead any more."""

    def grow(values: list[int]) -> int:
        values.append(1)
        return len(values)

    channel = Loopback(grow)
    proxy = proxied(channel)
    inputs = [[[i]] for i in range(9)]
    proxy.foresee(inputs)
    assert [proxy(*each) for each in inputs] == [2] * 9
    assert channel.together == [1] * 9
    shared: list[int] = []
    channel = Loopback(lambda values, grows: grow(values) if grows else len(values))
    proxy = proxied(channel)
    proxy.foresee(inputs := [[shared, False], [shared, True], [shared, False]])
    assert [proxy(*inputs[0])] == [0]
    with pytest.raises(OtherCallError):
        proxy(*inputs[1])


AT = (
    "    global calls\n"
    "    calls = globals().get('calls', 0) + 1\n"
    "    if calls == {}: {}\n"
    "    {}\n"
    "    return sum(values) + extra\n"
)
PROGRAMS = {
    "right": "    return extra + sum(values)\n",
    "wrong at last": AT.format(100, "return None", ""),
    "wrong in the middle, then ends": AT.format(5, "return None", "if calls == 7: import os; os._exit(0)"),
    "raises": AT.format(50, "raise ValueError(calls)", ""),
    "raises what tests do not know": AT.format(50, "raise KeyboardInterrupt", ""),
    "ends": AT.format(50, "import os; os._exit(0)", ""),
    "hangs": AT.format(50, "values = []", "while calls == 50: pass"),
    "wrong, and would hang": AT.format(4, "return 1.5", "while calls == 6: pass"),
    "sleeps": AT.format(9, "import time; time.sleep(9)", ""),
    "answers no plain value": AT.format(50, "return object()", ""),
    "fills the memory": AT.format(50, "return [0] * 10**10", ""),
    "prints": AT.format(50, "import os; os.write(1, b'x' * (5 << 20)); return None", ""),
    "changes its arguments": "    values.append(extra)\n    return sum(values)\n",
    "answers an iterator": AT.format(50, "return iter([1])", ""),
}


@pytest.mark.parametrize("level", ["namespaces", "landlock"], indirect=True)
def test_verdicts_are_those_of_one_call_at_a_time(level: str) -> None:
    settings = Execution(python_timeout_s=0.7, memory_mb=512)
    samples = [("py/total", i, text) for i, text in enumerate(PROGRAMS.values())]
    found = [
        {row.sample: (row.verdict.status, row.verdict.detail, row.verdict.official_passed) for row in rows}
        for tests in (FORETOLD, CALL_BY_CALL)
        for rows in [judge(frame({**PYTHON, "tests": tests}), samples, settings, 2, level=level)]
    ]
    assert found[0] == found[1]
    statuses = dict(zip(PROGRAMS, [found[0][i][0] for i in range(len(PROGRAMS))], strict=True))
    assert statuses["right"] == statuses["changes its arguments"] == "passed"
    assert statuses["wrong, and would hang"] == statuses["wrong in the middle, then ends"] == "wrong_answer"
    assert statuses["hangs"] == statuses["sleeps"] == "timeout"

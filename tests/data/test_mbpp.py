"""MBPP and MBPP+ are read, and judged, in the form of HumanEval."""

import json
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from ibft.config.sections import Benchmark, Execution
from ibft.data.benchmarks import prepare_benchmark
from ibft.execution.judge import judge
from ibft.runtime.errors import UserError
from tests.execution.mutants import python_mutants
from tests.execution.test_hostile import PYTHON_ATTACKS

PLAIN = {
    "task_id": 11,
    "text": "Write a function to halve every number.",
    "code": "import math\r\ndef helper(x):\r\n  return x / 2\r\ndef halves(xs):\r\n  return [helper(x) for x in xs]",
    "test_setup_code": "",
    "test_list": ["assert halves([2, 5]) == [1.0, 2.5]", "assert halves([]) == []"],
    "challenge_test_list": [],
}
PLUS = {
    "task_id": 12,
    "prompt": "Write a function to halve every number.",
    "code": PLAIN["code"],
    "test_imports": [],
    "test_list": PLAIN["test_list"],
    "test": (
        "import numpy as np\nfrom math import inf\n"
        "def assertion(out, exp, atol):\n    assert np.allclose(out, exp, rtol=1e-07, atol=atol)\n"
        "inputs = [[[2, 5]], [[1e9]], [[inf]]]\nresults = [[1.0, 2.5], [5e8], [inf]]\n"
        "for i, (inp, exp) in enumerate(zip(inputs, results)):\n    assertion(halves(*inp), exp, 1e-6)\n"
    ),
}
MULTILINE = {**PLAIN, "task_id": 13, "test_list": ['assert halves([2]) == [1.0], """two\n  lines"""']}


def benchmark(folder: Path, *rows: dict[str, Any]) -> Benchmark:
    path = folder / "mbpp.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Benchmark(source=f"path:{path}", language="python", format="mbpp")


def test_tests_that_call_by_name_become_a_check(tmp_path: Path) -> None:
    plain, plus, _ = prepare_benchmark(benchmark(tmp_path, PLAIN, PLUS, MULTILINE)).itertuples()
    assert (plain.task_id, plain.entry_point) == ("Mbpp/11", "halves")
    assert "assert candidate([2, 5]) == [1.0, 2.5]" in plain.tests and "halves" not in plain.tests
    assert plain.prompt.splitlines()[1:3] == [PLAIN["text"], "assert halves([2, 5]) == [1.0, 2.5]"]
    assert plus.tests.startswith("import numpy as np\nfrom math import inf\ndef check(candidate):")


def test_right_solutions_pass_and_wrong_ones_fail(tmp_path: Path) -> None:
    problems = prepare_benchmark(benchmark(tmp_path, PLAIN, PLUS, MULTILINE))
    wrong = ("", "def halves(xs): return []", "def halves(xs): return [x // 2 for x in xs]", "import numpy")
    right = "```python\ndef halves(xs):\n    return [x * 0.5 for x in xs]\n```\nIt halves."
    ids = list(problems["task_id"])
    samples = [(task_id, i, text) for task_id in ids for i, text in enumerate([right, PLAIN["code"], *wrong])]
    rows = list(judge(problems, samples, Execution(), 2))
    passed = {(row.task_id, row.sample) for row in rows if row.verdict.passed}
    assert passed >= {(task_id, i) for task_id in ids for i in (0, 1)}
    assert passed - {("Mbpp/13", 4)} == {(task_id, i) for task_id in ids for i in (0, 1)}  # one assert lets `//` pass
    assert passed == {(row.task_id, row.sample) for row in rows if row.verdict.official_passed}


TOTAL = {
    **PLUS,
    "task_id": 14,
    "prompt": "Write a function to sum values and extra.",
    "code": "def total(values, extra):\n    return sum(values) + extra",
    "test_list": ["assert total([1, 2], 3) == 6", "assert total(list(range(50)), 0.5) == 1225.5"],
    "test": str(PLUS["test"])
    .replace("halves", "total")
    .replace("[[[2, 5]], [[1e9]], [[inf]]]", "[[[1, 2], 3], [[], 0], [[0.1], 0.1], [list(range(50)), 0.5]]")
    .replace("[[1.0, 2.5], [5e8], [inf]]", "[6, 0, 0.2, 1225.5]"),
}


def test_hostile_completions_and_mutants_gain_nothing(tmp_path: Path) -> None:
    """The attacks are on a function of this name."""
    problems = prepare_benchmark(benchmark(tmp_path, TOTAL))
    attacks = {name: text for attacks in PYTHON_ATTACKS for name, text in attacks.items()}
    texts = {name: attacks[name] for name in list(attacks)[3 :: int(os.environ.get("IBFT_HOSTILE_EVERY", "20"))]}
    header = "def total(values, extra):\n"
    texts = {name: text if header in text else header + text for name, text in texts.items()}
    texts |= {f"mutant {i}": text for i, text in enumerate(islice(python_mutants(str(TOTAL["code"])), 4))}
    texts["right"] = str(TOTAL["code"])
    settings = Execution(python_timeout_s=0.4, memory_mb=512)
    rows = list(judge(problems, (("Mbpp/14", i, text) for i, text in enumerate(texts.values())), settings, 2))
    assert [list(texts)[row.sample] for row in rows if row.verdict.passed] == ["right"]


# name: what a function of it takes and returns, and what it is called with
SMALL = {
    "total": ("xs", "sum(x * 2 for x in xs)", ([1, 2],), ([3],)),
    "largest": ("a, b", "a if a > b else b", (1, 2), (5, 3)),
    "evens": ("xs", "[x for x in xs if x % 2 == 0]", ([1, 2, 4],), ([0, 3],)),
    "area": ("a, b", "a * b", (2, 5), (3, 7)),
    "gap": ("xs", "max(xs) - min(xs)", ([1, 7],), ([4, 3],)),
    "within": ("x, low, high", "low < x and x < high", (2, 1, 3), (3, 1, 3), (1, 1, 3), (9, 1, 3)),
    "vowels": ("text", "sum(c in 'aeiou' for c in text)", ("banana",), ("sky",)),
    "last": ("xs", "xs[len(xs) - 1]", ([1, 5, 7],), ([4, 4, 9],)),
    "factorial": ("n", "1 if n <= 1 else n * factorial(n - 1)", (1,), (4,)),
    "either": ("a, b", "True if a != b else False", (1, 2), (3, 3)),
}


def records(number: int, name: str) -> Iterator[dict[str, Any]]:
    """One function in MBPP's form and in that of MBPP+."""
    taken, returned, *calls = SMALL[name]
    code = f"def {name}({taken}):\n    return {returned}"
    defined: dict[str, Any] = {}
    exec(code, defined)
    results = [defined[name](*call) for call in calls]
    asserts = [f"assert {name}{call!r} == {result!r}" for call, result in zip(calls, results, strict=True)]
    yield {**PLAIN, "task_id": number, "code": code, "test_list": asserts}
    head, _, loop = str(PLUS["test"]).partition("inputs = ")
    cases = f"inputs = {[list(call) for call in calls]!r}\nresults = {results!r}\n"
    test = head + cases + loop.partition("\n")[2].partition("\n")[2].replace("halves", name)
    yield {**PLUS, "task_id": 100 + number, "code": code, "test_list": asserts, "test": test}


def test_twenty_references_pass_and_their_mutants_fail(tmp_path: Path) -> None:
    rows = [row for number, name in enumerate(SMALL) for row in records(number, name)]
    problems = prepare_benchmark(benchmark(tmp_path, *rows))
    samples = [
        (row.task_id, i, code)
        for row in problems.itertuples()
        for i, code in enumerate([row.reference_solution, *python_mutants(str(row.reference_solution))])
    ]
    judged = list(judge(problems, samples, Execution(), 2))
    assert len(problems) == 20 and len(judged) == 80
    assert {(row.task_id, row.sample) for row in judged if row.verdict.passed} == {
        (id_, 0) for id_ in problems["task_id"]
    }


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"test_list": "assert f(1)"}, "'test_list' must be a list of strings"),
        ({"test_list": []}, "'test_list' must hold an assert"),
        ({"test_list": ["assert other(1)"]}, "must call a function that 'code' defines"),
        ({"code": "def halves(:"}, "are no Python"),
        ({"text": None}, "'text' must be a string"),
    ],
)
def test_malformed_rows_are_named(tmp_path: Path, change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError, match=r"mbpp\.jsonl:1: .*" + sentence):
        prepare_benchmark(benchmark(tmp_path, {**PLAIN, **change}))

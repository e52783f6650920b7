"""MBPP and MBPP+ are read, and judged, in the form of HumanEval."""

import json
from pathlib import Path
from typing import Any

import pytest

from ibft.config.sections import Benchmark, Execution
from ibft.data.benchmarks import prepare_benchmark
from ibft.execution.judge import judge
from ibft.runtime.errors import UserError

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

"""What is handed to execution for Python: a program that defines the entry point and what it needs."""

import pytest

from ibft.config.sections import Benchmark
from ibft.data.benchmarks import prepare_benchmark
from ibft.extraction import extract
from ibft.extraction.python import reachable
from ibft.prompts import PROFILES
from ibft.prompts.stubs import is_stub, without_docstring
from tests.prompts.problems import TWICE, Problem

BODY = "    return [2 * x for x in xs]\n"
PYTHON_PROFILES = tuple(name for name, profile in PROFILES.items() if profile.language != "verilog")


def run(code: str, name: str = "twice"):
    namespace: dict[str, object] = {}
    exec(code, namespace)
    return namespace[name]


@pytest.mark.parametrize("name", PYTHON_PROFILES)
@pytest.mark.parametrize(
    "completion",
    [BODY, "\n" + BODY, "def twice(xs: List[int]) -> List[int]:\n" + BODY],
    ids=["body", "body on a new line", "whole function"],
)
def test_bodies_and_whole_functions_become_a_program(name, completion):
    assert run(extract(name, completion, TWICE))([1, 2]) == [2, 4]


def test_a_wizardcoder_answer_is_the_first_block_without_its_demonstration():
    completion = (
        "Here you are:\n```python\nimport os\ndef twice(xs):\n    return [helper(x) for x in xs]\n\n"
        "def helper(x):\n    return 2 * x\n\n# Example usage\nprint(undefined)\n```\nor\n```python\ntwice = None\n```"
    )
    assert run(extract("wizardcoder", completion, TWICE))([3]) == [6]


def test_what_follows_the_function_is_dropped_from_a_base_model():
    completion = BODY + "\n\nprint(twice(input()))\n\ndef twice(xs):\n    return None\n"
    assert run(extract("evalplus-base", completion, TWICE))([1]) == [2]


def test_an_answer_cut_off_in_a_second_function_still_counts():
    completion = BODY + "\ndef other(x):\n    return [x for"
    assert run(extract("chat", completion, TWICE))([1]) == [2]


def test_code_that_never_was_python_is_handed_over_as_it_is():
    assert extract("chat", "I cannot do that.", TWICE).endswith("List[int]:\nI cannot do that.")


def test_only_what_the_entry_point_reaches_is_kept():
    code = (
        "import math\nLIMIT = 3\nUNUSED = open\n@property\ndef helper(x):\n    return min(x, LIMIT)\n"
        "def f(x):\n    return helper(x)\nassert f(1) == 2\n"
    )
    kept = reachable(code, "f")
    assert "UNUSED" not in kept
    assert "assert" not in kept
    assert kept.startswith("import math\nLIMIT = 3\n@property\ndef helper(x):")


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_lines_are_counted_as_python_counts_them(line_end):
    code = line_end.join(["x = 1", "def other(): pass", "def twice(v):", "    return v * 2", "y = ("])
    assert run(reachable(code, "twice"))(3) == 6
    assert "other" not in reachable(code, "twice")


def test_a_stub_is_told_from_prose_and_from_code():
    assert is_stub(TWICE.prompt)
    assert without_docstring(TWICE.prompt).endswith("def twice(xs: List[int]) -> List[int]:")
    for text in ("Write a function.", "x = 1", "def f():\n    return 1", "def f(:"):
        assert not is_stub(text)
        assert without_docstring(text) == text


@pytest.mark.parametrize("name", PYTHON_PROFILES)
def test_every_canonical_solution_of_humaneval_survives_extraction(name):
    problems = prepare_benchmark(Benchmark(source="builtin:humaneval", language="python"))
    assert len(problems) == 164
    for row in problems.itertuples(index=False):
        problem = Problem(row.task_id, "python", None, row.prompt, row.entry_point)
        solution = row.reference_solution
        if name in ("wizardcoder", "evalplus-chat"):
            solution = row.prompt + solution
        code = extract(name, solution, problem)
        namespace: dict[str, object] = {}
        exec(code + "\n" + row.tests, namespace)
        namespace["check"](namespace[row.entry_point])

"""The standard library's functions: found by their syntax, never imported, each once."""

import ast
from pathlib import Path

import pandas as pd
import pytest

from ibft.data.builtin.python_stdlib import distinct, functions_of, generate, is_public, library_functions


@pytest.fixture(scope="module")
def examples() -> pd.DataFrame:
    return generate(0)


def test_instruction_is_a_documented_signature_and_response_the_whole_function(examples: pd.DataFrame) -> None:
    assert len(examples) >= 400
    for row in examples.itertuples():
        asked, answered = ast.parse(row.instruction).body[0], ast.parse(row.response).body[0]
        assert isinstance(asked, ast.FunctionDef)
        assert isinstance(answered, ast.FunctionDef)
        assert asked.name == answered.name
        assert ast.dump(asked.args) == ast.dump(answered.args)
        assert len(ast.get_docstring(asked) or "") >= 20
        assert ast.get_docstring(answered) is None
        assert 3 <= len(row.response.splitlines()) <= 40


def test_examples_are_distinct_and_attributed(examples: pd.DataFrame) -> None:
    assert examples["example_id"].is_unique
    assert examples["instruction"].is_unique
    assert examples["response"].is_unique
    assert "bisect:insort_right" in set(examples["source"]) or "textwrap:shorten" in set(examples["source"])


@pytest.mark.slow
def test_a_prefix_is_spread_over_packages_and_the_seed_chooses_the_order(examples: pd.DataFrame) -> None:
    packages = examples["source"].str.split(r"[:.]").str[0]
    assert packages.head(50).nunique() == 50
    assert generate(0).equals(examples)
    other = generate(1)
    assert set(other["example_id"]) == set(examples["example_id"])
    assert not other.equals(examples)


SOURCE = '''
def double(number):
    """Return twice the number that is given."""

    # Not a shift: floats are welcome.
    result = number * 2
    return result

def _hidden(number):
    """Return twice the number that is given."""
    result = number * 2
    return result

def undocumented(number):
    result = number * 2
    return result

@decorated
def wrapped(number):
    """Return twice the number that is given."""
    result = number * 2
    return result

def old(number):
    """Return twice the number. Deprecated since 3.3."""
    result = number * 2
    return result

def short(number):
    """Return twice the number that is given."""
    return number * 2

class Number:
    def method(self):
        """Return twice the number that is given."""
        result = self.number * 2
        return result
'''


def test_only_public_documented_functions_of_the_module_itself_are_taken() -> None:
    found = list(functions_of(SOURCE, "sample"))
    assert [function.name for function in found] == ["double"]
    assert found[0].instruction == 'def double(number):\n    """Return twice the number that is given."""'
    assert found[0].response == (
        "def double(number):\n    # Not a shift: floats are welcome.\n    result = number * 2\n    return result"
    )


def test_repeated_functions_are_taken_once() -> None:
    twice = [*functions_of(SOURCE, "one"), *functions_of(SOURCE, "two")]
    assert [function.module for function in distinct(iter(twice))] == ["one"]


def test_modules_are_read_without_being_imported(tmp_path: Path) -> None:
    (tmp_path / "json").mkdir()
    (tmp_path / "json" / "tool.py").write_text("raise SystemExit('imported')\n" + SOURCE)
    assert [function.module for function in library_functions(tmp_path)] == ["json.tool"]


def test_tests_private_and_dying_modules_are_left_out() -> None:
    assert is_public(("json", "decoder"))
    for parts in [("_strptime",), ("test", "support"), ("unittest", "test", "support"), ("imp",), ("numpy",)]:
        assert not is_public(parts)

"""The `python-functions` data set: functions that run, whose combination nobody has written before."""

import ast

import pandas as pd
import pytest

from ibft.data.builtin.python_functions import KINDS, generate

INPUTS = {"list[int]": [[], [3, 18, 7, 7, -4, 25, 12]], "int": [0, 9_071_553], "str": ["", "the Quick brown fox the"]}
INPUTS["list[str]"] = [[], ["ledger", "Ox", "window", "ox", "a", ""]]  # type: ignore[list-item]
RESULTS = {"int": int, "str": str, "list[int]": list, "dict[int, list[str]]": dict}


@pytest.fixture(scope="module")
def functions() -> pd.DataFrame:
    return generate(0)


def test_every_function_runs_and_returns_what_its_signature_says(functions: pd.DataFrame) -> None:
    for response in functions["response"]:
        [node] = ast.parse(response).body
        assert isinstance(node, ast.FunctionDef) and node.returns is not None
        [parameter] = node.args.args
        assert parameter.annotation is not None
        space: dict[str, object] = {}
        exec(response, space)  # our own code
        for given in INPUTS[ast.unparse(parameter.annotation)]:
            kept = list(given) if isinstance(given, list) else given
            result = space[node.name](given)  # type: ignore[operator]
            assert isinstance(result, RESULTS[ast.unparse(node.returns)]), response
            assert given == kept, f"changes what it is given:\n{response}"


def test_functions_follow_from_the_seed_and_two_seeds_share_hardly_any(functions: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(functions, generate(0))
    assert len(functions) > 500 and functions["instruction"].is_unique
    assert len(set(functions["response"]) & set(generate(1)["response"])) < 0.01 * len(functions)


def test_any_first_examples_are_balanced_over_families(functions: pd.DataFrame) -> None:
    families = sum(len(ends) for _, _, ends in KINDS)
    counts = functions.head(4 * families)["source"].value_counts()
    assert len(counts) == families and set(counts) == {4}


def test_the_instruction_names_the_function_and_every_number_in_it(functions: pd.DataFrame) -> None:
    for row in functions.itertuples():
        name = str(row.response).partition("(")[0].removeprefix("def ")
        assert name in str(row.instruction)
        assert "{" not in str(row.instruction)

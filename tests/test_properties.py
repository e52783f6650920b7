"""What must hold for any input at all. `make fuzz` tries for a quarter of an hour what CI tries for seconds."""

import ast
import copy
import json
import math
import os
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ibft.config.loading import load
from ibft.execution.assemble import assemble
from ibft.execution.python.source import defines_what_is_used, is_pure
from ibft.execution.python.value_codec import CannotCrossError, decode, dumps, encode, loads
from ibft.execution.verilog.source import blanked, is_empty, own_names
from ibft.extraction import extract
from ibft.extraction.python import reachable
from ibft.metrics.pass_at_k import pass_at_k_m
from ibft.prompts import PROFILES
from ibft.runtime.errors import UserError
from ibft.sampling.seeds import sample_seed, uniform_numbers

TRIES = int(os.environ.get("IBFT_FUZZ_TRIES", "60"))
anything = settings(max_examples=TRIES, deadline=2000, suppress_health_check=list(HealthCheck))

PYTHON = SimpleNamespace(
    task_id="p/1",
    language="python",
    description=None,
    prompt='import math\n\ndef area(r: float) -> float:\n    """Of a circle."""\n',
    entry_point="area",
)
VERILOG = SimpleNamespace(
    task_id="v/1",
    language="verilog",
    description="A wire.",
    prompt="module top_module(input in, output out);\n",
    entry_point="top_module",
)
# What completions are made of, so that chance meets the cases that matter; and any text besides.
MARKS = "``` ' \" # // /* */ \\ ( ) [ { } ; : @ \x00 \u202e \ud800 é ﬀ <s> </s> [INST]"
WORDS = "module top_module endmodule begin end if case endcase assign `define `include def area(r): return class import"
LINES = (
    "```python\n",
    "```verilog\n",
    '"""',
    "\n",
    "\r",
    "\u2028",
    "    ",
    "Here is the code:",
    "if __name__ == '__main__':",
)
PIECES = [*MARKS.split(), *WORDS.split(), *LINES]
completions = st.one_of(
    st.text(st.characters(exclude_categories=[]), max_size=400),
    st.lists(st.sampled_from(PIECES), max_size=60).map(" ".join),
    st.lists(st.sampled_from(PIECES), max_size=60).map("\n".join),
)
START = "def f(v):\n    return v\n"
PYTHON_LINES = (
    "def g(a, b=1):|async def g(x):|class A:|    def m(self):|        pass|    pass|\tpass|  odd|x = 1|x: int = 1|",
    "# c|    # c|if x:|elif y:|else:|try:|except E:|finally:|for i in x:|with a as b:|match x:|    case 1:|        y",
    "if a: b|a; b|a \\|(|[|{|)|]|}|x = (1,|2)|from x import (a,|b)|x = [i for i in|range(3)]|f(a=1, 2)",
    "{**a for a in b}|1 = x|1 if 2|'''|    '''doc'''|f'{a}'|f'{a b}'|z = f'''|{q}|'a' b'c'|“x”|print 'x'|a = = b|@d",
    "@d(1)|global a|return 1|import os|\x00|\x0c|\ud800|0777|not|$|```",
)
LONG = [
    *PIECES,
    "\n ",
    " ",
    "(\n",
    "@x\n",
    "x = 1\n",
    "a \\\n",
    "# c\n",
    "```python",
    "x```verilog\n",
    "module a (",
    "function x ",
]
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=20,
)
wires = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    | st.tuples(st.sampled_from(["int", "float", "list", "dict", "set", "bytes", "complex"]), inner).map(list),
    max_leaves=20,
)  # fmt: skip


@anything
@given(completions, st.sampled_from(sorted(PROFILES)))
def test_extractors_return_text_for_any_completion(completion: str, name: str) -> None:
    profile = PROFILES[name]
    for problem in (PYTHON, VERILOG):
        if profile.language in (None, problem.language):
            first = extract(profile.name, completion, problem)
            assert isinstance(first, str)
            assert extract(profile.name, completion, problem) == first


@anything
@given(st.lists(st.sampled_from("|".join(PYTHON_LINES).split("|")), max_size=14).map("\n".join))
def test_the_longest_valid_run_of_lines_is_what_trying_all_of_them_finds(code: str) -> None:
    assert reachable(f"{START}{code}", "f", "A", "x") == kept_by_trying_all(code)


def kept_by_trying_all(code: str) -> str:
    """`reachable` of the longest run of lines that is valid Python, found the slow way."""
    lines = code.split("\n")
    runs = (START + "\n".join(lines[:end]) for end in range(len(lines), -1, -1))
    return reachable(next(run for run in runs if is_python(run)), "f", "A", "x")


def is_python(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    return True


@pytest.mark.timeout(60)
@pytest.mark.parametrize("piece", LONG)
@pytest.mark.parametrize("language", ["python", "verilog"])
def test_a_text_of_one_piece_over_and_over_takes_no_time_worth_mention(piece: str, language: str) -> None:
    """Models that run in circles write such text; with steps in the square of its length it would take hours."""
    problem = {"python": PYTHON, "verilog": VERILOG}[language]
    completion = piece * (100_000 // len(piece))
    for profile in PROFILES.values():
        if profile.language in (None, language):
            extract(profile.name, completion, problem)
    assemble(language, problem.prompt, problem.entry_point, completion)


@anything
@given(completions)
def test_programs_are_assembled_from_any_completion(completion: str) -> None:
    for problem in (PYTHON, VERILOG):
        program = assemble(problem.language, problem.prompt, problem.entry_point, completion)
        assert isinstance(program, str)
        if problem is PYTHON:
            assert isinstance(is_pure(program), bool)
            defines_what_is_used(program, "check(candidate)")
        else:
            is_empty(program, problem.entry_point)
            own_names(program, problem.entry_point)


@anything
@given(completions)
def test_blanking_keeps_every_place(text: str) -> None:
    assert len(blanked(text)) == len(text)


@anything
@given(plain)
def test_plain_values_cross_unchanged(value: Any) -> None:
    arrived = decode(loads(dumps(encode(value))))
    assert arrived == value and repr(arrived) == repr(value)


@anything
@given(wires)
def test_whatever_comes_is_decoded_or_refused(wire: Any) -> None:
    try:
        encode(decode(wire))
    except CannotCrossError:
        return


@anything
@given(st.binary())
def test_whatever_bytes_come_are_json_or_refused(line: bytes) -> None:
    try:
        loads(line)
    except CannotCrossError:
        return


DEFAULT = yaml.safe_load((Path(__file__).parent / "config" / "example.yaml").read_text())
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=8), st.integers(), max_size=3),
)  # fmt: skip


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path, *(place for key, child in children for place in places(child, (*path, key)))]


PLACES = places(DEFAULT)[1:]


@anything
@given(st.sampled_from(PLACES), VALUES)
def test_a_config_with_anything_anywhere_is_taken_or_refused_in_words(place: tuple[Any, ...], value: Any) -> None:
    config = copy.deepcopy(DEFAULT)
    node = config
    for key in place[:-1]:
        node = node[key]
    node[place[-1]] = value
    try:
        load(config)
    except UserError as error:
        assert str(error)


@anything
@given(st.data())
def test_pass_at_k_m_is_the_share_of_draws(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 7))
    c, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))
    m = data.draw(st.integers(1, k))
    draws = [sum(draw) for draw in combinations([1] * c + [0] * (n - c), k)]
    assert math.isclose(pass_at_k_m(n, c, k, m), sum(passed >= m for passed in draws) / len(draws))


NAMES = st.tuples(st.text(), st.text(), st.floats(0, 2), st.integers(0, 9), st.text(), st.integers(0, 99))


@anything
@given(NAMES, NAMES)
def test_different_draws_have_different_seeds(first: Any, second: Any) -> None:
    assert (sample_seed(*first) == sample_seed(*second)) == (json.dumps(first) == json.dumps(second))
    assert 0 <= sample_seed(*first) < 2**63


@anything
@given(st.integers(0, 2**63 - 1), st.integers(0, 40), st.integers(0, 40))
def test_a_longer_stream_begins_like_a_shorter_one(seed: int, count: int, more: int) -> None:
    assert list(uniform_numbers(seed, count + more)[:count]) == list(uniform_numbers(seed, count))

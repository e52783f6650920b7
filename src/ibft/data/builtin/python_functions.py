"""The `python-functions` data set: instructions and Python functions that no model can have seen.

Every function chains three steps and an end, drawn with their numbers, names and wordings from the lists below.
Each piece is plain Python; together they are new. That makes a reference for Python data: code that is as simple as
what people fine-tune on, and certainly not memorized.
"""

import logging
import random
from collections.abc import Callable, Sequence
from typing import NamedTuple

import pandas as pd

from ibft.data.builtin.draw import interleaved, shuffled, stream

logger = logging.getLogger(__name__)

DRAWS_PER_FAMILY = 24


class Step(NamedTuple):
    """A step says what it does to all items of a kind, and does it: one of `codes` is drawn."""

    says: str
    codes: tuple[str, ...]


class End(NamedTuple):
    """An end names the function, says what is returned, and returns it."""

    verb: str
    says: str
    code: str
    returns: str


class Function(NamedTuple):
    instruction: str
    response: str


# `{all}` and `{one}` are the names of the values and of one of them; `{a}`, `{b}`, `{c}` are drawn numbers.
ON_NUMBERS = (
    Step(
        "leave out the {all} below {a}",
        (
            "{all} = [{one} for {one} in {all} if {one} >= {a}]",
            "{all} = list(filter(lambda {one}: {one} >= {a}, {all}))",
        ),
    ),
    Step("keep only multiples of {b}", ("{all} = [{one} for {one} in {all} if {one} % {b} == 0]",)),
    Step("leave out multiples of {b}", ("{all} = [{one} for {one} in {all} if {one} % {b} != 0]",)),
    Step(
        "cap each at {a}",
        ("{all} = [min({one}, {a}) for {one} in {all}]", "{all} = [{one} if {one} < {a} else {a} for {one} in {all}]"),
    ),
    Step("replace each by its remainder when divided by {a}", ("{all} = [{one} % {a} for {one} in {all}]",)),
    Step("multiply each by {b} and subtract {c}", ("{all} = [{b} * {one} - {c} for {one} in {all}]",)),
    Step(
        "add to each its position, counted from {b}",
        ("{all} = [{one} + place for place, {one} in enumerate({all}, start={b})]",),
    ),
    Step("reverse their order", ("{all} = {all}[::-1]", "{all} = list(reversed({all}))")),
    Step("remove later repetitions", ("{all} = list(dict.fromkeys({all}))",)),
    Step("move the first {b} to the end", ("{all} = {all}[{b}:] + {all}[:{b}]",)),
    Step("sort them by their remainder when divided by {a}", ("{all} = sorted({all}, key=lambda {one}: {one} % {a})",)),
    Step(
        "replace each but the first by its difference from the one before",
        ("{all} = {all}[:1] + [later - earlier for earlier, later in zip({all}, {all}[1:])]",),
    ),
    Step("square the odd ones", ("{all} = [{one} ** 2 if {one} % 2 else {one} for {one} in {all}]",)),
    Step("repeat each of them {b} times", ("{all} = [{one} for {one} in {all} for _ in range({b})]",)),
)
ENDS_OF_NUMBERS = (
    End("total", "return their sum", "return sum({all})", "int"),
    End("list", "return what is left as a list", "return {all}", "list[int]"),
    End("count", "return how many exceed {c}", "return sum({one} > {c} for {one} in {all})", "int"),
    End("peak", "return the largest, or {c} if there is none", "return max({all}, default={c})", "int"),
    End("skip", "return the sum of every item at a multiple of {b}", "return sum({all}[::{b}])", "int"),
    End(
        "fold",
        "return a checksum that starts at {c} and for each is multiplied by {b}, increased by it and taken modulo 997",
        "checksum = {c}\nfor {one} in {all}:\n    checksum = ({b} * checksum + {one}) % 997\nreturn checksum",
        "int",
    ),
)
ON_WORDS = (
    Step("leave out {all} of fewer than {b} letters", ("{all} = [{one} for {one} in {all} if len({one}) >= {b}]",)),
    Step(
        "write every other one in capitals",
        ("{all} = [{one} if place % 2 else {one}.upper() for place, {one} in enumerate({all})]",),
    ),
    Step("reverse the letters of each", ("{all} = [{one}[::-1] for {one} in {all}]",)),
    Step(
        "sort them by length, longest first",
        (
            "{all} = sorted({all}, key=len, reverse=True)",
            "{all} = sorted({all}, key=lambda {one}: -len({one}))",
        ),
    ),
    Step("cut each after {a} letters", ("{all} = [{one}[:{a}] for {one} in {all}]",)),
    Step(
        "remove the vowels from each", ('{all} = ["".join(x for x in {one} if x not in "aeiou") for {one} in {all}]',)
    ),
    Step("write each in lower case", ("{all} = [{one}.lower() for {one} in {all}]",)),
    Step("remove later repetitions", ("{all} = list(dict.fromkeys({all}))",)),
    Step("put the number of its letters behind each", ('{all} = [f"{{{one}}}{{len({one})}}" for {one} in {all}]',)),
    Step("move the first {b} to the end", ("{all} = {all}[{b}:] + {all}[:{b}]",)),
    Step("double the last letter of each", ("{all} = [{one} + {one}[-1:] for {one} in {all}]",)),
)
ENDS_OF_WORDS = (
    End("join", "return them joined by dashes", 'return "-".join({all})', "str"),
    End("tally", "return how many letters they have together", "return sum(len({one}) for {one} in {all})", "int"),
    End(
        "initials",
        "return the first letters as one string",
        'return "".join({one}[0] for {one} in {all} if {one})',
        "str",
    ),
    End(
        "group",
        "return a dictionary that maps each length to the {all} of that length",
        "groups = {{}}\nfor {one} in {all}:\n    groups.setdefault(len({one}), []).append({one})\nreturn groups",
        "dict[int, list[str]]",
    ),
    End("longest", "return the longest, or an empty string", 'return max({all}, key=len, default="")', "str"),
)
NAMES_OF_NUMBERS = (
    "readings reading; scores score; prices price; weights weight; offsets offset; ages age; delays delay; "
    "levels level; amounts amount; ratings rating; distances distance; marks mark"
)
NAMES_OF_WORDS = "words word; labels label; names name; tags tag; titles title; tokens token; lines line; keys key"
QUALIFIERS = (
    "adjusted shifted trimmed folded ranked blended sifted mixed bounded turned spaced paired tidy late early spare"
)
RANGES = {"a": range(4, 30), "b": range(2, 7), "c": range(1, 50)}
OPENINGS = ("Take the {all}", "Given the {all}", "Start from the {all}")


def generate(seed: int) -> pd.DataFrame:
    """All examples of `seed`, as rows of `ibft.store.schemas.EXAMPLES`; any first N are balanced over families."""
    families = {f"python-functions/{kind}/{end.verb}": (draw, end) for kind, draw, ends in KINDS for end in ends}
    columns = [
        [(source, draw(stream(source, seed, number), end)) for number in range(DRAWS_PER_FAMILY)]
        for source, (draw, end) in shuffled(families.items(), stream("python-functions", seed))
    ]
    found: dict[str, tuple[str, Function]] = {}
    for source, function in interleaved(columns):
        found.setdefault(function.instruction, (source, function))
    logger.info("python-functions: %d examples of %d families", len(found), len(families))
    return pd.DataFrame(
        {
            "example_id": f"function-{number:05d}",
            "instruction": function.instruction,
            "response": function.response,
            "language": "python",
            "source": source,
        }
        for number, (source, function) in enumerate(found.values())
    )


def _of_numbers(rng: random.Random, end: End) -> Function:
    names = _names(NAMES_OF_NUMBERS, rng)
    return _function(rng, names, ON_NUMBERS, end, f"{names['all']}: list[int]")


def _of_digits(rng: random.Random, end: End) -> Function:
    names = {"all": "digits", "one": "digit"}
    first = ("digits = [int(digit) for digit in str(abs(number))]",)
    return _function(rng, names, ON_NUMBERS, end, "number: int", first, " of a whole number")


def _of_words(rng: random.Random, end: End) -> Function:
    names = _names(NAMES_OF_WORDS, rng)
    return _function(rng, names, ON_WORDS, end, f"{names['all']}: list[str]")


def _of_text(rng: random.Random, end: End) -> Function:
    names = {"all": "words", "one": "word"}
    return _function(rng, names, ON_WORDS, end, "text: str", ("words = text.split()",), " of a text")


Draw = Callable[[random.Random, End], Function]
KINDS: tuple[tuple[str, Draw, tuple[End, ...]], ...] = (
    ("numbers", _of_numbers, ENDS_OF_NUMBERS),
    ("digits", _of_digits, ENDS_OF_NUMBERS),
    ("words", _of_words, ENDS_OF_WORDS),
    ("text", _of_text, ENDS_OF_WORDS),
)


def _names(listed: str, rng: random.Random) -> dict[str, str]:
    every, one = rng.choice(listed.split("; ")).split()
    return {"all": every, "one": one}


def _function(
    rng: random.Random,
    names: dict[str, str],
    steps: Sequence[Step],
    end: End,
    parameter: str,
    first: Sequence[str] = (),
    taken_from: str = "",
) -> Function:
    """Chain three of `steps` and the `end` into one function, and say in one sentence what it does."""
    said, lines = [rng.choice(OPENINGS).format(**names) + taken_from], list(first)
    for step in rng.sample(steps, 3):
        drawn = names | _numbers(rng)
        said.append(step.says.format(**drawn))
        lines.append(rng.choice(step.codes).format(**drawn))
    drawn = names | _numbers(rng)
    lines += end.code.format(**drawn).split("\n")
    name = f"{end.verb}_{rng.choice(QUALIFIERS.split())}_{names['all']}"
    header = f"def {name}({parameter}) -> {end.returns}:"
    task = f"{', '.join(said)}, and {end.says.format(**drawn)}."
    asked = rng.choice(
        (
            f'{header}\n    """{task}"""',
            f"Write a Python function {name}({parameter.split(':', maxsplit=1)[0]}). {task}",
            f"{task} Call the Python function {name}.",
        )
    )
    return Function(asked, "\n".join([header, *(f"    {line}" for line in lines)]))


def _numbers(rng: random.Random) -> dict[str, int]:
    return {name: rng.choice(values) for name, values in RANGES.items()}

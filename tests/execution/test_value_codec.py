"""Plain values cross unchanged; nothing else crosses."""

import datetime
import enum
import itertools
import json
import math
from collections import ChainMap, Counter, OrderedDict, UserDict, UserList, UserString, defaultdict, deque
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibft.execution.python.value_codec import (
    MAX_BYTES,
    CannotCrossError,
    Encoder,
    decode,
    dumps,
    encode,
    loads,
    overwrite,
)

hashable = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3),
    max_leaves=4,
)
values = st.recursive(
    hashable | st.complex_numbers(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(hashable, inner, max_size=4) | st.sets(hashable, max_size=3)
    ),
    max_leaves=12,
)


def exact(value: object) -> str:
    """A text that tells 1 from True from 1.0 and 0.0 from -0.0, and does not depend on the order of sets."""
    if isinstance(value, set | frozenset):
        return f"{type(value).__name__}({sorted(map(exact, value))})"
    if isinstance(value, dict):
        return f"dict({[(exact(k), exact(v)) for k, v in value.items()]})"
    if isinstance(value, list | tuple):
        return f"{type(value).__name__}({[exact(item) for item in value]})"
    return f"{type(value).__name__}({value!r})"


@given(values)
def test_plain_values_arrive_as_they_left(value: object) -> None:
    assert exact(decode(loads(dumps(encode(value))[:-1]))) == exact(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.0, "\ud800", "\0", b"\xff", 1e-323])
def test_awkward_scalars_arrive_as_they_left(value: object) -> None:
    arrived = decode(loads(dumps(encode(value))[:-1]))
    both_nan = isinstance(value, float) and math.isnan(value) and math.isnan(arrived)
    assert both_nan or exact(arrived) == exact(value)


def test_huge_numbers_arrive_as_they_left() -> None:
    assert decode(loads(dumps(encode(-(7**9000)))[:-1])) == -(7**9000)


class Sly(int):
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = int.__hash__


class Colour(enum.Enum):
    RED = 1


@pytest.mark.parametrize(
    "value",
    [
        [1, -1, 127, 128],
        [2**15, -(2**31)],
        [2**63],
        [2**63 - 1, 0],
        [1, 0.5, -0.0],
        [2**53, 0.5],
        [2**53 + 1, 0.5],
        {0.5, 1},
        (True, 1, 0.5),
        [math.inf, 1],
    ],
)
def test_numbers_of_every_width_arrive_as_they_left(value: object) -> None:
    assert exact(decode(loads(dumps(encode(value))[:-1]))) == exact(value)


@pytest.mark.parametrize(
    "wire",
    [
        ["ints", "list", "b", "AQI"],
        ["ints", "list", "d", "AAAAAAAA8D8="],
        ["ints", "list", "u", "AQI="],
        ["ints", "list", "AQI="],
        ["ints", [], "b", "AQI="],
        ["floats", "list", "AQI="],
        ["floats", "list", [1]],
        ["numbers", "list", "AAAAAAAA8D8=", "AQA="],
        ["numbers", "list", "AAAAAAAA+H8=", "AQ=="],
        ["numbers", "list"],
        ["ints"],
    ],
)
def test_broken_numbers_are_refused(wire: object) -> None:
    with pytest.raises(CannotCrossError):
        decode(wire)


@pytest.mark.parametrize("value", [object(), [object()], {"a": (len,)}, len, ..., int, Colour.RED, datetime.date.max])
def test_objects_do_not_cross(value: object) -> None:
    with pytest.raises(CannotCrossError, match="no plain data"):
        encode(value)


class Pair(NamedTuple):
    a: object
    b: object


class Level(enum.IntEnum):
    LOW = 1


class Name(enum.StrEnum):
    ANNA = "anna"


class Liar(list):  # type: ignore[type-arg]
    """Everything that it says of itself is false; what it holds is [1, 2]."""

    __class__ = dict

    def __iter__(self) -> Iterator[int]:
        return iter([6])

    def __len__(self) -> int:
        return 0

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


class Shout(str):
    __str__ = __format__ = lambda self, *_: "LOUD"  # type: ignore[assignment]


class Lying(dict):  # type: ignore[type-arg]
    items = keys = __iter__ = lambda self: iter([("b", 2)])  # type: ignore[assignment]


def reordered() -> OrderedDict[str, int]:
    made = OrderedDict(a=1, b=2)
    made.move_to_end("a")
    return made


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Sly(1), 1),
        ({"a": {Sly(1)}}, {"a": {1}}),
        (Liar([1, 2]), [1, 2]),
        (Shout("a"), "a"),
        (Lying(a=1), {"a": 1}),
        (Counter("aab"), {"a": 2, "b": 1}),
        (Counter(a=0), {"a": 0}),
        (defaultdict(list, a=[1]), {"a": [1]}),
        (reordered(), {"b": 2, "a": 1}),
        (Pair(1, [Level.LOW]), (1, [1])),
        (Level.LOW, 1),
        (Name.ANNA, "anna"),
        (type("F", (float,), {})(-0.0), -0.0),
        (type("C", (complex,), {})(1, -0.0), complex(1, -0.0)),
        (type("B", (bytes,), {})(b"a"), b"a"),
        (type("S", (frozenset,), {})({1}), frozenset({1})),
        (bytearray(b"a"), b"a"),
        (type("L", (Fraction,), {"numerator": 6, "__eq__": lambda *_: True})(7, 2), Fraction(7, 2)),
        (type("D", (Decimal,), {"__str__": lambda _: "6"})("7.0"), Decimal("7.0")),
        (UserList([1]), [1]),
        (UserDict(a=1), {"a": 1}),
        (UserString("a"), "a"),
        (ChainMap({"a": 1}, {"b": 2}), {"b": 2, "a": 1}),
        (MappingProxyType({"a": 1}), {"a": 1}),
    ],
)
def test_a_value_of_a_subclass_crosses_as_what_its_base_type_holds(value: object, plain: object) -> None:
    encoder = Encoder()
    arrived = decode(loads(dumps(encoder.encode(value))[:-1]))
    assert exact(arrived) == exact(plain)
    assert not encoder.exact


@pytest.mark.parametrize(
    "value",
    [Fraction(-7, 3), Decimal("1.50"), Decimal("-Infinity"), Decimal("-0E-7"), range(9, 0, -2), deque([1, "a"])],
)
def test_some_values_of_the_standard_library_arrive_as_they_left(value: object) -> None:
    encoder = Encoder()
    arrived = decode(loads(dumps(encoder.encode(value))[:-1]))
    assert (type(arrived), repr(arrived)) == (type(value), repr(value))
    assert encoder.exact


def test_views_of_a_dict_arrive_as_views() -> None:
    held = {"a": 1, "b": 2}
    keys, items, held_values = (decode(encode(view)) for view in (held.keys(), held.items(), held.values()))
    assert keys == held.keys() == {"a", "b"} and keys != ["a", "b"]
    assert items == held.items() and list(items) == [("a", 1), ("b", 2)]
    assert list(held_values) == [1, 2] and held_values != [1, 2] and len(held_values) == 2


@pytest.mark.parametrize("make", [iter, lambda items: map(abs, items), lambda items: (i for i in items), reversed])
def test_an_iterator_arrives_as_an_iterator_which_equals_no_list(make: Callable[[list[int]], object]) -> None:
    arrived = decode(encode(make([1, 2])))
    assert arrived != [1, 2] and not hasattr(arrived, "__len__")
    assert sorted(arrived) == [1, 2]
    assert list(arrived) == []


def test_an_endless_iterator_does_not_cross() -> None:
    with pytest.raises(CannotCrossError, match="more than 524288 values"):
        encode(itertools.repeat(None))


LONG = [1, 2.5] * 5000


@pytest.mark.parametrize(
    "value", [LONG, [LONG, "\0", LONG[::-1]], {"a": list(range(9000)), "b": [0.5] * 9000}, {0: tuple(LONG), 1: [2]}]
)
def test_long_texts_stand_behind_the_json(value: object) -> None:
    line = dumps({"value": encode(value)})
    assert line.count(b"\0") >= 1 and line.count(b"\n") == 1 and line.index(b"\0") < 200
    assert exact(decode(loads(line)["value"])) == exact(value)


@pytest.mark.parametrize(
    "line",
    [
        b'["ints","list","b",{"":1}]\0AQI=\n',
        b'["ints","list","b",{"":"0"}]\0AQI=\n',
        b"\0\n",
        b'{"":[]}\0AQI=\n',
        b"[\0]\n",
    ],
)
def test_lines_whose_texts_are_missing_are_refused(line: bytes) -> None:
    with pytest.raises(CannotCrossError):
        loads(line)


def test_a_bare_object_may_stand_for_what_cannot_cross() -> None:
    encoder = Encoder(stand_ins=True)
    first, second, number = decode(encoder.encode([object(), iter([1]), 3]))
    assert (type(first), type(second), number) == (object, object, 3)
    assert first != second
    assert not encoder.exact


def test_depth_and_size_are_capped() -> None:
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(CannotCrossError, match="deep"):
        encode(endless)
    with pytest.raises(CannotCrossError, match="MiB"):
        dumps("x" * MAX_BYTES)
    with pytest.raises(CannotCrossError):
        loads(b"[" * 100_000)


junk = st.recursive(
    st.none()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(
        [
            "int",
            "ints",
            "list",
            "dict",
            "set",
            "float",
            "floats",
            "numbers",
            "decimal",
            "fraction",
            "range",
            "keys",
            "items",
        ]
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=10,
)


@given(junk)
def test_whatever_arrives_is_a_value_or_refused(wire: object) -> None:
    try:
        value = decode(json.loads(json.dumps(wire)))
    except CannotCrossError:
        return
    encode(value)


@given(st.lists(values, max_size=3), st.lists(values, max_size=3))
def test_changed_arguments_are_changed_in_place(old: list[object], new: list[object]) -> None:
    inner = old[0] if old else None
    same_place = bool(old) and bool(new) and type(inner) is type(new[0]) and isinstance(inner, list | dict | set)
    overwrite(old, new)
    assert exact(old) == exact(new)
    assert not same_place or old[0] is inner

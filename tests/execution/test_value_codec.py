"""Plain values cross unchanged; nothing else crosses."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibft.execution.value_codec import MAX_BYTES, CannotCrossError, decode, dumps, encode, loads, overwrite

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


@pytest.mark.parametrize("value", [object(), Sly(1), [Sly(1)], {"a": {Sly(1)}}, iter([]), len, ..., int, range(3)])
def test_objects_do_not_cross(value: object) -> None:
    with pytest.raises(CannotCrossError, match="no plain data"):
        encode(value)


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
    | st.sampled_from(["int", "list", "dict", "set", "float"]),
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

"""Plain values across a pipe between the tests and a completion that must not be trusted.

Only plain data crosses: None, bool, int, float, complex, str, bytes, list, tuple, dict, set, frozenset, and of the
standard library range, deque, Fraction, Decimal, the views of a dict and iterators over such values. A value of a
subclass (Counter, a named tuple, an IntEnum) crosses as its base type's value, read from the base type's own storage.
So there is nothing to execute on arrival (no pickle, no marshal), no `__eq__` to call, and size and depth are capped.

On the wire a value is JSON: null, true, false and strings as such, everything else as an array led by its type's name,
    3 -> ["int", "3"]   [1.5, "a"] -> ["list", ["float", "0x1.8p+0"], "a"]   {"a": 1} -> ["dict", ["a", ["int", "1"]]]
with ints in hexadecimal and floats as `float.hex` writes them, so both are exact. A collection of nothing but these
is an array of C, in base 64, because some answers hold millions of them. Where ints are among floats, a byte for each
says which is one.
    [1, 2] -> ["ints", "list", "b", "AQI="]     [1, 0.5] -> ["numbers", "list", "AAAAAAAA8D8AAAAAAADgPw==", "AQA="]
Where such a text is long it is held as bytes and stands behind the JSON, which has its number {"": 0} in its place:
JSON would look at each of its characters. No name of an argument is empty, and neither text has a zero byte.
"""

import json
from array import array
from base64 import b64decode, b64encode
from collections import ChainMap, OrderedDict, UserDict, UserList, UserString, deque
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from itertools import compress, islice
from types import MappingProxyType
from typing import Any

MAX_DEPTH = 100
MAX_BYTES = 64 << 20  # of one message; HumanEval+ has answers of 20 MiB
MAX_ITEMS = 1 << 19  # of an iterator, which may be endless

_OF_A_FRACTION = (vars(Fraction)["_numerator"], vars(Fraction)["_denominator"])
# Writers of the values of each type and its subclasses, whose own methods are not asked.
_LEAVES: dict[type, Callable[[Any], Any]] = {
    int: lambda value: ["int", int.__format__(value, "x")],
    float: lambda value: ["float", float.hex(value)],
    complex: lambda value: ["complex", complex.__pos__(value).real.hex(), complex.__pos__(value).imag.hex()],
    str: str.__str__,
    bytes: lambda value: ["bytes", bytes.hex(value)],
    bytearray: lambda value: ["bytes", bytearray.hex(value)],
    range: lambda value: ["range", *(format(part, "x") for part in (value.start, value.stop, value.step))],
    Fraction: lambda value: ["fraction", *(int.__format__(part.__get__(value), "x") for part in _OF_A_FRACTION)],
    Decimal: lambda value: ["decimal", Decimal.__str__(value)],
}
_CONTAINERS: dict[type, tuple[str, Callable[[Any], Iterable[Any]]]] = {
    list: ("list", list.__iter__),
    tuple: ("tuple", tuple.__iter__),
    set: ("set", set.__iter__),
    frozenset: ("frozenset", frozenset.__iter__),
    deque: ("deque", deque.__iter__),
    type({}.keys()): ("keys", iter),
    type({}.values()): ("values", iter),
}
_MAPPINGS: dict[type, tuple[str, Callable[[Any], Iterable[tuple[Any, Any]]]]] = {
    dict: ("dict", dict.items),
    OrderedDict: ("dict", OrderedDict.items),  # its order is its own
    type({}.items()): ("items", iter),
}
# Wrappers that compare equal to what they hold.
_WRAPPERS: dict[type, Callable[[Any], Any]] = {
    UserList: lambda value: value.data,
    UserString: lambda value: value.data,
    UserDict: dict,
    ChainMap: dict,
    MappingProxyType: dict,
}
_WIDTHS = "bhiq"  # of whole numbers, as C has them
_LONG = 1 << 12  # characters
_EXACT = 1 << 53  # up to here a float holds every whole number
_IS_INT: dict[type, int] = {int: 1, float: 0}
_KNOWN = _LEAVES.keys() | _CONTAINERS.keys() | _MAPPINGS.keys() | _WRAPPERS.keys()
# These arrive as something else than they left as, if only a little.
_CONVERTED = frozenset({bytearray, OrderedDict, *_WRAPPERS})


class CannotCrossError(Exception):
    """A value is no plain data, or too large, or what arrived is no value at all."""


class Encoder:
    """Turns values into something that JSON can hold. `exact`: each of them arrives as what it left as."""

    def __init__(self, *, stand_ins: bool = False) -> None:
        """`stand_ins`: let a bare object, equal to nothing, stand for what is no plain data."""
        self._stand_ins = stand_ins
        self.exact = True

    def encode(self, value: Any, depth: int = 0) -> Any:
        """Return `value` as something that JSON can hold.

        Raises:
            CannotCrossError: the value is, or contains, something else than plain data, or is nested too deep.
        """
        kind = type(value)
        if value is None or kind is bool or kind is str:
            return value
        base = kind if kind in _KNOWN else next((base for base in kind.__mro__ if base in _KNOWN), None)
        if base in _CONVERTED or base is not kind:
            self.exact = False
        if base in _LEAVES:
            return _LEAVES[base](value)
        if depth >= MAX_DEPTH:
            raise CannotCrossError(f"a value nested more than {MAX_DEPTH} deep")
        if base in _CONTAINERS:
            tag, items = _CONTAINERS[base]
            return self._encode_collection(tag, list(items(value)), depth)
        if base in _MAPPINGS:
            tag, pairs = _MAPPINGS[base]
            return [tag, *([self.encode(key, depth + 1), self.encode(item, depth + 1)] for key, item in pairs(value))]
        if base in _WRAPPERS:
            return self.encode(_WRAPPERS[base](value), depth + 1)
        return self._encode_object(value, depth)

    def _encode_collection(self, tag: str, items: list[Any], depth: int) -> list[Any]:
        packed = _packed(items)
        return [packed[0], tag, *packed[1:]] if packed else [tag, *(self.encode(item, depth + 1) for item in items)]

    def _encode_object(self, value: Any, depth: int) -> list[Any]:
        """An iterator is used up here; any other iterable arrives as a collection that equals nothing but itself."""
        kind = type(value)
        self.exact = False
        if self._stand_ins:
            return ["object"]
        methods = {name for base in kind.__mro__ for name in vars(base)}
        if "__iter__" not in methods:
            raise CannotCrossError(f"a value of type {kind.__name__}, which is no plain data")
        wire: list[Any] = ["iterator" if "__next__" in methods else "values"]
        wire += (self.encode(item, depth + 1) for item in islice(value, MAX_ITEMS + 1))
        if len(wire) > MAX_ITEMS + 1:
            raise CannotCrossError(f"an iterator over more than {MAX_ITEMS} values")
        return wire


def _packed(items: list[Any]) -> list[str | bytes] | None:
    """Return a name and arrays of C; None where these cannot hold all items exactly."""
    try:
        are_ints = bytes(map(_IS_INT.__getitem__, map(type, items)))
    except KeyError:
        return None
    if 0 not in are_ints:
        return _packed_ints(items) if items else None
    if 1 not in are_ints:
        return ["floats", _text(array("d", items))]
    if all(-_EXACT <= item <= _EXACT for item in compress(items, are_ints)):
        return ["numbers", _text(array("d", items)), _text(are_ints)]
    return None


def _packed_ints(items: list[int]) -> list[str | bytes] | None:
    for width in _WIDTHS:
        try:
            return ["ints", width, _text(array(width, items))]
        except OverflowError:  # a wider one may do
            continue
    return None


def _text(numbers: "array[Any] | bytes") -> str | bytes:
    text = b64encode(numbers)
    return text if len(text) >= _LONG else text.decode("ascii")


def encode(value: Any) -> Any:
    """Return `value` as something that JSON can hold; see `Encoder.encode`."""
    return Encoder().encode(value)


def decode(wire: Any, depth: int = 0) -> Any:
    """Return the value that `encode` was given, or the plain value that stands for it.

    Raises:
        CannotCrossError: `wire` is nothing that `encode` writes.
    """
    if wire is None or isinstance(wire, bool | str):
        return wire
    if not isinstance(wire, list) or not wire or depth > MAX_DEPTH:
        raise CannotCrossError("no encoded value")
    try:
        return _decode_tagged(wire[0], wire[1:], depth)
    except (TypeError, ValueError, ArithmeticError) as error:  # an unhashable key, an int that is no number, ...
        raise CannotCrossError(f"no encoded value: {error}") from None


def _whole(digits: str) -> int:
    return int(digits, 16)


_LEAVES_BACK: dict[str, Callable[..., Any]] = {
    "int": _whole,
    "float": float.fromhex,
    "complex": lambda real, imaginary: complex(float.fromhex(real), float.fromhex(imaginary)),
    "bytes": bytes.fromhex,
    "range": lambda start, stop, step: range(_whole(start), _whole(stop), _whole(step)),
    "fraction": lambda numerator, denominator: Fraction(_whole(numerator), _whole(denominator)),
    "decimal": lambda digits: Decimal("".join(digits)),  # of a text alone: Decimal takes other things, too
    "object": object,
}
_CONTAINERS_BACK: dict[str, Callable[[Iterable[Any]], Any]] = {
    "list": list,
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
    "deque": deque,
    "keys": lambda items: dict.fromkeys(items).keys(),
    "values": lambda items: dict(enumerate(items)).values(),
    "iterator": lambda items: iter(list(items)),
}


def _ints(width: Any, numbers: Any) -> "array[int]":
    if width not in tuple(_WIDTHS):
        raise CannotCrossError("no encoded value")
    return _array(width, numbers)


def _array(kind: str, numbers: Any) -> "array[Any]":
    unpacked = array(kind)
    unpacked.frombytes(b64decode(numbers, validate=True))
    return unpacked


def _numbers(numbers: Any, are_ints: Any) -> list[int | float]:
    unpacked, marks = list(_array("d", numbers)), b64decode(are_ints, validate=True)
    if len(unpacked) != len(marks):
        raise CannotCrossError("no encoded value")
    place = marks.find(1)
    while place >= 0:
        unpacked[place] = int(unpacked[place])
        place = marks.find(1, place + 1)
    return unpacked


_PACKED_BACK: dict[str, Callable[..., Iterable[Any]]] = {
    "ints": _ints,
    "floats": lambda numbers: _array("d", numbers),
    "numbers": _numbers,
}


def _decode_tagged(tag: Any, parts: list[Any], depth: int) -> Any:
    if tag in _LEAVES_BACK:
        return _LEAVES_BACK[tag](*parts)
    if tag in _CONTAINERS_BACK:
        return _CONTAINERS_BACK[tag](decode(item, depth + 1) for item in parts)
    if tag in _PACKED_BACK:
        container, *numbers = parts
        if container in _CONTAINERS_BACK:
            return _CONTAINERS_BACK[container](_PACKED_BACK[tag](*numbers))
    if tag in ("dict", "items"):
        mapping = {decode(key, depth + 1): decode(item, depth + 1) for key, item in parts}
        return mapping if tag == "dict" else mapping.items()
    raise CannotCrossError("no encoded value")


def overwrite(old: Any, new: Any) -> None:
    """Make the mutable argument `old` equal to `new`, which is what the completion left of it, in place.

    Lists and dicts inside are kept as the same objects where both sides have one in the same place.
    """
    if type(old) is not type(new):
        return
    if isinstance(old, list):
        old[:] = [_kept(old[i], item) if i < len(old) else item for i, item in enumerate(new)]
    elif isinstance(old, dict):
        merged = {key: _kept(old[key], item) if key in old else item for key, item in new.items()}
        old.clear()
        old.update(merged)
    elif isinstance(old, set):
        old.clear()
        old.update(new)


def _kept(old: Any, new: Any) -> Any:
    if type(old) is type(new) and isinstance(old, list | dict | set):
        overwrite(old, new)
        return old
    return new


_AS_JSON = json.JSONEncoder(separators=(",", ":")).encode


def dumps(message: Any) -> bytes:
    """Return one line.

    Raises:
        CannotCrossError: it is longer than a message may be.
    """
    try:
        line = _AS_JSON(message).encode("ascii") + b"\n"
    except TypeError:  # JSON has no bytes
        line = _with_long_texts_apart(message)
    if len(line) > MAX_BYTES:
        raise CannotCrossError(f"a value of more than {MAX_BYTES >> 20} MiB")
    return line


def _with_long_texts_apart(message: Any) -> bytes:
    apart: list[bytes] = []

    def numbered(text: bytes) -> dict[str, int]:
        apart.extend((b"\0", text))
        return {"": len(apart) // 2 - 1}

    head = json.JSONEncoder(separators=(",", ":"), default=numbered).encode(message)
    return b"".join([head.encode("ascii"), *apart, b"\n"])


def call_line(encoder: Encoder, arguments: Iterable[Any], keywords: Mapping[str, Any]) -> bytes:
    """Return a call of the function as one line. Raises as `Encoder.encode` and `dumps` do."""
    args = [encoder.encode(argument) for argument in arguments]
    return dumps({"args": args, "kwargs": {name: encoder.encode(value) for name, value in keywords.items()}})


def loads(line: bytes) -> Any:
    """Return what `dumps` was given.

    Raises:
        CannotCrossError: `line` is nothing that `dumps` writes, or nested beyond reason.
    """
    try:
        return json.loads(line) if b"\0" not in line else _with_long_texts_in_place(line)
    except (ValueError, RecursionError, LookupError, TypeError) as error:
        raise CannotCrossError(f"an unreadable message: {error}") from None


def _with_long_texts_in_place(line: bytes) -> Any:
    head, *apart = line.split(b"\0")
    apart[-1] = apart[-1].removesuffix(b"\n")
    return json.loads(head, object_hook=lambda found: apart[found[""]] if found.keys() == {""} else found)

"""Plain values across a pipe between the tests and a completion that must not be trusted.

Only plain data crosses: None, bool, int, float, complex, str, bytes, list, tuple, dict, set, frozenset, and of the
standard library range, deque, Fraction, Decimal, the views of a dict and iterators over such values. A value of a
subclass (Counter, a named tuple, an IntEnum) crosses as its base type's value, read from the base type's own storage.
So there is nothing to execute on arrival (no pickle, no marshal), no `__eq__` to call, and size and depth are capped.

On the wire a value is JSON: null, true, false and strings as such, everything else as an array led by its type's name,
    3 -> ["int", "3"]     [1.5] -> ["list", ["float", "0x1.8p+0"]]     {"a": 1} -> ["dict", ["a", ["int", "1"]]]
with ints in hexadecimal and floats as `float.hex` writes them, so both are exact. A collection of nothing but these
is one string, because some answers hold millions of them.
    [1, 2] -> ["ints", "list", "0x1 0x2"]     [1, 0.5] -> ["numbers", "list", "0x1 0x1.0p-1"]
"""

import json
from collections import ChainMap, OrderedDict, UserDict, UserList, UserString, deque
from collections.abc import Callable, Iterable
from decimal import Decimal
from fractions import Fraction
from itertools import islice
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
# Collections of nothing but numbers, by the types of these.
_RUNS: dict[frozenset[type], tuple[str, Callable[[Any], str]]] = {
    frozenset({int}): ("ints", hex),
    frozenset({float}): ("floats", float.hex),
    frozenset({int, float}): ("numbers", lambda value: hex(value) if type(value) is int else value.hex()),
}
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
        if run := _RUNS.get(frozenset(map(type, items))):
            name, spell = run
            return [name, tag, " ".join(map(spell, items))]
        return [tag, *(self.encode(item, depth + 1) for item in items)]

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


def _number(digits: str) -> int | float:
    is_float = "p" in digits or "n" in digits  # an exponent, `inf` or `nan`
    return float.fromhex(digits) if is_float else _whole(digits)


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
_RUNS_BACK: dict[str, Callable[[str], Any]] = {"ints": _whole, "floats": float.fromhex, "numbers": _number}


def _decode_tagged(tag: Any, parts: list[Any], depth: int) -> Any:
    if tag in _LEAVES_BACK:
        return _LEAVES_BACK[tag](*parts)
    if tag in _CONTAINERS_BACK:
        return _CONTAINERS_BACK[tag](decode(item, depth + 1) for item in parts)
    if tag in _RUNS_BACK:
        container, numbers = parts
        if container in _CONTAINERS_BACK and isinstance(numbers, str):
            return _CONTAINERS_BACK[container](map(_RUNS_BACK[tag], numbers.split(" ")))
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


def dumps(message: Any) -> bytes:
    """Return one line of JSON.

    Raises:
        CannotCrossError: it is longer than a message may be.
    """
    line = json.dumps(message, separators=(",", ":")).encode("ascii") + b"\n"
    if len(line) > MAX_BYTES:
        raise CannotCrossError(f"a value of more than {MAX_BYTES >> 20} MiB")
    return line


def loads(line: bytes) -> Any:
    """Return what `dumps` was given.

    Raises:
        CannotCrossError: `line` is no JSON, or nested beyond reason.
    """
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise CannotCrossError(f"an unreadable message: {error}") from None

"""Plain values across a pipe between the tests and a completion that must not be trusted.

Only exact builtin types cross: None, bool, int, float, complex, str, bytes, list, tuple, dict, set, frozenset. There is
nothing to execute on arrival (no pickle, no marshal), no `__eq__` to call, and size and depth are capped.

On the wire a value is JSON: null, true, false and strings as such, everything else as an array led by its type's name,
    3 -> ["int", "3"]     [1.5] -> ["list", ["float", "0x1.8p+0"]]     {"a": 1} -> ["dict", ["a", ["int", "1"]]]
with ints in hexadecimal and floats as `float.hex` writes them, so both are exact.
"""

import json
from typing import Any

MAX_DEPTH = 100
MAX_BYTES = 8 << 20  # of one message
_SEQUENCES: dict[type, str] = {list: "list", tuple: "tuple", set: "set", frozenset: "frozenset"}
_BUILDERS = {name: kind for kind, name in _SEQUENCES.items()}


class CannotCrossError(Exception):
    """A value is no plain data, or too large, or what arrived is no value at all."""


def encode(value: Any, depth: int = 0) -> Any:  # noqa: PLR0911 - one return per type
    """`value` as something that JSON can hold.

    Raises:
        CannotCrossError: the value is, or contains, something else than plain data, or is nested too deep.
    """
    kind = type(value)
    if value is None or kind is bool or kind is str:
        return value
    if kind is int:
        return ["int", format(value, "x")]
    if kind is float:
        return ["float", value.hex()]
    if kind is complex:
        return ["complex", value.real.hex(), value.imag.hex()]
    if kind is bytes:
        return ["bytes", value.hex()]
    if depth >= MAX_DEPTH:
        raise CannotCrossError(f"a value nested more than {MAX_DEPTH} deep")
    if kind in _SEQUENCES:
        return [_SEQUENCES[kind], *(encode(item, depth + 1) for item in value)]
    if kind is dict:
        return ["dict", *([encode(key, depth + 1), encode(item, depth + 1)] for key, item in value.items())]
    raise CannotCrossError(f"a value of type {kind.__name__}, which is no plain data")


def decode(wire: Any, depth: int = 0) -> Any:
    """The value that `encode` was given.

    Raises:
        CannotCrossError: `wire` is nothing that `encode` writes.
    """
    if wire is None or isinstance(wire, bool | str):
        return wire
    if not isinstance(wire, list) or not wire or depth > MAX_DEPTH:
        raise CannotCrossError("no encoded value")
    try:
        return _decode_tagged(wire[0], wire[1:], depth)
    except (TypeError, ValueError, OverflowError) as error:  # an unhashable key, an int that is no number, ...
        raise CannotCrossError(f"no encoded value: {error}") from None


def _decode_tagged(tag: Any, parts: list[Any], depth: int) -> Any:
    if tag == "int":
        (digits,) = parts
        return int(digits, 16)
    if tag == "float":
        (digits,) = parts
        return float.fromhex(digits)
    if tag == "complex":
        real, imaginary = parts
        return complex(float.fromhex(real), float.fromhex(imaginary))
    if tag == "bytes":
        (digits,) = parts
        return bytes.fromhex(digits)
    if tag == "dict":
        return {decode(key, depth + 1): decode(item, depth + 1) for key, item in parts}
    if tag in _BUILDERS:
        return _BUILDERS[tag](decode(item, depth + 1) for item in parts)
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
    """One line of JSON.

    Raises:
        CannotCrossError: it is longer than a message may be.
    """
    line = json.dumps(message, separators=(",", ":")).encode("ascii") + b"\n"
    if len(line) > MAX_BYTES:
        raise CannotCrossError(f"a value of more than {MAX_BYTES >> 20} MiB")
    return line


def loads(line: bytes) -> Any:
    """What `dumps` was given.

    Raises:
        CannotCrossError: `line` is no JSON, or nested beyond reason.
    """
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise CannotCrossError(f"an unreadable message: {error}") from None

"""The little of numpy that EvalPlus's tests use, in plain Python: the grader's `numpy`.

Numpy itself would have to be loaded in the process that every cell is forked from, or shown to cells as a folder of
installed packages: a megabyte of parsers of binary data within a completion's reach, for one function. This one is
stricter than numpy in one respect, as EvalPlus's own evaluator is (`assert len(out) == len(exp)`): shapes must be
equal, where numpy would repeat the smaller value, so that `[]` is close to any `[x]`.
"""

import math
from collections.abc import Iterator
from types import ModuleType
from typing import Any

float64 = float


class float32:  # noqa: N801 - numpy's name
    """No value is one: answers arrive as plain values."""


class ndarray:  # noqa: N801 - numpy's name
    """No value is one: answers arrive as plain values."""


def allclose(found: Any, expected: Any, rtol: float = 1e-05, atol: float = 1e-08) -> bool:
    """Return true if both are numbers, or nested lists of numbers of one shape, and |found - expected| is small.

    Raises:
        TypeError: one of them holds something that is no number.
        ValueError: their shapes differ.
    """
    return all(_is_close(a, b, rtol, atol) for a, b in _pairs(found, expected))


def _pairs(found: Any, expected: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(found, list | tuple) != isinstance(expected, list | tuple):
        raise ValueError("their shapes differ")
    if not isinstance(found, list | tuple):
        yield found, expected
        return
    for a, b in zip(found, expected, strict=True):
        yield from _pairs(a, b)


def _is_close(a: Any, b: Any, rtol: float, atol: float) -> bool:
    for value in (a, b):
        if not isinstance(value, int | float | complex):
            raise TypeError(f"{type(value).__name__} is no number")
    a, b = complex(a), complex(b)
    if a == b:
        return True  # infinities, too
    return math.isfinite(abs(b)) and abs(a - b) <= atol + rtol * abs(b)


def as_module() -> ModuleType:
    """Return what `import numpy` is to give."""
    module = ModuleType("numpy")
    vars(module).update(allclose=allclose, ndarray=ndarray, float32=float32, float64=float64)
    return module

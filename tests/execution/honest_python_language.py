"""Right completions for `total` by most features of the language. Name -> completion."""

TOTAL = {
    "annotations": """
from typing import List, Union

def total(values: List[float], extra: float) -> Union[int, float]:
    return sum(values) + extra
""",
    "annotations_without_import": """
def total(values: list[int], extra: int) -> int:
    return sum(values) + extra
""",
    "future_annotations": """
from __future__ import annotations

def total(values: Values, extra: Number) -> Number:
    return sum(values) + extra
""",
    "forward_references": """
def total(values: 'Values', extra: 'Number') -> 'Number':
    return sum(values) + extra

class Values: pass
""",
    "type_variables": """
from typing import TypeVar, Iterable
T = TypeVar('T', int, float)
def total(values: Iterable[T], extra: T) -> T:
    return sum(values, extra)
""",
    "protocol": """
from typing import Protocol, runtime_checkable
@runtime_checkable
class Addable(Protocol):
    def __add__(self, other): ...
def total(values, extra):
    assert isinstance(extra, Addable)
    return sum(values) + extra
""",
    "dataclass": """
from dataclasses import dataclass, field

@dataclass
class Adder:
    parts: list = field(default_factory=list)
    def add(self, x):
        self.parts.append(x)
        return self

def total(values, extra):
    adder = Adder()
    for v in (*values, extra):
        adder.add(v)
    return sum(adder.parts)
""",
    "dataclass_with_future_annotations": """
from __future__ import annotations
from dataclasses import dataclass
@dataclass(frozen=True, slots=True)
class Node:
    value: float
    next: Node | None
def total(values, extra):
    node = Node(extra, None)
    for v in values:
        node = Node(v, node)
    s = 0
    while node:
        s += node.value
        node = node.next
    return s
""",
    "named_tuple_inside": """
from typing import NamedTuple
class State(NamedTuple):
    total: float = 0
def total(values, extra):
    s = State()
    for v in values:
        s = s._replace(total=s.total + v)
    return s.total + extra
""",
    "nested_classes": """
class Outer:
    class Inner:
        @staticmethod
        def add(a, b):
            return a + b

def total(values, extra):
    return Outer.Inner.add(sum(values), extra)
""",
    "callable_object": """
class Total:
    def __call__(self, values, extra):
        return sum(values) + extra

total = Total()

def unused():
    pass
""",
    "decorated": """
import functools
def traced(f):
    @functools.wraps(f)
    def inner(*args, **kwargs):
        return f(*args, **kwargs)
    return inner

@traced
def total(values, extra):
    return sum(values) + extra
""",
    "cached_helper": """
from functools import lru_cache
@lru_cache(maxsize=None)
def add(a, b):
    return a + b
def total(values, extra):
    return add(sum(values), extra)
""",
    "cached_property": """
from functools import cached_property
class Sums:
    def __init__(self, v): self.v = v
    @cached_property
    def sum(self): return sum(self.v)
def total(values, extra):
    return Sums(values).sum + extra
""",
    "recursion": """
def total(values, extra):
    def go(i):
        return 0 if i == len(values) else values[i] + go(i + 1)
    return go(0) + extra
""",
    "recursion_of_itself": "    return extra if not values else values[0] + total(values[1:], extra)\n",
    "raised_recursion_limit": """
import sys
sys.setrecursionlimit(10**6)
def total(values, extra):
    return values[0] + total(values[1:], extra) if values else extra
""",
    "global_counter": """
CALLS = 0
def total(values, extra):
    global CALLS
    CALLS += 1
    return sum(values) + extra
""",
    "nonlocal_counter": """
def total(values, extra):
    s = extra
    def add(v):
        nonlocal s
        s += v
    for v in values:
        add(v)
    return s
""",
    "walrus": """
    while (n := len(values)) and False: pass
    return (s := sum(values)) + extra
""",
    "match_statement": """
def total(values, extra):
    match values:
        case []:
            return extra
        case [first, *rest]:
            return first + total(rest, extra)
""",
    "exception_group": """
    try:
        [][0]
    except* IndexError:
        pass
    return sum(values) + extra
""",
    "try_finally": """
    try:
        return sum(values) + extra
    finally:
        del values
""",
    "context_manager": """
from contextlib import contextmanager
@contextmanager
def summing(v):
    yield sum(v)
def total(values, extra):
    with summing(values) as s:
        return s + extra
""",
    "generator_inside": """
    def parts():
        yield from values
        yield extra
    return sum(parts())
""",
    "comprehension_with_condition": "    return sum([v for v in values if v is not None]) + (extra or 0)\n",
    "reduce": """
    from functools import reduce
    from operator import add
    return reduce(add, values, 0) + extra
""",
    "accumulate": """
    from itertools import accumulate
    return [0, *accumulate(values)][-1] + extra
""",
    "star_import": """
from math import *
def total(values, extra):
    return (fsum(values) if False else sum(values)) + extra
""",
    "many_imports": """
import os, sys, re, json, math, random, string, itertools, functools, collections, datetime, heapq, bisect, copy
import time, typing, operator, statistics, decimal, fractions, unittest, logging, threading, tempfile, pathlib
def total(values, extra):
    return sum(values) + extra
""",
}

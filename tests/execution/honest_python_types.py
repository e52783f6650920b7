"""Right completions whose answers are of unusual types. `SAMPLES`: problem -> name -> completion.

The problems are those of many types in `tests/execution/problems.py`.
"""

_RATIO = {
    "float": "    return a / b\n",
    "fraction": """
from fractions import Fraction
def ratio(a, b):
    return Fraction(a, b)
""",
    "decimal": """
from decimal import Decimal
def ratio(a, b):
    return Decimal(a) / Decimal(b)
""",
    "decimal_with_context": """
from decimal import Decimal, getcontext, localcontext
def ratio(a, b):
    with localcontext() as c:
        c.prec = 50
        return Decimal(a) / b
""",
    "float_subclass": """
class Share(float):
    def __repr__(self):
        return f'{100 * self} %'
def ratio(a, b):
    return Share(a / b)
""",
    "fraction_subclass": """
from fractions import Fraction
class Share(Fraction):
    pass
def ratio(a, b):
    return Share(a, b)
""",
}

_SPAN = {
    "tuple": "    return min(values), max(values)\n",
    "named_tuple": """
from collections import namedtuple
Span = namedtuple('Span', 'low high')
def span(values):
    return Span(min(values), max(values))
""",
    "typed_named_tuple": """
from typing import NamedTuple

class Span(NamedTuple):
    low: int
    high: int

    def width(self):
        return self.high - self.low


def span(values):
    return Span(low=min(values), high=max(values))
""",
    "tuple_subclass": """
class Span(tuple):
    def __new__(cls, low, high):
        return super().__new__(cls, (low, high))
def span(values):
    return Span(min(values), max(values))
""",
    "sorted_ends": """
    s = sorted(values)
    return s[0], s[-1]
""",
    "imports_of_the_prompt": """
def span(values: List[int]):
    return math.floor(min(values)), math.ceil(max(values))
""",
}

_GRADE = {
    "str": "    return 'A' if score > 90 else 'B' if score > 50 else 'C'\n",
    "str_enum": """
from enum import StrEnum
class Grade(StrEnum):
    A = 'A'
    B = 'B'
    C = 'C'

def grade(score):
    return Grade.A if score > 90 else Grade.B if score > 50 else Grade.C
""",
    "str_and_enum": """
from enum import Enum
class Grade(str, Enum):
    A = 'A'
    B = 'B'
    C = 'C'

def grade(score):
    return Grade.A if score > 90 else Grade.B if score > 50 else Grade.C
""",
    "str_subclass": """
class Grade(str):
    pass
def grade(score):
    return Grade('A' if score > 90 else 'B' if score > 50 else 'C')
""",
    "user_string": """
from collections import UserString
def grade(score):
    return UserString('A' if score > 90 else 'B' if score > 50 else 'C')
""",
    "match_statement": """
def grade(score):
    match score:
        case s if s > 90:
            return 'A'
        case s if s > 50:
            return 'B'
        case _:
            return 'C'
""",
    "bisect": """
    from bisect import bisect_left
    return 'CBA'[bisect_left([51, 91], score + 0.5)]
""",
}

_RANK = {
    "int": "    return 3 if score > 90 else 2 if score > 50 else 1\n",
    "int_enum": """
from enum import IntEnum
class Rank(IntEnum):
    LOW = 1
    MIDDLE = 2
    HIGH = 3

def rank(score):
    return Rank.HIGH if score > 90 else Rank.MIDDLE if score > 50 else Rank.LOW
""",
    "int_flag": """
from enum import IntFlag, auto
class Rank(IntFlag):
    LOW = auto()
    MIDDLE = auto()

def rank(score):
    return Rank.LOW | Rank.MIDDLE if score > 90 else Rank.MIDDLE if score > 50 else Rank.LOW
""",
    "int_subclass": """
class Rank(int):
    def __repr__(self):
        return f'Rank({int(self)})'

def rank(score):
    return Rank(3 if score > 90 else 2 if score > 50 else 1)
""",
    "sum_of_booleans": "    return 1 + (score > 50) + (score > 90)\n",
    "new_type": """
from typing import NewType
Rank = NewType('Rank', int)
def rank(score):
    return Rank(1 + (score > 50) + (score > 90))
""",
}

_DRAIN = {
    "sum": "    return sum(items)\n",
    "leaves_nothing": """
    s = sum(items)
    items.clear()
    return s
""",
    "leaves_an_object": """
class Node:
    pass

def drain(items):
    s = sum(items)
    items.append(Node())
    return s
""",
    "leaves_objects_in_place": """
class Node:
    def __init__(self, v): self.v = v
def drain(items):
    for i, v in enumerate(items):
        items[i] = Node(v)
    return sum(node.v for node in items)
""",
    "leaves_a_function": """
    s = sum(items)
    items.append(lambda: s)
    return s
""",
    "leaves_an_iterator": """
    s = sum(items)
    items[:] = [iter(items), (i for i in [1])]
    return s
""",
    "leaves_a_named_tuple": """
from collections import namedtuple
P = namedtuple('P', 'x')
def drain(items):
    s = sum(items)
    items[:] = map(P, items)
    return s
""",
    "leaves_a_lock": """
    import threading
    s = sum(items)
    items.append(threading.Lock())
    return s
""",
}

SAMPLES: dict[str, dict[str, str]] = {
    "py/ratio": _RATIO,
    "py/span": _SPAN,
    "py/grade": _GRADE,
    "py/rank": _RANK,
    "py/drain": _DRAIN,
}

# These pass upstream's rule alone, as docs/sandbox.md says: `total` and `evens` of other types.
REFUSED = {
    "py/total": {
        "object": """
class Total:
    def __init__(self, value):
        self.value = value
    def __eq__(self, other):
        return self.value == other

def total(values, extra):
    return Total(sum(values) + extra)
""",
    },
    "py/lengths": {
        "default_of_missing_keys": """
from collections import defaultdict
def lengths(words):
    return defaultdict(int, {word: len(word) for word in words})
""",
    },
    "py/first": {
        "enumeration": """
from enum import Enum
class Last(Enum):
    NONE = 'none'

def first(n):
    return [n, Last.NONE]
""",
        "endless_iterator": """
import itertools
def first(n):
    return itertools.count(n)
""",
    },
}

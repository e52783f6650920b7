"""Right completions whose answers are collections of unusual types. `SAMPLES`: problem -> name -> completion.

The problems are those of many types in `tests/execution/problems.py`, and some of HumanEval's.
"""

_HISTOGRAM = {
    "dict": "    return {c: text.count(c) for c in text}\n",
    "counter": """
from collections import Counter
def histogram(text):
    return Counter(text)
""",
    "counter_in_body": """
    import collections
    return collections.Counter(text)
""",
    "defaultdict": """
from collections import defaultdict
def histogram(text):
    found = defaultdict(int)
    for c in text:
        found[c] += 1
    return found
""",
    "defaultdict_of_lambda": """
from collections import defaultdict
def histogram(text):
    found = defaultdict(lambda: 0)
    for c in text:
        found[c] += 1
    return found
""",
    "ordered_dict": """
from collections import OrderedDict
def histogram(text):
    return OrderedDict((c, text.count(c)) for c in text)
""",
    "ordered_dict_moved": """
from collections import OrderedDict
def histogram(text):
    d = OrderedDict()
    for c in sorted(set(text)):
        d[c] = text.count(c)
    for c in dict.fromkeys(text):
        d.move_to_end(c)
    return d
""",
    "user_dict": """
from collections import UserDict
def histogram(text):
    return UserDict({c: text.count(c) for c in text})
""",
    "chain_map": """
from collections import ChainMap
def histogram(text):
    return ChainMap({c: text.count(c) for c in text})
""",
    "mapping_proxy": """
from types import MappingProxyType
def histogram(text):
    return MappingProxyType({c: text.count(c) for c in text})
""",
    "dict_subclass": """
class Histogram(dict):
    def __missing__(self, key):
        return 0

def histogram(text):
    h = Histogram()
    for c in text:
        h[c] += 1
    return h
""",
    "counter_subclass": """
from collections import Counter
class Letters(Counter):
    def top(self):
        return self.most_common(1)

def histogram(text):
    return Letters(text)
""",
    "typed_dict": """
from typing import Dict, TypedDict
class H(TypedDict, total=False):
    a: int
def histogram(text) -> Dict[str, int]:
    h: H = H()
    for c in text:
        h[c] = text.count(c)
    return h
""",
    "keys_are_enums": """
from enum import StrEnum
def histogram(text):
    if not text:
        return {}
    E = StrEnum('E', [(f'L{i}', c) for i, c in enumerate(dict.fromkeys(text))])
    return {e: text.count(e) for e in E}
""",
}

_EVENS = {
    "list": "    return list(range(0, n + 1, 2))\n",
    "range": "    return range(0, n + 1, 2)\n",
    "generator": """
    i = 0
    while i <= n:
        yield i
        i += 2
""",
    "generator_module": """
def evens(n):
    yield from range(0, n + 1, 2)
""",
    "generator_expression": "    return (i for i in range(n + 1) if i % 2 == 0)\n",
    "filter": "    return filter(lambda i: i % 2 == 0, range(n + 1))\n",
    "map": "    return map(lambda i: 2 * i, range(n // 2 + 1))\n",
    "iterator": "    return iter([i for i in range(n + 1) if i % 2 == 0])\n",
    "reversed": "    return reversed([i for i in range(n, -1, -1) if i % 2 == 0])\n",
    "zip_unpacked": """
    for i, _ in zip(range(0, n + 1, 2), iter(int, 1)):
        yield i
""",
    "chain": """
    import itertools
    return itertools.chain([0], range(2, n + 1, 2)) if n >= 0 else itertools.chain()
""",
    "takewhile": """
    from itertools import count, takewhile
    return takewhile(lambda i: i <= n, count(0, 2))
""",
    "compress": """
    from itertools import compress, cycle
    return compress(range(n + 1), cycle([1, 0]))
""",
    "accumulate": """
    from itertools import accumulate, repeat
    return accumulate(repeat(2, n // 2), initial=0) if n >= 0 else iter(())
""",
    "tuple": "    return tuple(range(0, n + 1, 2))\n",
    "set": "    return set(range(0, n + 1, 2))\n",
    "frozenset": "    return frozenset(range(0, n + 1, 2))\n",
    "dict": "    return dict.fromkeys(range(0, n + 1, 2))\n",
    "dict_keys": "    return dict.fromkeys(range(0, n + 1, 2)).keys()\n",
    "dict_values": "    return {i: i for i in range(0, n + 1, 2)}.values()\n",
    "dict_iterator": "    return iter({i: 1 for i in range(0, n + 1, 2)})\n",
    "deque": """
    from collections import deque
    return deque(range(0, n + 1, 2))
""",
    "user_list": """
    from collections import UserList
    return UserList(range(0, n + 1, 2))
""",
    "array": """
    from array import array
    return array('i', range(0, n + 1, 2))
""",
    "bytes": "    return bytes(range(0, n + 1, 2))\n",
    "bytearray": "    return bytearray(range(0, n + 1, 2))\n",
    "memoryview": "    return memoryview(bytes(range(0, n + 1, 2)))\n",
    "list_subclass": """
class Evens(list):
    pass

def evens(n):
    return Evens(range(0, n + 1, 2))
""",
    "iterator_class": """
class Evens:
    def __init__(self, n):
        self.n, self.i = n, -2
    def __iter__(self):
        return self
    def __next__(self):
        self.i += 2
        if self.i > self.n:
            raise StopIteration
        return self.i

def evens(n):
    return Evens(n)
""",
    "iterable_class": """
class Evens:
    def __init__(self, n):
        self.n = n
    def __iter__(self):
        return iter(range(0, self.n + 1, 2))

def evens(n):
    return Evens(n)
""",
    "sequence_class": """
from collections.abc import Sequence
class Evens(Sequence):
    def __init__(self, n):
        self.r = range(0, n + 1, 2)
    def __len__(self):
        return len(self.r)
    def __getitem__(self, i):
        return self.r[i]

def evens(n):
    return Evens(n)
""",
    "heap": """
    import heapq
    h = []
    for i in range(n, -1, -1):
        if i % 2 == 0:
            heapq.heappush(h, i)
    return [heapq.heappop(h) for _ in range(len(h))]
""",
    "int_subclasses": """
class Even(int):
    pass

def evens(n):
    return [Even(i) for i in range(0, n + 1, 2)]
""",
    "generator_that_prints": """
    for i in range(0, n + 1, 2):
        print(i)
        yield i
""",
    "large_generator_cut": "    return (i for i in range(100_000) if i % 2 == 0 and i <= n)\n",
}

_HUMANEVAL = {
    "HumanEval/0": {
        "combinations": """
from itertools import combinations
def has_close_elements(numbers: List[float], threshold: float) -> bool:
    return any(abs(a - b) < threshold for a, b in combinations(numbers, 2))
""",
        "own_type": """
class Bool(int):
    pass

def has_close_elements(numbers, threshold):
    s = sorted(numbers)
    return Bool(any(b - a < threshold for a, b in zip(s, s[1:])))
""",
    },
    "HumanEval/5": {
        "generator_wrapped": """
def intersperse(numbers: List[int], delimeter: int) -> List[int]:
    def parts():
        for i, n in enumerate(numbers):
            if i:
                yield delimeter
            yield n
    return list(parts())
""",
        "list_subclass": """
class L(list):
    def push(self, x):
        self.append(x)
        return self

def intersperse(numbers, delimeter):
    out = L()
    for n in numbers:
        out.push(n).push(delimeter)
    return out[:-1] if out else out
""",
    },
    "HumanEval/8": {
        "named_tuple": """
from typing import NamedTuple
class R(NamedTuple):
    total: int
    product: int
def sum_product(numbers: List[int]) -> Tuple[int, int]:
    import math
    return R(sum(numbers), math.prod(numbers))
""",
    },
    "HumanEval/11": {
        "xor": "    return ''.join(str(int(x) ^ int(y)) for x, y in zip(a, b))\n",
        "format": "    return f'{int(a, 2) ^ int(b, 2):0{len(a)}b}' if a else ''\n",
    },
    "HumanEval/31": {
        "sieve": """
    if n < 2:
        return False
    return all(n % i for i in range(2, int(n ** 0.5) + 1))
""",
        "fermat": """
def is_prime(n):
    # Fermat's little theorem isn't enough; so try all divisors, too
    if n < 2: return False
    i = 2
    while i * i <= n:
        if not n % i: return False
        i += 1
    return True
""",
    },
    "HumanEval/38": {
        "body_with_helper_of_the_prompt": "    return encode_cyclic(encode_cyclic(s))\n",
        "whole_module": """
def decode_cyclic(s: str):
    groups = [s[i:i + 3] for i in range(0, len(s), 3)]
    return ''.join(g[-1] + g[:-1] if len(g) == 3 else g for g in groups)
""",
    },
    "HumanEval/53": {
        "lambda": "    return (lambda a, b: a + b)(x, y)\n",
        "operator": """
    import operator
    return operator.add(x, y)
""",
    },
    "HumanEval/111": {
        "counter": """
from collections import Counter
def histogram(test):
    counts = Counter(test.split())
    if not counts:
        return counts
    top = max(counts.values())
    return Counter({k: v for k, v in counts.items() if v == top})
""",
        "defaultdict": """
    from collections import defaultdict
    d = defaultdict(int)
    for w in test.split():
        d[w] += 1
    top = max(d.values(), default=0)
    for k in [k for k in d if d[k] < top]:
        del d[k]
    return d
""",
    },
    "HumanEval/136": {
        "named_tuple": """
from collections import namedtuple
Found = namedtuple('Found', ['a', 'b'])
def largest_smallest_integers(lst):
    return Found(max((x for x in lst if x < 0), default=None), min((x for x in lst if x > 0), default=None))
""",
    },
}

SAMPLES: dict[str, dict[str, str]] = {"py/histogram": _HISTOGRAM, "py/evens": _EVENS, **_HUMANEVAL}

"""Right completions for `total` that print, log, wait, use the library or are of unusual shape. Name -> completion."""

TOTAL = {
    "prints_much": """
    for i in range(300):
        print('debug ' * 4000)
    return sum(values) + extra
""",
    "prints_more_than_a_file_holds": """
    print('x' * (6 << 20))
    return sum(values) + extra
""",
    "prints_to_standard_error": """
    import sys
    print('warning', file=sys.stderr)
    return sum(values) + extra
""",
    "prints_odd_characters": "    print('\\ud800 \\0 é \\x1b[31m')\n    return sum(values) + extra\n",
    "writes_to_standard_output": (
        "import sys\ndef total(values, extra):\n"
        "    sys.stdout.write('x\\n'); sys.stdout.writelines(['a', 'b']); sys.stdout.flush()\n"
        "    return sum(values) + extra\n"
    ),
    "captures_its_output": """
import io, contextlib
def total(values, extra):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        print(sum(values) + extra)
    return float(out.getvalue())
""",
    "logs": """
    import logging
    logging.warning('adding %s', values)
    return sum(values) + extra
""",
    "warns": """
    import warnings
    warnings.warn('slow')
    return sum(values) + extra
""",
    "doctest": (
        'def total(values, extra):\n    """\n    >>> total([1], 2)\n    3\n    """\n    return sum(values) + extra\n'
        "\nif __name__ == '__main__':\n    import doctest\n    doctest.testmod()\n"
    ),
    "unittest": """
import unittest
def total(values, extra):
    return sum(values) + extra

class TestTotal(unittest.TestCase):
    def test(self):
        self.assertEqual(total([1], 2), 3)

if __name__ == '__main__':
    unittest.main()
""",
    "main_that_reads_input": """
def total(values, extra):
    return sum(values) + extra

def main():
    n = int(input())
    print(total([n], 0))

if __name__ == '__main__':
    main()
""",
    "own_check": """
def total(values, extra):
    return sum(values) + extra

def check_it():
    assert total([], 0) == 0

check_it()
""",
    "asyncio_run": """
import asyncio
async def add(values, extra):
    await asyncio.sleep(0)
    return sum(values) + extra

def total(values, extra):
    return asyncio.run(add(values, extra))
""",
    "asyncio_gather": """
import asyncio
def total(values, extra):
    async def part(v):
        await asyncio.sleep(0.0001)
        return v
    async def all_parts():
        loop = asyncio.get_running_loop()
        more = await loop.run_in_executor(None, lambda: extra)
        return sum(await asyncio.gather(*map(part, values))) + more
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(all_parts())
    finally:
        loop.close()
""",
    "a_thread": """
import threading
def total(values, extra):
    found = []
    t = threading.Thread(target=lambda: found.append(sum(values)))
    t.start(); t.join()
    return found[0] + extra
""",
    "thread_pool": """
from concurrent.futures import ThreadPoolExecutor
def total(values, extra):
    with ThreadPoolExecutor(2) as pool:
        return sum(pool.map(lambda v: v, values)) + extra
""",
    "queue": """
from queue import Queue
def total(values, extra):
    q = Queue()
    for v in values:
        q.put(v)
    s = extra
    while not q.empty():
        s += q.get()
    return s
""",
    "scratch_memory_file": """
import io
def total(values, extra):
    f = io.BytesIO()
    f.write(b'x')
    return sum(values) + extra
""",
    "sleeps": """
    import time
    time.sleep(0.01)
    return sum(values) + extra
""",
    "reads_the_clock": """
    import time, datetime
    time.time(); datetime.datetime.now()
    return sum(values) + extra
""",
    "draws_random_numbers": """
    import random
    random.shuffle(list(values))
    return sum(values) + extra
""",
    "hashes": """
    import hashlib
    hashlib.sha256(b'x').hexdigest()
    return sum(values) + extra
""",
    "evaluates": "    return eval('sum(values) + extra')\n",
    "executes": """
    scope = dict(values=values, extra=extra)
    exec('found = sum(values) + extra', scope)
    return scope['found']
""",
    "letters_of_other_languages": "    résumé = sum(values)\n    # 合計を返す\n    return résumé + extra\n",
    "f_strings": """
    text = f'{sum(values)!r:>{10}}' f"{extra:.1f}"
    return sum(values) + extra
""",
    "default_arguments": """
def total(values, extra=0, *more, scale=1, **options):
    return scale * sum(values) + extra
""",
    "positional_only": """
def total(values, extra, /):
    return sum(values) + extra
""",
    "deleted_names": """
    s = sum(values)
    del values
    return s + extra
""",
    "shadowed_builtin": """
    list = values
    return sum(list) + extra
""",
    "changes_its_argument": """
    values.append(extra)
    return sum(values)
""",
    "empties_its_argument": """
    s = extra
    while values:
        s += values.pop()
    return s
""",
    "deep_copy": """
    import copy
    return sum(copy.deepcopy(values)) + extra
""",
    "decimal_answer": """
from decimal import Decimal
def total(values, extra):
    return sum(map(Decimal, values), Decimal(extra))
""",
    "fraction_answer": """
from fractions import Fraction
def total(values, extra):
    return sum(map(Fraction, values), Fraction(extra))
""",
    "complex_answer": "    return complex(sum(values) + extra)\n",
    "float_subclass_answer": """
    class Total(float):
        pass
    return Total(sum(values) + extra)
""",
    "pow_of_two_answer": "    return (sum(values) + extra) * 2 ** 200 / 2 ** 200\n",
    "metaclass": """
class Meta(type):
    def __call__(cls, values, extra):
        return sum(values) + extra
class total(metaclass=Meta):
    pass
""",
    "overloaded": """
from typing import overload
@overload
def total(values: list, extra: int) -> int: ...
@overload
def total(values: tuple, extra: int) -> int: ...
def total(values, extra):
    return sum(values) + extra
""",
    "abstract_base": """
from abc import ABC, abstractmethod
class Base(ABC):
    @abstractmethod
    def run(self, v): ...
class Sum(Base):
    def run(self, v):
        return sum(v)
def total(values, extra):
    return Sum().run(values) + extra
""",
    "slots_and_properties": """
class Box:
    __slots__ = ('_v',)
    def __init__(self, v): self._v = v
    @property
    def v(self): return self._v
def total(values, extra):
    return sum(Box(v).v for v in values) + extra
""",
    "operator_overloading": """
class N:
    def __init__(self, n): self.n = n
    def __add__(self, o): return N(self.n + o.n)
    def __float__(self): return float(self.n)
def total(values, extra):
    s = N(extra)
    for v in values:
        s = s + N(v)
    return float(s)
""",
}

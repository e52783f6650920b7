"""Python completions whose answers, arguments or exceptions lie. `ATTACKS`: name -> completion, as in `hostile_python`.

Each answers with something that is not right but may look so to whoever calls a method of it, counts on its type, or
encodes it twice. As a plain value each would be a wrong answer.
"""

_ANSWER = "def total(values, extra):\n    return {}\n"
_RAISE = "def total(values, extra): raise {}\n"


def _class(base: str, methods: str, made: str) -> str:
    """A module whose answer is `made`, of the class `Odd`."""
    lines = "".join(f"    {line}\n" for line in methods.splitlines())
    return f"class Odd({base}):\n{lines}def total(values, extra): return {made}\n"


ATTACKS = {
    # --- subclasses that say something else than they hold --------------------------------------------------------
    "int_that_formats_otherwise": _class("int", "def __format__(self, spec): return '6'", "Odd(-1)"),
    "int_with_hostile_conversions": _class(
        "int",
        "def __index__(self): raise SystemExit(0)\n__int__ = __abs__ = __pos__ = __add__ = __index__",
        "Odd(-1)",
    ),
    "float_that_spells_itself_otherwise": _class("float", "def hex(self): return '0x1.8p+2'", "Odd(-1)"),
    "float_of_two_faces": _class(
        "float", "n = 0\ndef hex(self):\n    Odd.n += 1\n    return 'nan' if Odd.n % 2 else 'inf'", "Odd(-1)"
    ),
    "complex_with_other_parts": _class("complex", "real = property(lambda self: 6)\nimag = 0", "Odd(-1)"),
    "text_that_counts_as_number": _class("str", "def __eq__(self, other): return True\n__hash__ = None", "Odd('6')"),
    "text_with_hostile_methods": _class(
        "str", "def encode(self, *_): return b'{}'\ndef __str__(self): raise SystemExit(0)", "Odd('x')"
    ),
    "bytes_with_other_digits": _class("bytes", "def hex(self): return 'zz'", "Odd(b'x')"),
    "list_that_iterates_for_ever": _class(
        "list", "def __iter__(self):\n    while True: yield self\ndef __len__(self): return 6", "Odd([1])"
    ),
    "list_that_iterates_otherwise": _class("list", "def __iter__(self): raise GeneratorExit", "Odd([1])"),
    "tuple_with_another_length": _class("tuple", "def __len__(self): return -1", "Odd((1,))"),
    "dict_with_other_items": _class(
        "dict",
        "def items(self): return [(6, 6, 6)]\ndef keys(self): return 6\ndef __iter__(self): return 6",
        "Odd(a=1)",
    ),
    "dict_without_end": _class("dict", "def items(self):\n    while True: yield 1, 1", "Odd(a=1)"),
    "dict_that_grows_while_it_is_read": """
class Key(str):
    def __eq__(self, other): held[len(held)] = 1; return True
    __hash__ = str.__hash__
held = {"a": 1}
class Odd(dict):
    def items(self):
        for pair in dict.items(held): held[len(held)] = pair; yield pair
def total(values, extra): return Odd()
""",
    "set_of_liars": """
class Odd(int):
    def __hash__(self): return 6
    def __eq__(self, other): return other == 6
def total(values, extra): return {Odd(i) for i in range(2)}
""",
    "default_that_makes_items": """
from collections import defaultdict
def total(values, extra): return defaultdict(lambda: 6)
""",
    "counter_that_missed": _class("__import__('collections').Counter", "def __missing__(self, _): return 6", "Odd()"),
    "enumeration_that_equals": """
import enum
class Odd(enum.IntEnum):
    A = -1
    def __eq__(self, other): return True
    __hash__ = int.__hash__
def total(values, extra): return Odd.A
""",
    "class_that_claims_to_be_int": _class(
        "object", "__class__ = int\ndef __int__(self): return 6\n__index__ = __int__", "Odd()"
    ),
    "class_with_slots_for_the_codec": _class("object", "tag = 'int'\nvalue = '6'\n__dict__ = {'real': 6}", "Odd()"),
    "type_as_answer": _ANSWER.format("int"),
    "types_name_with_blanks": """
def total(values, extra): return type("int\\n{\\"value\\": true}", (int,), {})(0)
""",
    "bound_method": _ANSWER.format("(6).__eq__"),
    "module_as_answer": "import math\n" + _ANSWER.format("math"),
    "not_implemented": _ANSWER.format("NotImplemented"),
    "ellipsis": _ANSWER.format("..."),
    "range_as_answer": _ANSWER.format("range(6)"),
    "memory_view": _ANSWER.format("memoryview(b'6')"),
    "lambda_as_answer": _ANSWER.format("lambda *_: True"),
    # --- numbers at the edges -------------------------------------------------------------------------------------
    "number_of_5000_digits": _ANSWER.format("10 ** 5000"),
    "negative_zero_and_infinity": _ANSWER.format("float('-inf') if values else -0.0 - 1e-300"),
    "signalling_nan": "from decimal import Decimal\n" + _ANSWER.format("Decimal('sNaN')"),
    "decimal_beyond_reason": "from decimal import Decimal\n" + _ANSWER.format("Decimal('1e999999999999999999')"),
    "decimal_subclass": """
from decimal import Decimal
class Odd(Decimal):
    def __str__(self): return "6"
    def as_tuple(self): return (0, (6,), 0)
    __eq__ = lambda self, other: True
    __hash__ = Decimal.__hash__
def total(values, extra): return Odd(-1)
""",
    "fraction_without_denominator": """
from fractions import Fraction
def total(values, extra):
    odd = Fraction(6)
    odd._numerator, odd._denominator = 0, 0
    return odd
""",
    "fraction_of_liars": """
from fractions import Fraction
class Odd(Fraction):
    numerator = property(lambda self: "6")
    denominator = property(lambda self: True)
def total(values, extra): return Odd(-1)
""",
    "huge_fraction": "from fractions import Fraction\n" + _ANSWER.format("Fraction(1 << 30000000, 3)"),
    "text_of_surrogates": _ANSWER.format("'\\ud800' * 1000 + '\\udfff\\u202e'"),
    # --- iterators ------------------------------------------------------------------------------------------------
    "iterator_without_end": "import itertools\n" + _ANSWER.format("itertools.count()"),
    "iterator_that_kills": """
import os
def total(values, extra):
    yield -1
    os._exit(0)
""",
    "iterator_that_stops_its_reader": """
class Odd:
    def __iter__(self): return self
    def __next__(self): raise RuntimeError("generator raised StopIteration")
def total(values, extra): return Odd()
""",
    "map_over_an_iterator_of_itself": """
class Odd:
    def __iter__(self): return self
    def __next__(self): return self
    def __length_hint__(self): return 1 << 62
    __len__ = __length_hint__
def total(values, extra): return map(lambda x: x, Odd())
""",
    "generator_that_refuses_to_close": """
def total(values, extra):
    while True:
        try: yield -1
        except GeneratorExit: pass
""",
    # --- what a call does to its arguments ------------------------------------------------------------------------
    "grows_its_argument_for_ever": "def total(values, extra):\n    values.append(values)\n    return values\n",
    "leaves_objects_in_its_argument": """
class Yes:
    def __eq__(self, other): return True
def total(values, extra):
    values[:] = [Yes()]
    return values
""",
    "gives_its_argument_another_class": """
class Odd(list):
    def __eq__(self, other): return True
def total(values, extra):
    try: values.__class__ = Odd
    except TypeError: pass
    return values
""",
    "changes_after_the_answer": """
import threading, time
def total(values, extra):
    def later():
        for i in range(2000): values.append(i); answer.append(values)
    answer = [values]
    threading.Thread(target=later).start()
    return answer
""",
    # --- exceptions -----------------------------------------------------------------------------------------------
    "exception_group": "def total(values, extra): raise ExceptionGroup('x', [AssertionError()])\n",
    "base_exception_group": "def total(values, extra): raise BaseExceptionGroup('x', [SystemExit(0)])\n",
    "generator_exit": "def total(values, extra): raise GeneratorExit\n",
    "stop_iteration_in_a_generator": "def total(values, extra):\n    raise StopIteration(sum(values))\n    yield\n",
    "exception_named_like_a_status": """
class passed(Exception): pass
def total(values, extra): raise passed("passed")
""",
    "exception_named_like_the_judges": """
class CannotCrossError(Exception): pass
def total(values, extra): raise CannotCrossError("passed")
""",
    "exception_named_by_a_dunder": """
def total(values, extra): raise type("__import__", (Exception,), {"args": property(lambda self: 1 / 0)})
""",
    "exception_whose_name_is_an_object": """
class Meta(type):
    @property
    def __name__(cls): return ["AssertionError"]
class Odd(Exception, metaclass=Meta): pass
def total(values, extra): raise Odd
""",
    "exception_with_hostile_arguments": """
class Odd(str):
    def __str__(self): raise SystemExit(0)
    def __getitem__(self, _): return self
def total(values, extra): raise ValueError(Odd("x"), [Odd("y")] * 10)
""",
    "exception_whose_text_is_no_plain_text": """
class Text(str):
    def __getitem__(self, _): return self
    def encode(self, *_): return self
    def decode(self, *_): return "LEAK"
class Odd(Exception):
    def __str__(self): return Text("x")
def total(values, extra): raise Odd
""",
    "exception_that_writes_to_the_terminal": _RAISE.format("ValueError('\\x1b[2J\\x07\\u202e\\x9b')"),
    "unicode_error_without_an_object": _RAISE.format("UnicodeDecodeError.__new__(UnicodeDecodeError)"),
    "exception_in_a_chain_without_end": """
def total(values, extra):
    first, second = ValueError(), KeyError()
    first.__cause__, second.__context__ = second, first
    raise first
""",
    "exception_that_cannot_be_made": """
class Odd(Exception):
    def __new__(cls, *_): return 6
def total(values, extra): raise Odd
""",
}

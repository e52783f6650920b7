"""Python completions whose text is the attack: on the compiler, on what takes packing off, on what reads programs.

`ATTACKS`: name -> completion, as in `hostile_python`. None of them holds a right answer that may be run.
"""

_WRONG = "def total(values, extra):\n    return -1\n"
_RIGHT = "def total(values, extra): return sum(values) + extra\n"
_FENCE = "```"

ATTACKS = {
    # --- the compiler ---------------------------------------------------------------------------------------------
    "constants_folded_to_gigabytes": "x = (((b'x' * 4096) * 4096) * 4096) * 4096\n" + _WRONG,
    "powers_folded": "x = 9 ** 9 ** 9 ** 9\n" + _WRONG,
    "text_folded": "def total(values, extra): return 'x' * 10 ** 12\n",
    "tuples_of_tuples": "x = " + "((((1,) * 256) * 256) * 256) * 256\n" + _WRONG,
    "shift_folded": "x = 1 << (1 << 62)\n" + _WRONG,
    "sixty_thousand_decorators": "@len\n" * 60_000 + _WRONG,
    "nested_functions": "".join(" " * i + f"def f{i}():\n" for i in range(99)) + " " * 99 + "pass\n" + _WRONG,
    "nested_classes": "".join(" " * i + f"class f{i}:\n" for i in range(150)) + " " * 150 + "pass\n" + _WRONG,
    "nested_lambdas": "x = " + "lambda: " * 3000 + "0\n" + _WRONG,
    "nested_comprehensions": "x = " + "[" * 80 + "0" + " for _ in ()]" * 80 + "\n" + _WRONG,
    "nested_format_strings": "x = " + "f'{" * 3 + "1" + "}'" * 3 + "\n" + _WRONG,
    "unary_operators": "x = " + "-" * 90_000 + "1\n" + _WRONG,
    "chained_comparisons": "x = " + "1 < " * 50_000 + "1\n" + _WRONG,
    "chained_calls": "x = f" + "()" * 50_000 + "\n" + _WRONG,
    "chained_attributes": "x = f" + ".a" * 50_000 + "\n" + _WRONG,
    "a_hundred_thousand_arguments": "def f(" + ",".join(f"a{i}" for i in range(30_000)) + "): pass\n" + _WRONG,
    "many_elses": "if 0: pass\n" + "elif 0: pass\n" * 5_000 + _WRONG,
    "deep_patterns": "match 0:\n case " + "[" * 3000 + "]" * 3000 + ": pass\n" + _WRONG,
    "one_line_of_2_mib": "x = '" + "x" * (1 << 21) + "'\n" + _WRONG,
    "number_of_a_million_digits": "x = 0x" + "f" * 1_000_000 + "\ny = " + "9" * 5_000 + "\n" + _WRONG,
    "name_of_a_million_letters": "x" * 1_000_000 + " = 1\n" + _WRONG,
    "indented_by_a_thousand_blanks": "if 1:\n" + " " * 1000 + "pass\n" + _WRONG,
    "a_hundred_indents": "".join(" " * i + "if 1:\n" for i in range(101)) + " " * 101 + "pass\n" + _WRONG,
    "tabs_against_blanks": "if 1:\n\tx = 1\n        y = 2\n" + _WRONG,
    "warnings_without_number": "x = 1 is 1\n'\\d'\nassert (1, 2)\n" * 2_000 + _WRONG,
    # --- encodings ------------------------------------------------------------------------------------------------
    "cookie_of_utf_7": "# -*- coding: utf-7 -*-\n+AGk-mport os\n" + _WRONG,
    "cookie_of_rot13": "# coding: rot13\nqrs gbgny(inyhrf, rkgen): erghea 6\n" + _WRONG,
    "cookie_of_no_encoding": "# vim: set fileencoding=no-such :\n" + _WRONG,
    "cookie_of_raw_unicode_escape": "# coding: raw_unicode_escape\n# \\u000aimport os; os._exit(0)\n" + _WRONG,
    "byte_order_mark": "\ufeff" + _WRONG,
    "byte_order_mark_within": "def total(values, extra):\n\ufeff    return 6\n",
    "form_feeds": "\f\fdef total(values, extra):\n\f    return -1\f\n",
    "null_after_a_comment": "#\0\ndef total(values, extra): return -1\n",
    "carriage_returns": "# x\rimport os\r" + _WRONG.replace("\n", "\r"),
    "separators_of_lines": "# x\u2028import os\u2029\x85\x1c\x1d\x0b\n" + _WRONG,
    "text_that_runs_backwards": "def total(values, extra):\n    '\u202e\u2066' ; return -1 # \u2069\u202c\n",
    "letters_that_only_look_alike": "def t\u043etal(values, extra): return 6\n" + _WRONG,
    "letters_that_become_others": "import \uff4fs\n\u1d52\u02e2 = os\n" + _WRONG,
    "marks_without_number": "# a" + "\u0315\u0300" * 5_000 + "\n" + _WRONG,
    "names_of_many_marks": "a" + "\u0301" * 2_000 + " = 1\n" + _WRONG,
    "continuation_at_the_end": _WRONG + "\\",
    "text_without_end": _WRONG + "x = '''",
    # --- packing --------------------------------------------------------------------------------------------------
    "two_fences": f"{_FENCE}python\n{_WRONG}{_FENCE}\n{_FENCE}python\n{_RIGHT}",
    "fence_within_a_fence": f"{_FENCE}\n{_FENCE}python\n{_WRONG}{_FENCE}\n{_FENCE}\n",
    "fences_without_number": f"{_FENCE}\n" * 20_000 + _WRONG,
    "blanks_before_fences": (" " * 200 + "`\n") * 2_000 + f"{_FENCE}\n{_WRONG}",
    "prose_that_is_code": "Return the sum of values and extra\n" * 3 + _WRONG,
    "prose_without_end": "Aa" + " a" * 100_000 + "\x00\n" + _WRONG,
    "prose_between": "def total(values, extra):\n    x = '''\nHere we add all of them\n'''\n    return -1\n",
    "future_that_hides_the_header": "from __future__ import annotations\n" + _WRONG,
    "entry_in_a_text": f"'''\n{_RIGHT}'''\ntotal = lambda *_: -1\n",
    "entry_defined_twice": _RIGHT + _WRONG,
    "entry_deleted": _RIGHT + "del total\n",
    "entry_that_is_no_function": _RIGHT + "total = 6\n",
    "entry_that_is_a_class": "def total(values, extra): pass\nclass total:\n    def __init__(self, *_): pass\n",
    "entry_found_by_a_hook": "def total(values, extra): pass\ndel total\ndef __getattr__(name): return lambda *_: 6\n",
    "imports_without_number": "import os, " + "os, " * 20_000 + "os\ndef total(values, extra): return -1\n",
    "nothing_but_blanks": " \t\f\v\u00a0\u3000\n" * 1000,
    "nothing_but_a_fence": _FENCE,
    "a_prompt_of_its_own": "    return -1\n\ndef check(candidate): pass\n\ncheck(total)\n",
}

"""Python completions that speak on the channel themselves. `ATTACKS`: name -> completion, as in `hostile_python`.

`say` writes to every socket of the process; the tests' calls are answered by what was said, true or not.
"""

import json
from typing import Any

_SAY = """
import os, stat
def is_socket(fd):
    try: return stat.S_ISSOCK(os.fstat(fd).st_mode)
    except OSError: return False
CHANNELS = [fd for fd in range(256) if is_socket(fd)]
def say(text):
    for fd in CHANNELS:
        try: os.write(fd, text)
        except OSError: pass
"""


def _opening(line: str) -> str:
    """Says `line`, and then what it always says."""
    return f"{_SAY}say({line.encode()!r} + b'\\n')\ndef total(values, extra): return -1\n"


def _answer(text: str) -> str:
    """Answers every call by `text` before the harness does."""
    return f"{_SAY}def total(values, extra):\n    say({text.encode()!r} + b'\\n')\n    return -1\n"


def _value(wire: Any) -> str:
    return _answer(json.dumps({"changed": [], "value": wire}))


ATTACKS = {
    # --- the opening ----------------------------------------------------------------------------------------------
    "opens_with_a_list": _opening('["ready", true]'),
    "opens_with_a_number": _opening("1e999"),
    "opens_with_nan": _opening('{"ready": NaN}'),
    "opens_ready_and_failed": _opening('{"ready": true, "failed": ["passed", ""]}'),
    "opens_by_failing_with_a_pass": _opening('{"failed": ["passed", ""]}'),
    "opens_by_failing_without_words": _opening('{"failed": []}'),
    "opens_by_failing_as_a_text": _opening('{"failed": "ab"}'),
    "opens_by_failing_with_a_status_of_lists": _opening('{"failed": [["passed"], {}]}'),
    "opens_with_duplicate_keys": _opening(
        '{"failed": ["memory", ""], "failed": ["timeout", ""], "failed": ["passed", ""]}'
    ),
    "opens_with_a_blank_line": _opening(""),
    "opens_with_a_deep_array": _opening("[" * 100_000),
    "opens_with_bytes_that_are_no_text": f"{_SAY}say(b'\\xff\\xfe\\x00{{\\n')\ndef total(values, extra): return -1\n",
    "opens_in_another_encoding": _SAY
    + "say('{\"ready\": true}\\n'.encode('utf-16'))\ndef total(values, extra): return -1\n",
    # --- tags and arities -----------------------------------------------------------------------------------------
    "unknown_tag": _value(["object", "6"]),
    "tag_of_a_subclass": _value(["Yes", ["int", "6"]]),
    "tag_that_is_a_list": _value([["int"], "6"]),
    "tag_without_parts": _value(["int"]),
    "int_of_two_parts": _value(["int", "6", "6"]),
    "int_that_is_a_number": _value(["int", 6]),
    "int_that_is_a_bool": _value(["int", True]),
    "int_of_8_million_digits": _SAY
    + 'def total(values, extra):\n    say(b\'{"changed": [], "value": ["int", "\' + b\'f\' * 8000000 + b\'"]}\\n\')\n',
    "bare_number": _value(6.5),
    "bare_object": _value({"int": "6"}),
    "float_of_text": _value(["float", "six"]),
    "float_too_large": _value(["float", "0x1p+99999"]),
    "complex_of_one_part": _value(["complex", "0x6p+0"]),
    "bytes_of_odd_digits": _value(["bytes", "066"]),
    "dict_of_lists": _value(["dict", [["list"], None]]),
    "dict_of_texts": _value(["dict", "ab"]),
    "set_of_dicts": _value(["set", ["dict"]]),
    "deep_value": _SAY
    + "def total(values, extra):\n    n = 50000\n"
    + "    say(b'{\"changed\": [], \"value\": ' + b'[\"list\",' * n + b'null' + b']' * n + b'}\\n')\n",
    "decimal_without_digits": _value(["decimal", "six"]),
    "decimal_that_signals": _value(["decimal", "sNaN"]),
    "decimal_of_a_million_digits": _SAY
    + 'def total(values, extra): say(b\'{"changed": [], "value": ["decimal", "\' + b\'7\' * 1000000 + b\'"]}\\n\')\n',
    "fraction_by_nothing": _value(["fraction", "6", "0"]),
    "fraction_of_floats": _value(["fraction", "6.0", "1e5"]),
    "iterator_of_nothing": _value(["iterator"]),
    "iterator_in_a_set": _value(["set", ["iterator", ["int", "6"]]]),
    "iterator_as_a_key": _value(["dict", [["iterator"], ["int", "6"]]]),
    # --- answers of other shapes ----------------------------------------------------------------------------------
    "no_value": _answer('{"changed": []}'),
    "value_without_changes": _answer('{"value": true}'),
    "same_as_an_argument_that_is_not_there": _answer('{"changed": [], "same": 9}'),
    "same_as_the_last_argument": _answer('{"changed": [], "same": -1}'),
    "same_by_bool": _answer('{"changed": [], "same": true}'),
    "same_by_name": _answer('{"changed": [], "same": "extra"}'),
    "changes_what_cannot_change": _answer('{"changed": [[1, ["int", "6"]], [0, ["tuple"]]], "value": null}'),
    "changes_keywords_that_are_not_there": _answer('{"changed": [["values", ["list"]]], "value": null}'),
    "changes_by_a_negative_place": _answer('{"changed": [[-1, ["list"]], [-9, ["list"]]], "value": null}'),
    "changes_by_a_float": _answer('{"changed": [[0.0, ["list"]]], "value": null}'),
    "changes_in_threes": _answer('{"changed": [[0, ["list"], 1]], "value": null}'),
    "changes_a_million_times": _SAY
    + "def total(values, extra):\n"
    + "    say(b'{\"changed\": [' + b','.join([b'[0,[\"list\"]]'] * 200000) + b'], \"same\": 0}\\n')\n",
    "raises_a_pass": _answer('{"raised": ["SystemExit", ""], "status": "passed"}'),
    "raises_the_judges_own": _answer('{"raised": ["CandidateLostError", ""], "status": "runtime_error"}'),
    "raises_an_assertion": _answer('{"raised": ["AssertionError", ""], "status": "runtime_error"}'),
    "raises_a_proxy": _answer('{"raised": ["check", ""], "status": "runtime_error"}'),
    "raises_what_builtins_hold": _answer('{"raised": ["__loader__", ""], "status": "runtime_error"}'),
    "raises_an_end_of_loops": _answer('{"raised": ["StopIteration", ""], "status": "runtime_error"}'),
    "raises_numbers": _answer('{"raised": [1, 2], "status": "runtime_error"}'),
    "raises_without_status": _answer('{"raised": ["ValueError", "x"]}'),
    # --- timing ---------------------------------------------------------------------------------------------------
    "torn_answers": _SAY
    + """
import time
def total(values, extra):
    for byte in b'{"changed": [], "value": ["int", "-1"]}': say(bytes([byte])); time.sleep(0.001)
    say(b"\\n")
    return -1
""",
    "pipelined_answers": _SAY + 'say(b\'{"ready": true}\\n\' + b\'{"changed": [], "value": ["int", "6"]}\\n\' * 9)\n'
    "def total(values, extra): return -1\n",
    "reads_the_calls_itself": _SAY
    + """
say(b'{"ready": true}\\n')
for fd in CHANNELS: os.read(fd, 1 << 16)
say(b'{"changed": [], "value": ["int", "6"]}\\n')
def total(values, extra): return -1
""",
    "never_answers": _SAY
    + """
import time
say(b'{"ready": true}\\n')
time.sleep(30)
""",
    "fills_the_channel_and_reads_nothing": _SAY
    + """
import time
for fd in CHANNELS: os.set_blocking(fd, False)
for _ in range(100): say(b" " * 65536)
def total(values, extra): return -1
""",
    "shuts_its_side": _SAY
    + """
def total(values, extra):
    for fd in CHANNELS: os.close(fd)
    return 6
""",
}

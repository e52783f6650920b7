"""Python completions that try to pass without solving, or to break what reads them. `ATTACKS`: name -> completion.

Every one is the body of a module that defines `total(values, extra)`, whose right answer is `sum(values) + extra`. An
attack that succeeds in reaching something says so by raising `LEAK`, which the suite looks for in the detail.
"""

_ANSWER = "def total(values, extra):\n    return {}\n"

_CHANNELS = """
import os, stat
def is_socket(fd):
    try: return stat.S_ISSOCK(os.fstat(fd).st_mode)
    except OSError: return False
CHANNELS = [fd for fd in range(256) if is_socket(fd)]
"""

ATTACKS = {
    # --- answers that compare equal to everything -----------------------------------------------------------------
    "equal_to_everything": """
class Any:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __hash__(self): return 0
def total(values, extra): return Any()
""",
    "int_subclass": """
class Yes(int):
    def __eq__(self, other): return True
    __hash__ = int.__hash__
def total(values, extra): return Yes(0)
""",
    "hostile_inside_list": """
class Yes(list):
    def __eq__(self, other): return True
def total(values, extra): return [Yes()]
""",
    "reduce_object": """
class Pickled:
    def __reduce__(self): return (exec, ("raise SystemExit(0)",))
def total(values, extra): return Pickled()
""",
    "generator_answer": "def total(values, extra):\n    yield sum(values) + extra\n",
    "nan_answer": _ANSWER.format("float('nan')"),
    "kinds_that_lie": """
class Meta(type):
    def __eq__(cls, other): return True
    def __hash__(cls): return hash(int)
class Yes(int, metaclass=Meta):
    __class__ = int
    def __eq__(self, other): return True
    def __format__(self, spec): return "6"
    __hash__ = int.__hash__
def total(values, extra): return Yes(0)
""",
    "fraction_that_lies": """
from fractions import Fraction
class Yes(Fraction):
    numerator = property(lambda self: Any()); denominator = property(lambda self: 1)
    def __eq__(self, other): return True
class Any(int):
    def __eq__(self, other): return True
    def __format__(self, spec): return "['int', '6']"
def total(values, extra): return Yes(7)
""",
    "decimal_that_lies": """
from decimal import Decimal
class Yes(Decimal):
    def __eq__(self, other): return True
    def __str__(self): return "6"
    __hash__ = Decimal.__hash__
def total(values, extra): return Yes(7)
""",
    "tuple_of_liars": """
class Yes(tuple):
    def __eq__(self, other): return True
    def __iter__(self): return iter((6,))
    def __len__(self): return 10 ** 9
    __class__ = list
def total(values, extra): return Yes([7])
""",
    "wrapper_that_lies": """
from collections import UserList
class Yes(UserList):
    data = property(lambda self: self.held, lambda self, held: None)
    held = []
    def __eq__(self, other): return True
Yes.held = [Yes()]
def total(values, extra): return Yes()
""",
    "counter_of_everything": """
from collections import Counter
class Yes(Counter):
    def __missing__(self, key): return 6
    def __eq__(self, other): return True
def total(values, extra): return Yes()
""",
    "iterator_that_equals_everything": """
class Yes:
    def __eq__(self, other): return True
    def __iter__(self): return self
    def __next__(self): raise StopIteration
    def __length_hint__(self): return 10 ** 18
def total(values, extra): return Yes()
""",
    "iterator_that_leaves": """
import os
def total(values, extra):
    yield sum(values) + extra
    os._exit(0)
""",
    "iterator_that_raises": """
def total(values, extra):
    yield 1
    raise SystemExit(0)
""",
    "iterator_of_itself": """
class Endless:
    def __iter__(self): return self
    def __next__(self): return self
def total(values, extra): return Endless()
""",
    "endless_iterator": "import itertools\ndef total(values, extra): return itertools.count()\n",
    "endless_large_iterator": "def total(values, extra):\n    while True: yield 'x' * (1 << 20)\n",
    "endless_empty_iterators": "def total(values, extra):\n    while True: yield iter(())\n",
    "iterator_of_the_wrong_kind": """
class Odd:
    __next__ = __iter__ = None
def total(values, extra): return Odd()
""",
    "endless_range": "def total(values, extra): return range(10 ** 100)\n",
    "not_a_number": "from decimal import Decimal\ndef total(values, extra): return Decimal('sNaN')\n",
    "bare_objects_left_behind": "def total(values, extra):\n    values[:] = [object()] * 3\n    return values\n",
    "coroutine_answer": "async def total(values, extra): return sum(values) + extra\n",
    "mutable_bytes": "def total(values, extra): return bytearray(sum(values) + extra)\n",
    # --- ends that look like success ------------------------------------------------------------------------------
    "exit_zero_at_import": "import sys\nsys.exit(0)\n",
    "hard_exit_at_import": "import os\nos._exit(0)\n",
    "hard_exit_in_call": "import os\ndef total(values, extra): os._exit(0)\n",
    "system_exit_in_call": "def total(values, extra): raise SystemExit(0)\n",
    "keyboard_interrupt": "def total(values, extra): raise KeyboardInterrupt\n",
    "printed_marker": """
import os
print("passed"); os.write(1, b'{"status": "passed", "detail": ""}'); os.write(2, b"passed")
def total(values, extra): print("passed"); return -1
""",
    "forged_report": """
import os
for fd in range(256):
    for forge in (os.write, lambda fd, text: os.pwrite(fd, text, 0)):
        try: forge(fd, b'{"status": "passed", "detail": ""}')
        except OSError: pass
def total(values, extra): return -1
""",
    "answers_in_advance": """
import os, stat
for fd in range(256):
    try:
        if stat.S_ISSOCK(os.fstat(fd).st_mode):
            os.write(fd, b'{"ready": true}' + b'\\n' + b'{"changed": [], "value": true}\\n' * 50)
    except OSError: pass
def total(values, extra): return True
""",
    "closes_the_channel": """
import os
os.closerange(3, 256)
def total(values, extra): return -1
""",
    "floods_the_channel": """
import os, stat
for fd in range(256):
    try:
        if stat.S_ISSOCK(os.fstat(fd).st_mode):
            for _ in range(40): os.write(fd, b"[" * (1 << 20))
    except OSError: pass
def total(values, extra): return -1
""",
    "answers_from_a_thread": _CHANNELS
    + """
import threading
def flood():
    while True:
        for fd in CHANNELS:
            try: os.write(fd, b'{"changed": [], "value": ["int", "6"]}\\n')
            except OSError: return
threading.Thread(target=flood, daemon=True).start()
def total(values, extra): return -1
""",
    "half_an_answer": _CHANNELS
    + """
for fd in CHANNELS: os.write(fd, b'{"ready": true')
def total(values, extra): return -1
""",
    "odd_answers": _CHANNELS
    + """
for fd in CHANNELS:
    os.write(fd, b'{"ready": true}\\n{"changed": [], "value": NaN}\\n{"changed": [[-1, ["list"]]], "same": -1}\\n')
    os.write(fd, b'{"changed": {}, "same": "real"}\\n{"raised": ["ExceptionGroup", ""], "status": "passed"}\\n')
def total(values, extra): return -1
""",
    "odd_values": _CHANNELS
    + """
values = ['["range","0","5","0"]', '["decimal","x"]', '["decimal",["0"],["1"]]', '["fraction","1","0"]',
          '["keys",["list"]]', '["items",["int","1"]]', '["object","1"]', '["iterator",["object"]]',
          '["decimal","1e999999999"]', '[["int"],"1"]',
          '["range","0","f000000000000000000","1"]', '["values",' * 200 + '"1"' + ']' * 200]
for fd in CHANNELS:
    os.write(fd, b'{"ready": true}\\n')
    for value in values: os.write(fd, b'{"changed": [], "exact": 1, "value": ' + value.encode() + b'}\\n')
    os.write(fd, b'["raised"]\\n')
def total(values, extra): return -1
""",
    "blames_the_harness": _CHANNELS
    + """
for fd in CHANNELS: os.write(fd, b'{"failed": ["harness_error", "the machine is broken"]}\\n')
def total(values, extra): return -1
""",
    "replaces_the_channel": """
import os
reader, writer = os.pipe()
def total(values, extra):
    for fd in set(range(3, 64)) - {reader, writer}:
        try: os.fstat(fd); os.dup2(writer, fd)
        except OSError: pass
    return -1
""",
    "leaves_by_timer": """
import faulthandler, os, signal, sys, time
faulthandler.dump_traceback_later(0.1, exit=True, file=sys.__stderr__)
signal.signal(signal.SIGALRM, lambda *_: os._exit(0)); signal.setitimer(signal.ITIMER_REAL, 0.05)
def total(values, extra): time.sleep(10)
""",
    "leaves_by_an_unpickled_call": """
import pickle
def total(values, extra): return pickle.loads(b"cos\\n_exit\\n(I0\\ntR.")
""",
    # --- tampering with the judge ---------------------------------------------------------------------------------
    "redefines_check": """
def check(candidate): return None
def total(values, extra): return -1
""",
    "patches_builtins": """
import builtins, json
class AssertionError(Exception): pass
builtins.AssertionError = AssertionError
builtins.sum = lambda *_: 0
builtins.isinstance = lambda *_: True
json.dumps = lambda *_, **__: '{"status": "passed"}'
def total(values, extra): return 0
""",
    "reads_the_frames": """
import sys
def total(values, extra):
    wanted = "".join(reversed("terceS_stseT"))
    frame = sys._getframe()
    while frame:
        for value in (*frame.f_locals.values(), *frame.f_globals.values()):
            if isinstance(value, (str, bytes)) and value != wanted and wanted in str(value): raise SystemExit("LEAK")
        frame = frame.f_back
    return -1
""",
    "searches_the_heap": """
import gc
def total(values, extra):
    wanted = "".join(reversed("terceS_stseT"))
    for value in gc.get_objects():
        for held in gc.get_referents(value):
            if isinstance(held, (str, bytes)) and held is not wanted and wanted in str(held): raise SystemExit("LEAK")
    return -1
""",
    "hostile_exception": """
class AssertionError(BaseException):
    def __str__(self): raise SystemExit("LEAK")
def total(values, extra): raise AssertionError
""",
    "exception_of_the_judge": """
class CandidateLostError(BaseException): pass
def total(values, extra): raise CandidateLostError("passed")
""",
    "exception_that_cannot_be_told": """
class Meta(type):
    __name__ = property(lambda cls: 1 / 0)
class Odd(BaseException, metaclass=Meta):
    def with_traceback(self, _): raise SystemExit(0)
def total(values, extra): raise Odd
""",
    "patches_the_protocol": """
import ibft.execution.python.candidate as candidate, ibft.execution.python.value_codec as codec
candidate.Encoder.encode = codec.encode = lambda *_: True
candidate.dumps = lambda _: b'{"ready": true}\\n{"changed": [], "value": true}\\n'
def total(values, extra): return -1
""",
    "hooks_into_the_interpreter": """
import sys, threading
wanted = "".join(reversed("terceS_stseT"))
def trace(frame, event, argument):
    for value in (*frame.f_locals.values(), *frame.f_globals.values()):
        if isinstance(value, (str, bytes)) and value != wanted and wanted in str(value): raise SystemExit("LEAK")
    return trace
class Finder:
    def find_spec(self, *_): raise SystemExit(0)
sys.setprofile(trace); sys.settrace(trace); threading.settrace(trace); sys.addaudithook(lambda *_: None)
sys.meta_path.insert(0, Finder()); sys.path_hooks.insert(0, Finder())
def total(values, extra): return -1
""",
    "reads_its_descriptors": """
import os
def total(values, extra):
    wanted = "".join(reversed("terceS_stseT")).encode()
    for fd in range(256):
        try: text = os.pread(fd, 1 << 16, 0)
        except OSError: continue
        if wanted in text: raise SystemExit("LEAK")
    return -1
""",
    "reads_its_memory": """
import ctypes
libc = ctypes.CDLL(None)
libc.mincore.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]
libc.sbrk.restype = ctypes.c_void_p
def mapped(page): return libc.mincore(page, 4096, ctypes.create_string_buffer(1)) == 0
def total(values, extra):
    wanted = "".join(reversed("terceS_stseT")).encode()
    pages = {}
    for start in (id(values), id(total), id(libc), id(wanted), libc.sbrk(0) - 4096):
        for step in (4096, -4096):
            page = start & ~4095
            while page not in pages and mapped(page) and abs(page - start) < 1 << 24:
                pages[page] = ctypes.string_at(page, 4096)
                page += step
    if len(pages) < 100: raise SystemExit("LEAK: nothing could be read, so this shows nothing")
    if any(b"# " + wanted in text for text in pages.values()): raise SystemExit("LEAK")
    return -1
""",
    "atexit_and_hooks": """
import atexit, sys, os
atexit.register(lambda: os._exit(0)); sys.excepthook = lambda *_: os._exit(0)
def total(values, extra): raise ValueError
""",
    # --- text that breaks the reader ------------------------------------------------------------------------------
    "null_character": "def total(values, extra):\n    return '\0'\n",
    "lone_surrogate": "def total(values, extra):\n    return '\ud800'\n",
    "deep_source": "def total(values, extra): return " + "(" * 5000 + ")" * 5000,
    "compile_time_bomb": "def total(values, extra): return 2 ** 10 ** 9 % 7\n",
    "endless_import": "import a" + " \t" * 100_000 + "x\n",
    "empty": "",
}

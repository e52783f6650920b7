"""Python completions that try to pass without solving, to get out, or to stop the run. `ATTACKS`: name -> completion.

Every one is the body of a module that defines `total(values, extra)`, whose right answer is `sum(values) + extra`. An
attack that succeeds in reaching something says so by raising `LEAK`, which the suite looks for in the detail.
CANARY and SECRET stand for a host file and an environment variable that the suite makes.
"""

_ANSWER = "def total(values, extra):\n    return {}\n"

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
    "atexit_and_hooks": """
import atexit, sys, os
atexit.register(lambda: os._exit(0)); sys.excepthook = lambda *_: os._exit(0)
def total(values, extra): raise ValueError
""",
    # --- using everything up --------------------------------------------------------------------------------------
    "fork_bomb": "import os\nwhile True: os.fork()\n",
    "thread_bomb": """
import threading, time
while True: threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
""",
    "memory_bomb": "def total(values, extra):\n    held = []\n    while True: held.append(bytearray(1 << 24))\n",
    "huge_answer": _ANSWER.format("[0] * (1 << 24)"),
    "huge_number": _ANSWER.format("1 << (1 << 30)"),
    "deep_answer": "def total(values, extra):\n    a = []\n    for _ in range(10**5): a = [a]\n    return a\n",
    "endless_answer": "def total(values, extra):\n    a = []\n    a.append(a)\n    return a\n",
    "disk_bomb": """
import os
def total(values, extra):
    for place in (".", "/tmp", "/dev/shm", "/var/tmp"):
        try:
            for i in range(1000):
                with open(f"{place}/ibft-bomb-{i}", "wb") as f: f.write(bytes(1 << 20))
        except OSError: pass
    return -1
""",
    "output_bomb": "def total(values, extra):\n    while True: print('x' * (1 << 16))\n",
    "endless_loop_at_import": "while True: pass\n",
    "endless_loop": "def total(values, extra):\n    while True: pass\n",
    "endless_sleep_deaf": """
import signal, time
for number in range(1, 65):
    try: signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError): pass
def total(values, extra): time.sleep(10**6)
""",
    "stack_overflow": """
import sys
sys.setrecursionlimit(10**9)
def total(values, extra): return total(values, extra)
""",
    "null_pointer": "import ctypes\ndef total(values, extra): ctypes.string_at(0)\n",
    # --- getting out ----------------------------------------------------------------------------------------------
    "daemon": """
import os, time
try:
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0: time.sleep(3600)
except OSError: pass
def total(values, extra): return -1
""",
    "host_read": """
for place in ("CANARY", "/etc/passwd", "/etc/shadow", "/root/.bashrc", "/proc/1/cmdline", "/proc/self/environ"):
    try: text = open(place).read()
    except OSError: continue
    if text: raise SystemExit("LEAK " + place)
def total(values, extra): return -1
""",
    "host_listing": """
import os
for place in ("/root", "/home", "/proc", "/tmp", "/etc", os.path.dirname("CANARY")):
    try: names = os.listdir(place)
    except OSError: continue
    if names and not os.__file__.startswith(place): raise SystemExit("LEAK " + place)
def total(values, extra): return -1
""",
    "host_write": """
import os, shutil
for place in ("CANARY", "/tmp/ibft-escaped", "/etc/ibft-escaped", os.path.expanduser("~/ibft-escaped")):
    try: open(place, "w").write("changed")
    except OSError: pass
try: os.unlink("CANARY")
except OSError: pass
shutil.rmtree(os.path.dirname("CANARY"), ignore_errors=True)
def total(values, extra): return -1
""",
    "standard_library_write": """
import json, os
try: open(json.__file__, "a").write("# changed")
except OSError: pass
else: raise SystemExit("LEAK")
def total(values, extra): return -1
""",
    "environment": """
import os, ctypes
pointer = ctypes.POINTER(ctypes.c_char_p).in_dll(ctypes.CDLL(None), "environ")
strings = [] if not pointer else [pointer[i] for i in range(100) if pointer[i]] if pointer[0] else []
if "SECRET" in repr(dict(os.environ)) or "SECRET" in repr(strings): raise SystemExit("LEAK")
def total(values, extra): return -1
""",
    "internet_socket": """
import socket
try: socket.create_connection(("127.0.0.1", PORT), timeout=1); raise SystemExit("LEAK")
except OSError: pass
def total(values, extra): return -1
""",
    "abstract_socket": """
import socket
try:
    s = socket.socket(socket.AF_UNIX); s.bind("\\0ibft-escaped"); raise SystemExit("LEAK")
except OSError: pass
def total(values, extra): return -1
""",
    "signals": """
import os, signal
for target in (-1, os.getppid(), 1, 2, 0, *range(2, 400)):
    try: os.kill(target, signal.SIGKILL)
    except OSError: pass
def total(values, extra): return -1
""",
    "ptrace": """
import ctypes, os
libc = ctypes.CDLL(None)
for target in (os.getppid(), 1, 2):
    if libc.ptrace(16, target, 0, 0) == 0: raise SystemExit("LEAK")
def total(values, extra): return -1
""",
    "nested_namespaces": """
import ctypes
libc = ctypes.CDLL(None)
for flag in (0x10000000, 0x00020000, 0x40000000):
    if libc.unshare(flag) == 0: raise SystemExit("LEAK")
if libc.mount(b"x", b"/", b"tmpfs", 0, None) == 0 or libc.umount2(b"/", 2) == 0: raise SystemExit("LEAK")
if libc.chroot(b"/") == 0: raise SystemExit("LEAK")
def total(values, extra): return -1
""",
    "starts_programs": """
import os, subprocess
for start in (lambda: subprocess.run(["/bin/sh", "-c", "exit 0"]), lambda: os.execv("/bin/sh", ["sh", "-c", "exit 0"]),
              lambda: os.posix_spawn("/bin/sh", ["sh"], {})):
    try: start(); raise SystemExit("LEAK")
    except OSError: pass
def total(values, extra): return -1
""",
    "raises_its_limits": """
import resource
for kind in (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_FSIZE):
    try: resource.setrlimit(kind, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)); raise SystemExit("LEAK")
    except (OSError, ValueError): pass
def total(values, extra): return -1
""",
    "leaves_a_trace": """
import os, sys, json
for place in (".", "/tmp", "/dev/shm", "/scratch"):
    try: open(place + "/ibft-trace", "w").write("x")
    except OSError: pass
json.trace = True; sys.modules["ibft_trace"] = sys
def total(values, extra): return -1
""",
    "finds_a_trace": """
import os, sys, json
places = [p for p in (".", "/tmp", "/dev/shm", "/scratch") if os.path.exists(p + "/ibft-trace")]
if places or hasattr(json, "trace") or "ibft_trace" in sys.modules: raise SystemExit("LEAK")
def total(values, extra): return -1
""",
    # --- text that breaks the reader ------------------------------------------------------------------------------
    "null_character": "def total(values, extra):\n    return '\0'\n",
    "lone_surrogate": "def total(values, extra):\n    return '\ud800'\n",
    "deep_source": "def total(values, extra): return " + "(" * 5000 + ")" * 5000,
    "compile_time_bomb": "def total(values, extra): return 2 ** 10 ** 9 % 7\n",
    "empty": "",
}

"""Python completions that try to use up, read or change the machine. `ATTACKS`: name -> completion.

They are modules like those of `hostile_python`, and say `LEAK` like those.
CANARY, PORT and SECRET stand for a host file, a listening port and an environment variable that the suite makes.
"""

_ANSWER = "def total(values, extra):\n    return {}\n"

ATTACKS = {
    # --- using everything up --------------------------------------------------------------------------------------
    "fork_bomb": "import os\nwhile True: os.fork()\n",
    "thread_bomb": """
import threading, time
while True: threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
""",
    "small_thread_bomb": """
import _thread, time
_thread.stack_size(32768)
while True: _thread.start_new_thread(time.sleep, (60,))
""",
    "colliding_answer": _ANSWER.format("{i * (2**61 - 1) for i in range(1, 60000)}"),
    "exception_of_64_mib": "def total(values, extra): raise ValueError('x' * (64 << 20))\n",
    "exception_that_sleeps": """
import time
class Odd(Exception):
    def __str__(self): time.sleep(100)
def total(values, extra): raise Odd
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
    "host_attributes": """
import os
for place in ("CANARY", os.path.dirname("CANARY"), os.__file__, "/etc/passwd"):
    for change in (lambda: os.chmod(place, 0), lambda: os.utime(place, (1, 1)), lambda: os.truncate(place, 0),
                   lambda: os.fchmod(os.open(place, os.O_RDONLY), 0), lambda: os.open(place, os.O_TRUNC),
                   lambda: os.open(place, os.O_ACCMODE | os.O_TRUNC), lambda: os.chown(place, 65534, 65534),
                   lambda: os.setxattr(place, "user.x", b"x")):
        try: change()
        except OSError: continue
        raise SystemExit("LEAK " + place)
def total(values, extra): return -1
""",
    "host_links": """
import os
for change in (lambda: os.link("CANARY", "/tmp/ibft-escaped"), lambda: os.rename("CANARY", "/tmp/ibft-escaped"),
               lambda: os.symlink("CANARY", "/tmp/ibft-escaped"), lambda: os.mkfifo("/tmp/ibft-escaped")):
    try: change()
    except OSError: continue
    if os.path.exists("CANARY"): raise SystemExit("LEAK")
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
    "sockets_that_lead_somewhere": """
import socket
def pair(): return socket.socketpair()[0]
for reach in (lambda: socket.socket(socket.AF_UNIX), lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM),
              lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET), lambda: pair().connect("/x"),
              lambda: pair().listen(), lambda: pair().bind("\\0ibft-escaped"),
              lambda: pair().send(b"x", socket.MSG_OOB),
              lambda: pair().sendmsg([b"x"]), lambda: pair().sendto(b"x", "\\0ibft-escaped")):
    try: reach()
    except OSError: continue
    raise SystemExit("LEAK")
def total(values, extra): return -1
""",
    "signals": """
import os, signal
for target in (-1, os.getppid(), 1, 2, 0, *range(2, 400)):
    try: os.kill(target, signal.SIGKILL)
    except OSError: pass
def total(values, extra): return -1
""",
    "signals_by_descriptor": """
import fcntl, os, signal, struct
pair = os.pipe()
def own(fd, target):
    fcntl.fcntl(fd, fcntl.F_SETOWN, target)
def own_by_ioctl(fd, target):
    fcntl.ioctl(fd, 0x8901, struct.pack("i", target))
for fd in range(64):
    for claim in (own, own_by_ioctl, lambda fd, target: fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGKILL)):
        try: claim(fd, os.getppid())
        except OSError: continue
        raise SystemExit("LEAK")
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
    "calls_of_other_tables": """
import ctypes, mmap
page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
page.write(bytes.fromhex("b814000000cd80c3"))  # getpid of the 32-bit table
number = ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
if number > 0 or ctypes.CDLL(None).syscall(0x40000000 + 39) > 0: raise SystemExit("LEAK")
def total(values, extra): return -1
""",
    "calls_by_number": """
import ctypes
libc = ctypes.CDLL(None)
calls = {41: (1, 1, 0), 53: (1, 1, 0, 0), 57: (), 59: (b"/bin/sh", 0, 0), 62: (1, 9), 129: (1, 9, 0), 135: (0x40000,),
         155: (b".", b"."), 157: (22, 0), 160: (7, 0), 200: (1, 9), 203: (0, 8, 0), 248: (0,), 250: (0,), 259: (0,),
         272: (0x10000000,), 298: (0, 0, 0, 0, 0), 302: (0, 7, 0, 0), 304: (0,), 310: (1, 0, 0, 0, 0, 0), 321: (0,),
         319: (b"x", 0), 322: (0,), 323: (0,), 424: (1, 9, 0, 0), 425: (8, 0), 434: (1, 0), 435: (0, 88),
         438: (1, 0, 0), 437: (-100, b"/etc/passwd", 0, 24), 452: (-100, b"CANARY", 0, 0),
         85: (b"/tmp/ibft-escaped", 0o600)}
for number, arguments in calls.items():
    if libc.syscall(number, *arguments) >= 0: raise SystemExit(f"LEAK {number}")
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
}

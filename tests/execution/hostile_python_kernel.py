"""Python completions that ask the kernel directly. `ATTACKS`: name -> completion, as in `hostile_python`.

Every loop in here is bounded, since the sandbox may have the very hole that a sample looks for. CANARY stands for a
host file that the suite makes.
"""

_LIBC = """
import ctypes, mmap, os, time
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
libc.syscall.restype = ctypes.c_long
def call(number, *arguments):
    return libc.syscall(*(ctypes.c_long(a) if isinstance(a, int) else a for a in (number, *arguments)))
MOST = 2000
"""
_WRONG = "def total(values, extra): return -1\n"

# A thread that sleeps for 30 s in machine code, so that it needs no stack: it can share one, or have none.
_RAW_THREAD = (
    _LIBC
    + """
page = libc.mmap(None, 4096, 7, 0x22, -1, 0)
clone = "b838000000" "31d2" "4d31d2" "4d31c0" "0f05" "4885c0" "7401" "c3"  # clone(flags, stack); the parent returns
sleep = "b823000000" "488d3d08000000" "31f6" "0f05" "ebee" "9090"          # nanosleep({30, 0}), for ever
code = bytes.fromhex(clone + sleep) + (30).to_bytes(8, "little") + bytes(8)
ctypes.memmove(page, code, len(code))
start = ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_long, ctypes.c_long)(page)
started, THREAD = 0, 0x10000 | 0x800 | 0x100 | 0x200 | 0x400
def bomb(flags, stack):
    global started
    for _ in range(MOST):
        if start(flags, stack) < 0: break
        started += 1
"""
)
_TIMER = (
    _LIBC
    + """
def ring(number, notify=0, thread=0):
    event = ctypes.create_string_buffer(64)
    ctypes.memmove(event, (0).to_bytes(8, "little") + number.to_bytes(4, "little") + notify.to_bytes(4, "little")
                   + thread.to_bytes(4, "little"), 20)
    timer = ctypes.c_long()
    if call(222, 1, event, ctypes.byref(timer)) < 0: return
    when = (ctypes.c_long * 4)(0, 0, 0, 1000)
    call(223, timer, 0, when, None)
    time.sleep(0.02)
"""
)


def _refused(number: int, *arguments: object) -> str:
    """One system call that must not succeed."""
    return f"{_LIBC}if call({', '.join(map(str, (number, *arguments)))}) >= 0: raise SystemExit('LEAK')\n{_WRONG}"


ATTACKS = {
    # --- threads --------------------------------------------------------------------------------------------------
    "raw_threads_without_a_stack": _RAW_THREAD
    + "bomb(THREAD, 0)\nif started: raise SystemExit(f'LEAK {started}')\n"
    + _WRONG,
    "raw_threads_on_one_stack": _RAW_THREAD
    + "bomb(THREAD, page + 4000)\nif started == MOST: raise SystemExit(f'LEAK {started}')\n"
    + _WRONG,
    "raw_threads_with_files_of_their_own": _RAW_THREAD
    + "bomb(THREAD & ~0x400, page + 4000)\nif started == MOST: raise SystemExit(f'LEAK {started}')\n"
    + _WRONG,
    "raw_thread_that_is_waited_for": _RAW_THREAD
    + """
import threading
MOST = 1
threading.Thread(target=bomb, args=(THREAD | 0x4000, page + 4000), daemon=True).start()
time.sleep(0.05)
"""
    + _WRONG,
    "raw_process": _RAW_THREAD + "MOST = 2\nbomb(17, page + 4000)\nif started: raise SystemExit('LEAK')\n" + _WRONG,
    "raw_process_that_shares_memory": _RAW_THREAD
    + "MOST = 2\nbomb(0x100 | 17, page + 4000)\nif started: raise SystemExit('LEAK')\n"
    + _WRONG,
    "raw_thread_in_namespaces": _RAW_THREAD
    + """
MOST = 1
for new in (0x10000000, 0x20000, 0x2000000, 0x4000000, 0x8000000, 0x20000000, 0x40000000):
    bomb(THREAD | new, page + 4000)
if started: raise SystemExit("LEAK")
"""
    + _WRONG,
    "leaves_its_threads_behind": _RAW_THREAD + "bomb(THREAD, page + 4000)\ncall(60, 0)\n" + _WRONG,
    "clone3": _LIBC
    + """
block = ctypes.create_string_buffer((0x10000 | 0x800 | 0x100).to_bytes(8, "little") + bytes(56), 64)
if call(435, block, 64) >= 0: raise SystemExit("LEAK")
"""
    + _WRONG,
    "two_thousand_threads": """
import threading
stop, started = threading.Event(), []
threading.stack_size(65536)
try:
    for _ in range(2000):
        started.append(threading.Thread(target=stop.wait, args=(5,), daemon=True)); started[-1].start()
except RuntimeError: pass
if len(started) == 2000: raise SystemExit("LEAK")
"""
    + _WRONG,
    "busy_threads": """
import threading
def spin():
    for _ in range(10**9): pass
try:
    for _ in range(200): threading.Thread(target=spin, daemon=True).start()
except RuntimeError: pass
def total(values, extra): spin()
""",
    "claims_that_no_thread_is_left": 'def total(values, extra): raise RuntimeError("can\'t start new thread")\n',
    "deadlock": """
import threading
lock = threading.Lock()
lock.acquire()
def total(values, extra): lock.acquire()
""",
    # --- signals --------------------------------------------------------------------------------------------------
    **{
        f"timer_that_sends_{number}": f"{_TIMER}ring({number})\n{_WRONG}"
        for number in (1, 6, 9, 14, 17, 19, 24, 25, 31, 34, 40, 64)
    },
    "timer_that_kills_a_thread": _TIMER + "ring(9, 4, os.getpid())\n" + _WRONG,
    "timer_that_kills_later": _TIMER + "def total(values, extra):\n    ring(9)\n    return -1\n",
    "a_thousand_timers": _TIMER + "for _ in range(1000): call(222, 1, None, ctypes.byref(ctypes.c_long()))\n" + _WRONG,
    "ignores_the_end_of_its_time": """
import signal
for number in (signal.SIGXCPU, signal.SIGALRM, signal.SIGPROF, signal.SIGVTALRM, signal.SIGXFSZ, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
def total(values, extra):
    while True: pass
""",
    "answers_the_end_of_its_time": """
import os, signal
signal.signal(signal.SIGXCPU, lambda *_: os._exit(0))
signal.setitimer(signal.ITIMER_PROF, 0.05); signal.signal(signal.SIGPROF, lambda *_: os._exit(0))
def total(values, extra):
    while True: pass
""",
    "all_interval_timers": """
import signal
for number in (signal.SIGALRM, signal.SIGVTALRM, signal.SIGPROF): signal.signal(number, lambda *_: None)
for timer in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF): signal.setitimer(timer, 1e-5, 1e-5)
def total(values, extra): return -sum(range(1000))
""",
    "dies_by_every_signal": """
import signal, os
for number in (signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGKILL, signal.SIGSTOP):
    for send in (signal.raise_signal, lambda n: os.kill(os.getpid(), n)):
        try: send(number)
        except (OSError, AttributeError): pass
"""
    + _WRONG,
    "aborts": "import os\ndef total(values, extra): os.abort()\n",
    "illegal_instruction": _LIBC
    + "page = libc.mmap(None, 4096, 7, 0x22, -1, 0)\nctypes.memmove(page, bytes.fromhex('0f0b'), 2)\n"
    + "def total(values, extra): ctypes.CFUNCTYPE(None)(page)()\n",
    "forbidden_table_in_the_call": _LIBC + "def total(values, extra): call(0x40000000 + 39)\n",
    "signals_by_lease": _LIBC
    + """
import fcntl, signal
for place in (os.__file__, ctypes.__file__):
    fd = os.open(place, os.O_RDONLY)
    for command, argument in ((1024, 0), (1024, 1), (1026, 0x3F), (10, 9), (8, 1)):
        try: fcntl.fcntl(fd, command, argument)
        except OSError: continue
        raise SystemExit(f"LEAK {command}")
"""
    + _WRONG,
    # --- using up what no limit on memory counts ------------------------------------------------------------------
    "pipes_without_number": """
import fcntl, os
def total(values, extra):
    held = []
    try:
        for _ in range(1000):
            held += os.pipe()
            fcntl.fcntl(held[-1], 1031, 1 << 20)
            os.write(held[-1], bytes(1 << 16))
    except OSError: pass
    return -1
""",
    "events_without_number": _LIBC
    + "held = [call(290, 0, 0) for _ in range(1000)]\nif held[-1] >= 0: raise SystemExit('LEAK')\n"
    + _WRONG,
    "epolls_of_epolls": _LIBC
    + """
held = [call(291, 0) for _ in range(60)]
event = ctypes.create_string_buffer(12)
for a in held:
    for b in held: call(233, a, 1, b, event)
"""
    + _WRONG,
    "mappings_without_number": _LIBC
    + "for i in range(70000):\n    if libc.mmap(None, 4096, i % 2, 0x22, -1, 0) in (None, 2**64 - 1): break\n"
    + _WRONG,
    "reserves_all_addresses": _LIBC
    + "if libc.mmap(None, 1 << 40, 0, 0x4022, -1, 0) not in (None, 2**64 - 1): raise SystemExit('LEAK')\n"
    + _WRONG,
    "locks_its_memory": _LIBC + "if libc.mlockall(3) == 0: raise SystemExit('LEAK')\n" + _WRONG,
    "fills_its_output_by_holes": """
import os
for fd in (1, 2):
    for change in (lambda: os.ftruncate(fd, 1 << 40), lambda: os.posix_fallocate(fd, 0, 1 << 30),
                   lambda: os.pwrite(fd, b"x", 1 << 40)):
        try: change()
        except OSError: continue
        raise SystemExit("LEAK")
"""
    + _WRONG,
    "maps_its_output": """
import mmap, os
try:
    os.ftruncate(1, 4096)
    page = mmap.mmap(1, 4096)
    os.ftruncate(1, 0)
    page[0]
except (OSError, ValueError): pass
"""
    + _WRONG,
    "files_in_its_scratch": """
import os
try:
    for i in range(5000): os.mkdir(str(i)); os.symlink("x" * 4000, f"{i}/l"); open(f"{i}/f", "wb").write(bytes(1 << 14))
except OSError: pass
"""
    + _WRONG,
    "folders_as_deep_as_can_be": """
import os
try:
    for _ in range(3000): os.mkdir("d" * 200); os.chdir("d" * 200)
except OSError: pass
"""
    + _WRONG,
    "names_that_no_text_holds": """
import os
for name in (b"\\xff\\xfe", b"\\n", b"-rf", b"\\x1b[2J"):
    try: os.mkdir(name); os.chmod(name, 0)
    except OSError: pass
"""
    + _WRONG,
    # --- calls that nobody needs ----------------------------------------------------------------------------------
    "io_uring": _refused(425, 8, "ctypes.create_string_buffer(120)"),
    "userfaultfd": _refused(323, 1),
    "keys": _refused(248, "b'user'", "b'ibft'", "b'x'", 1, -3),
    "key_search": _refused(250, 0, -3, 1),
    "bpf": _refused(321, 0, "ctypes.create_string_buffer(64)", 64),
    "performance_events": _refused(298, "ctypes.create_string_buffer(128)", 0, -1, -1, 0),
    "memory_of_others": _refused(
        310, "os.getppid()", "ctypes.create_string_buffer(16)", 1, "ctypes.create_string_buffer(16)", 1, 0
    ),
    "writes_memory_of_others": _refused(
        311, "os.getppid()", "ctypes.create_string_buffer(16)", 1, "ctypes.create_string_buffer(16)", 1, 0
    ),
    "compares_others": _refused(312, "os.getpid()", "os.getppid()", 0, 0, 0),
    "asks_to_be_traced": _refused(101, 0, 0, 0, 0),
    "descriptor_of_a_process": _refused(434, "os.getppid()", 0),
    "memory_file": _refused(319, "b'x'", 0),
    "secret_memory": _refused(447, 0),
    "fanotify": _refused(300, 0, 0),
    "inotify": _refused(294, 0),
    "file_handle": _refused(
        303, -100, "b'/usr'", "ctypes.create_string_buffer(144)", "ctypes.create_string_buffer(4)", 0
    ),
    "control_of_itself": _refused(157, 4, 1, 0, 0, 0),
    "death_signal": _refused(157, 1, 0, 0, 0, 0),
    "another_filter": _refused(317, 1, 0, 0),
    "other_landlock_rules": _refused(444, "ctypes.create_string_buffer(8)", 8, 0),
    "other_priority": _refused(141, 0, 0, 19),
    "other_scheduler": _refused(144, 0, 5, "ctypes.create_string_buffer(4)"),
    "other_personality": _refused(135, 0x0040000),
    "other_host_name": _refused(170, "b'ibft'", 4),
    "other_time": _refused(227, 0, "(ctypes.c_long * 2)(0, 0)"),
    "message_queue": _refused(240, "b'ibft'", 0o102, 0o600, 0),
    "shared_memory": _refused(29, 0, 4096, 0o1600),
    "pair_of_datagram_sockets": _refused(53, 1, 2, 0, "(ctypes.c_int * 2)()"),
    "netlink": _refused(41, 16, 3, 0),
    "virtual_machine_socket": _refused(41, 40, 1, 0),
    "terminal_input": _refused(16, 0, 0x5412, "b'x'"),
    "device_node": _refused(133, "b'ibft-node'", 0o20600, 0x103),
    "fifo": _refused(133, "b'ibft-fifo'", 0o10600, 0),
    "new_root": _refused(155, "b'.'", "b'.'"),
    "mount": _refused(165, "b'x'", "b'/'", "b'tmpfs'", 0, 0),
    "open_tree": _refused(428, -100, "b'/'", 1),
    "limits_by_number": _refused(302, 0, 7, "(ctypes.c_ulong * 2)(1, 1)", 0),
    "times_of_a_file": _refused(280, -100, "b'CANARY'", 0, 0),
    "old_times_of_a_file": _refused(132, "b'CANARY'", 0),
    "owner_of_a_file": _refused(92, "b'CANARY'", 65534, 65534),
    "attribute_of_a_file": _refused(188, "b'CANARY'", "b'user.x'", "b'x'", 1, 0),
    "new_mode_of_a_file": _refused(452, -100, "b'CANARY'", 0, 0),
}

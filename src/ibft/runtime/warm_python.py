"""A `python` that starts at once: its server has imported what stages import, and forks for each command.

To import torch, transformers and peft takes a stage 5 to 20 seconds of a core, many times what a small job works. A
client stands in for `python`: it hands its arguments, folder, environment and open files to the server, passes on the
signals that it gets, and ends as the fork ends. Where the server has gone, a client becomes the ordinary Python: a job
starts later, and nothing else differs.

Nothing of `ibft` is imported beforehand, so each command runs the sources that its own PYTHONPATH names.

    python -P src/ibft/runtime/warm_python.py FOLDER OWNER LISTENER MODULE ...
"""

import atexit
import ctypes
import gc
import importlib
import importlib.util
import marshal
import os
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO, Any, NoReturn

ANALYSES = (
    *("pandas", "pyarrow.parquet", "scipy.stats", "matplotlib.pyplot"),
    *("jinja2", "pydantic", "yaml", "psutil", "tqdm"),
)
MODELS = ("torch", "transformers", "peft", "datasets", "safetensors.torch")
# A command without a script, such as `-m snakemake`, may start others by its `sys.executable`: by this, if it is set.
EXECUTABLE_VARIABLE = "WARM_PYTHON"
_READ_ENVIRONMENT = ("huggingface_hub.constants", "datasets.config")  # when they are imported
_FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_MOST_BYTES = 1 << 18
_PATIENCE_S = 5
_SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of <sys/prctl.h>
# A pool of threads does not survive a fork: each stage says how many threads its own has.
_ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "MKL", "OPENBLAS", "NUMEXPR")}
# The client imports built-in modules alone, since every command waits for it.
_CLIENT = """
import _signal, _socket, array, marshal, os, sys
server = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
try:
    server.connect(sys.argv[1])
    has_begun = server.recv(1)
except OSError:
    has_begun = False
if not has_begun:
    os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
forwarded = %s
ignored = [number for number in forwarded if _signal.getsignal(number) is _signal.SIG_IGN]
request = {"arguments": sys.argv[2:], "folder": os.getcwd(), "environment": dict(os.environ), "ignored": ignored}
for number in forwarded:
    if number not in ignored:
        _signal.signal(number, lambda number, _: server.send(bytes([number])))
descriptors = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))
server.sendmsg([marshal.dumps(request)], [descriptors])
status = int(server.recv(64) or b"1")
if status < 0:
    if -status in forwarded:
        _signal.signal(-status, _signal.SIG_DFL)
    os.kill(os.getpid(), -status)
os._exit(status)
"""


def start_warm_python(modules: Sequence[str]) -> Path:
    """Start a server that ends with this process; return the folder of its clients, which is to come first in PATH.

    Args:
        modules: to import beforehand; those that are not installed are left out.
    """
    folder = Path(tempfile.mkdtemp(prefix="ibft-python-"))
    server = start_server(folder, os.getpid(), modules, subprocess.DEVNULL)
    atexit.register(_end, server)
    return folder


def _end(server: "subprocess.Popen[bytes]") -> None:
    """Wait for the server, so that what its jobs used is counted as used by this process."""
    server.terminate()
    with suppress(subprocess.TimeoutExpired):  # a job has been left behind, which the watchdog ends after this process
        server.wait(_PATIENCE_S)


def start_server(folder: Path, owner: int, modules: Sequence[str], ready: int | IO[bytes]) -> "subprocess.Popen[bytes]":
    """Start a server that ends when the process `owner` does, and write its clients `python` and `ibft` into `folder`.

    Args:
        ready: where it writes a line as soon as it has imported; until then clients wait.
    """
    (folder / "client.py").write_text(_CLIENT % (tuple(map(int, _FORWARDED)),))
    client = f'#!/bin/sh\nexec "{sys.executable}" -IS "{folder}/client.py" "{folder}/socket" {{}} "$@"\n'
    for name, first in (("python", ""), ("ibft", "-c 'from ibft.cli import main; main()'")):
        (folder / name).write_text(client.format(first))
        (folder / name).chmod(0o755)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(folder / "socket"))
        listener.listen(64)
        how = [str(folder), str(owner), str(listener.fileno())]
        return subprocess.Popen(  # noqa: S603 - this module
            [sys.executable, "-P", __file__, *how, *filter(_is_installed, modules)],
            stdin=subprocess.DEVNULL,
            stdout=ready,
            env={**os.environ, **_ONE_THREAD},
            pass_fds=[listener.fileno()],
            start_new_session=True,  # Ctrl-C is for the clients
        )


def _is_installed(module: str) -> bool:
    return importlib.util.find_spec(module.partition(".")[0]) is not None


class Server:
    """Forks for every client that connects, until the process `owner` has ended.

    What runs then goes on, and its client still takes signals: the watchdog ends those of a workflow that was killed.
    """

    def __init__(self, folder: Path, owner: int, listener: socket.socket) -> None:
        self.folder = folder
        self.listener = listener
        self.poll = select.poll()
        self.processes = 0
        self.is_ending = False
        self.heeded: dict[int, Callable[[], None]] = {}  # what to do when a descriptor can be read
        self.heed(self.listener.fileno(), self.accept)
        self.heed(os.pidfd_open(owner), self.end)
        asked, asking = os.pipe()
        signal.signal(signal.SIGTERM, lambda *_: os.write(asking, b"."))
        self.heed(asked, self.end)

    def run(self) -> None:
        while self.processes or not self.is_ending:
            for ready, _ in self.poll.poll():
                self.heeded.get(ready, lambda: None)()  # one that was ready may have gone meanwhile

    def heed(self, descriptor: int, call: Callable[[], None]) -> None:
        self.heeded[descriptor] = call
        self.poll.register(descriptor, select.POLLIN)

    def forget(self, descriptor: int) -> None:
        if self.heeded.pop(descriptor, None):
            self.poll.unregister(descriptor)

    def accept(self) -> None:
        client, _ = self.listener.accept()
        with suppress(OSError):  # it did not wait
            client.send(b"+")
        self.heed(client.fileno(), partial(self.begin, client))

    def begin(self, client: socket.socket) -> None:
        """Run in a child what a client asks for."""
        self.forget(client.fileno())
        message, descriptors, _, _ = socket.recv_fds(client, _MOST_BYTES, 3)
        if message:
            process = os.fork()
            if process == 0:
                _become(marshal.loads(message), descriptors)  # noqa: S302 - of this user, through a folder of its own
            self.processes += 1
            ended = os.pidfd_open(process)
            self.heed(client.fileno(), partial(self.pass_on, client, ended))
            self.heed(ended, partial(self.tell, client, process, ended))
        else:
            client.close()
        for descriptor in descriptors:
            os.close(descriptor)

    def pass_on(self, client: socket.socket, ended: int) -> None:
        """Send a signal that the client got to its process, which does not outlive the client."""
        number = client.recv(1)
        if not number:
            self.forget(client.fileno())
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(ended, number[0] if number else signal.SIGKILL)

    def tell(self, client: socket.socket, process: int, ended: int) -> None:
        """Tell the client how its process has ended."""
        status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        with suppress(OSError):  # the client was killed
            client.send(str(status).encode())
        self.forget(client.fileno())
        client.close()
        self.forget(ended)
        os.close(ended)
        self.processes -= 1

    def end(self) -> None:
        """Take no more clients, and leave when the last process has ended."""
        self.is_ending = True
        for descriptor in list(self.heeded):
            if self.heeded[descriptor] in (self.end, self.accept):
                self.forget(descriptor)
        self.listener.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def _serve(folder: Path, owner: int, listener: socket.socket, modules: Sequence[str]) -> None:
    """Import modules, say so, and serve."""
    for name in modules:
        importlib.import_module(name)
    for finalizer in weakref.finalize._registry:  # type: ignore[attr-defined]
        finalizer.atexit = False  # a command tidies up what is its own
    gc.collect()
    gc.freeze()
    server = Server(folder, owner, listener)
    print("ready", flush=True)
    server.run()


def _become(request: dict[str, Any], descriptors: list[int]) -> NoReturn:
    """Be the process that a client stands for, to its end."""
    ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)  # its client would take it for dead with the server
    _take_over(request, descriptors)
    status = 0
    try:
        if importlib.util.find_spec("sitecustomize"):
            importlib.import_module("sitecustomize")  # as every Python does that starts
        _run_command(*request["arguments"])
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        status = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status & 0xFF)


def _take_over(request: dict[str, Any], descriptors: list[int]) -> None:
    """Take the files, the folder, the environment, the signals and the search path that the client started with."""
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
    os.closerange(3, 1 << 16)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.orig_argv = [sys.executable, *request["arguments"]]
    for forwarded in _FORWARDED:
        default = signal.default_int_handler if forwarded == signal.SIGINT else signal.SIG_DFL
        signal.signal(forwarded, signal.SIG_IGN if forwarded in request["ignored"] else default)
    if any(name.startswith("HF_") for name in os.environ):
        for name in filter(sys.modules.get, _READ_ENVIRONMENT):
            importlib.reload(sys.modules[name])
    script = request["arguments"][0]
    first = "" if script.startswith("-") else str(Path(script).resolve().parent)
    sys.path[:0] = [first, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]


def _run_command(kind: str, *words: str) -> None:
    """Run SCRIPT, -c PROGRAM or -m MODULE with its arguments, or -u SCRIPT, as torchrun starts its processes."""
    if kind == "-u":
        sys.path[0] = str(Path(words[0]).resolve().parent)
        kind, words = words[0], words[1:]
    if kind in ("-c", "-m"):
        sys.executable = os.environ.get(EXECUTABLE_VARIABLE, sys.executable)
    if kind == "-c":
        sys.argv = ["-c", *words[1:]]
        exec(compile(words[0], "<string>", "exec"), {"__name__": "__main__"})  # noqa: S102 - the user's own command
    elif kind == "-m":
        sys.argv = list(words)
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = [kind, *words]
        runpy.run_path(kind, run_name="__main__")


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), int(sys.argv[2]), socket.socket(fileno=int(sys.argv[3])), sys.argv[4:])

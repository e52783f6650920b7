"""A `python` for tests that starts at once: its server has imported what stages import, and forks for each command.

To import torch takes longer than a stage works on a tiny model. Nothing of `ibft` is imported beforehand, so each
command runs the sources that its own PYTHONPATH names. The client stands in for the process: what it gets of signals
goes to the fork, its end is the fork's end, and it ends as the fork does.

    subprocess.run([python(), "-m", "snakemake", ...])

Some commands start others by their `sys.executable`: of those that have no script, WARM_PYTHON in the environment takes
its place. Beside the client lies an `ibft`, as beside any Python that has the library.
"""

import atexit
import gc
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
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from filelock import FileLock

STAGES = (
    *("torch", "transformers", "peft", "datasets", "safetensors.torch"),
    *("pandas", "pyarrow.parquet", "scipy.stats", "matplotlib.pyplot", "jinja2", "pydantic", "yaml", "psutil", "tqdm"),
)
IMPORTED = (*STAGES, "snakemake.cli", "snakemake.api")
WHERE_INSTALLED = ("vllm",)
READ_ENVIRONMENT = ("huggingface_hub.constants", "datasets.config")  # when they are imported
FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
MOST_BYTES = 1 << 18
# Of built-in modules alone, since every command waits for it.
CLIENT = """
import _signal, _socket, array, marshal, os, sys
server = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
server.connect(sys.argv[1])
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
# All processes of one run of the tests share a server.
OWNER = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
FOLDER = Path(tempfile.gettempdir()) / f"python-{os.environ.get('PYTEST_XDIST_TESTRUNUID', OWNER)}"


def python() -> str:
    """Return the path of the client, which is called `python`. The server starts when this is first asked for.

    `make test-quick` starts so few stages that no server pays for itself: there it is the ordinary Python.
    """
    if "IBFT_QUICK" in os.environ:
        return sys.executable
    with FileLock(f"{FOLDER}.lock"):
        if not FOLDER.exists():
            start()
    return str(FOLDER / "python")


def start() -> None:
    """Start the server, which ends with the tests, and put its clients into its folder."""
    FOLDER.mkdir()
    server = subprocess.Popen([sys.executable, __file__, str(FOLDER), str(OWNER)], stdout=subprocess.PIPE)
    assert server.stdout is not None
    assert server.stdout.readline(), "the server ended before it was ready"
    (FOLDER / "client.py").write_text(CLIENT % (tuple(map(int, FORWARDED)),))
    client = f'#!/bin/sh\nexec "{sys.executable}" -IS "{FOLDER}/client.py" "{FOLDER}/socket" {{}} "$@"\n'
    for name, first in (("python", ""), ("ibft", "-c 'from ibft.cli import main; main()'")):
        (FOLDER / name).write_text(client.format(first))
        (FOLDER / name).chmod(0o755)


class Server:
    """Forks for every client that connects, until the process `owner` has ended."""

    def __init__(self, folder: Path, owner: int) -> None:
        self.folder = folder
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(str(folder / "socket"))
        self.listener.listen(64)
        self.owner_ended = os.pidfd_open(owner)
        self.poll = select.poll()
        self.heeded: dict[int, Callable[[], None]] = {}  # what to do when a descriptor can be read
        self.heed(self.listener.fileno(), self.accept)
        self.heed(self.owner_ended, self.end)

    def run(self) -> NoReturn:
        while True:
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
        self.heed(client.fileno(), partial(self.begin, client))

    def begin(self, client: socket.socket) -> None:
        """Run in a child what a client asks for."""
        self.forget(client.fileno())
        message, descriptors, _, _ = socket.recv_fds(client, MOST_BYTES, 3)
        if message:
            process = os.fork()
            if process == 0:
                become(marshal.loads(message), descriptors)
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

    def end(self) -> None:
        shutil.rmtree(self.folder)
        Path(f"{self.folder}.lock").unlink(missing_ok=True)
        sys.exit()


def serve(folder: Path, owner: int) -> NoReturn:
    """Import what stages import, say so, and serve."""
    for name in (*IMPORTED, *filter(importlib.util.find_spec, WHERE_INSTALLED)):
        importlib.import_module(name)
    assert not [name for name in sys.modules if name.partition(".")[0] == "ibft"]
    for finalizer in weakref.finalize._registry:  # type: ignore[attr-defined]
        finalizer.atexit = False  # a command tidies up what is its own
    gc.collect()
    gc.freeze()
    server = Server(folder, owner)
    print("ready", flush=True)
    server.run()


def become(request: dict[str, Any], descriptors: list[int]) -> NoReturn:
    """Be the process that a client stands for, to its end."""
    take_over(request, descriptors)
    status = 0
    try:
        if importlib.util.find_spec("sitecustomize"):
            importlib.import_module("sitecustomize")  # as every Python does that starts
        run_command(*request["arguments"])
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


def take_over(request: dict[str, Any], descriptors: list[int]) -> None:
    """Take the files, the folder, the environment, the signals and the search path that the client started with."""
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
    os.closerange(3, 1 << 16)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.orig_argv = [sys.executable, *request["arguments"]]
    for forwarded in FORWARDED:
        default = signal.default_int_handler if forwarded == signal.SIGINT else signal.SIG_DFL
        signal.signal(forwarded, signal.SIG_IGN if forwarded in request["ignored"] else default)
    if any(name.startswith("HF_") for name in os.environ):
        for name in READ_ENVIRONMENT:
            importlib.reload(sys.modules[name])
    script = request["arguments"][0]
    first = "" if script.startswith("-") else str(Path(script).resolve().parent)
    sys.path[:0] = [first, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]


def run_command(kind: str, *words: str) -> None:
    """Run SCRIPT, -c PROGRAM or -m MODULE with its arguments, or -u SCRIPT, as torchrun starts its processes."""
    if kind == "-u":
        sys.path[0] = str(Path(words[0]).resolve().parent)
        kind, words = words[0], words[1:]
    if kind in ("-c", "-m"):
        sys.executable = os.environ.get("WARM_PYTHON", sys.executable)
    if kind == "-c":
        sys.argv = ["-c", *words[1:]]
        exec(compile(words[0], "<string>", "exec"), {"__name__": "__main__"})
    elif kind == "-m":
        sys.argv = list(words)
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = [kind, *words]
        runpy.run_path(kind, run_name="__main__")


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]))

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
import json
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
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

STAGES = (
    *("torch", "transformers", "peft", "datasets", "safetensors.torch"),
    *("pandas", "pyarrow.parquet", "scipy.stats", "matplotlib.pyplot", "jinja2", "pydantic", "yaml", "psutil", "tqdm"),
)
IMPORTED = (*STAGES, "snakemake.cli", "snakemake.api")
WHERE_INSTALLED = ("vllm",)
READ_ENVIRONMENT = ("huggingface_hub.constants", "datasets.config")  # when they are imported
FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
MOST_BYTES = 1 << 18
CLIENT = """
import json, os, signal, socket, sys
server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
server.connect(sys.argv[1])
forwarded = %s
ignored = [number for number in forwarded if signal.getsignal(number) is signal.SIG_IGN]
request = {"arguments": sys.argv[2:], "folder": os.getcwd(), "environment": dict(os.environ), "ignored": ignored}
for number in forwarded:
    if number not in ignored:
        signal.signal(number, lambda number, _: server.send(bytes([number])))
socket.send_fds(server, [json.dumps(request).encode()], [0, 1, 2])
status = json.loads(server.recv(64) or "1")
if status < 0:
    if -status in forwarded:
        signal.signal(-status, signal.SIG_DFL)
    os.kill(os.getpid(), -status)
os._exit(status)
"""


_running: list[tuple[subprocess.Popen[bytes], Path]] = []


def python() -> str:
    """Return the path of the client, which is called `python`. The server starts when this is first asked for.

    `make test-quick` starts so few stages that no server pays for itself: there it is the ordinary Python.
    """
    if "IBFT_QUICK" in os.environ:
        return sys.executable
    if not _running:
        folder = Path(tempfile.mkdtemp(prefix="python-"))
        server = subprocess.Popen([sys.executable, __file__, str(folder / "socket")], stdout=subprocess.PIPE)
        _running.append((server, folder))
        assert server.stdout is not None
        assert server.stdout.readline(), "the server ended before it was ready"
        (folder / "client.py").write_text(CLIENT % (tuple(map(int, FORWARDED)),))
        client = f'#!/bin/sh\nexec "{sys.executable}" -IS "{folder}/client.py" "{folder}/socket" {{}} "$@"\n'
        for name, first in (("python", ""), ("ibft", "-c 'from ibft.cli import main; main()'")):
            (folder / name).write_text(client.format(first))
            (folder / name).chmod(0o755)
    return str(_running[0][1] / "python")


def stop() -> None:
    """End the server, if it runs."""
    while _running:
        server, folder = _running.pop()
        server.kill()
        server.wait()
        shutil.rmtree(folder)


def serve(place: str) -> None:
    """Fork for every client that connects, without end."""
    for name in (*IMPORTED, *filter(importlib.util.find_spec, WHERE_INSTALLED)):
        importlib.import_module(name)
    assert not [name for name in sys.modules if name.partition(".")[0] == "ibft"]
    gc.collect()
    gc.freeze()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(place)
    listener.listen(64)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who attend to clients
    print("ready", flush=True)
    while True:
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            attend(connection)
        connection.close()


def attend(connection: socket.socket) -> NoReturn:
    """Run what a client asks for in a child, and tell the client how that ends."""
    message, descriptors, _, _ = socket.recv_fds(connection, MOST_BYTES, 3)
    child = os.fork()
    if child == 0:
        connection.close()
        become(json.loads(message), descriptors)
    for descriptor in descriptors:
        os.close(descriptor)
    ended = os.pidfd_open(child)
    waiting = select.poll()
    waiting.register(ended, select.POLLIN)
    waiting.register(connection, select.POLLIN)
    while ended not in (ready := dict(waiting.poll())):
        if connection.fileno() in ready:
            number = connection.recv(1)
            signal.pidfd_send_signal(ended, number[0] if number else signal.SIGKILL)
            if not number:
                break
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    with suppress(OSError):  # the client was killed
        connection.send(json.dumps(status).encode())
    os._exit(0)


def become(request: dict[str, Any], descriptors: list[int]) -> NoReturn:
    """Run a command line of Python's: SCRIPT, -c PROGRAM or -m MODULE, with its arguments."""
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
    os.closerange(3, 256)
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
    kind, *words = request["arguments"]
    if kind in ("-c", "-m"):
        sys.executable = os.environ.get("WARM_PYTHON", sys.executable)
    first = "" if kind.startswith("-") else str(Path(kind).resolve().parent)
    sys.path[:0] = [first, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    status = 0
    try:
        if importlib.util.find_spec("sitecustomize"):
            importlib.import_module("sitecustomize")  # as every Python does that starts
        if kind == "-c":
            sys.argv = ["-c", *words[1:]]
            exec(compile(words[0], "<string>", "exec"), {"__name__": "__main__"})
        elif kind == "-m":
            sys.argv = words
            runpy.run_module(words[0], run_name="__main__", alter_sys=True)
        else:
            sys.argv = [kind, *words]
            runpy.run_path(kind, run_name="__main__")
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


if __name__ == "__main__":
    serve(sys.argv[1])

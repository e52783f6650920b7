"""The warm Python of a run of the tests: one server for all their processes.

    subprocess.run([python(), "-m", "snakemake", ...])

Its clients are called `python` and `ibft`, as beside any Python that has the library.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from filelock import FileLock

from ibft.runtime.warm_python import ANALYSES, MODELS, start_server

IMPORTED = (*MODELS, *ANALYSES, "snakemake.cli", "snakemake.api", "vllm")
# All processes of one run of the tests share a server.
OWNER = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
FOLDER = Path(tempfile.gettempdir()) / f"python-{os.environ.get('PYTEST_XDIST_TESTRUNUID', OWNER)}"


def python() -> str:
    """Return the path of the client, which is called `python`. The server starts when this is first asked for.

    `make test-quick` starts so few stages that no server pays for itself: there it is the ordinary Python.
    """
    if "IBFT_QUICK" in os.environ:
        return sys.executable
    FOLDER.mkdir(exist_ok=True)
    with FileLock(FOLDER / "lock"):
        if not (FOLDER / "python").exists():
            start()
    return str(FOLDER / "python")


def start() -> None:
    """Start the server, which ends with the tests, and wait until it is ready."""
    server = start_server(FOLDER, OWNER, IMPORTED, subprocess.PIPE)
    assert server.stdout is not None
    assert server.stdout.readline(), "the server ended before it was ready"

"""A warm Python is one that starts at once, and else the ordinary one."""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ibft.runtime.warm_python import start_server

IMPORTED = "fractions"  # by nothing that starts Python
WARM = f"import sys; assert '{IMPORTED}' in sys.modules; "


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of the clients of a server that has imported next to nothing."""
    folder = tmp_path_factory.mktemp("clients")
    server = start_server(folder, os.getpid(), [IMPORTED, "not_installed"], subprocess.PIPE)
    assert server.stdout is not None
    assert server.stdout.readline() == b"ready\n"
    yield folder
    server.terminate()
    server.stdout.close()
    assert server.wait(10) == 0
    assert not folder.exists()


def test_a_command_is_a_fork_that_has_imported_already(clients: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(WARM + "import os; print(sys.argv[1:], os.getcwd(), os.environ['OWN'], input())")
    environment = {**os.environ, "OWN": "mine"}
    command = [clients / "python", script, "a b", "-c"]
    warm = run(command, env=environment, cwd=tmp_path, input="typed")
    assert warm.stdout == f"['a b', '-c'] {tmp_path} mine typed\n", warm.stderr


def test_modules_and_programs_run_as_they_do_elsewhere(clients: Path) -> None:
    for options in (["-c", "import sys; print(sys.argv)", "x"], ["-m", "json.tool", "--help"], ["-c", "1/0"]):
        ordinary, warm = (run([python, *options]) for python in (sys.executable, clients / "python"))
        assert (warm.returncode, warm.stdout) == (ordinary.returncode, ordinary.stdout)
        assert warm.stderr.splitlines()[-1:] == ordinary.stderr.splitlines()[-1:]


@pytest.mark.parametrize(
    ("program", "status"),
    [("sys.exit(3)", 3), ("sys.exit('a sentence')", 1), ("import os; os.kill(os.getpid(), 9)", -9)],
)
def test_a_client_ends_as_its_fork_ends(clients: Path, program: str, status: int) -> None:
    assert run([clients / "python", "-c", WARM + program]).returncode == status


def test_signals_reach_the_fork_and_it_dies_with_a_killed_client(clients: Path) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        client, fork = sleeping(clients)
        client.send_signal(number)
        assert client.wait(10) == -number
        assert ended(fork)
        client.stdout.close()


def test_without_a_server_a_client_is_the_ordinary_python(tmp_path: Path) -> None:
    server = start_server(tmp_path, os.getpid(), [], subprocess.DEVNULL)
    server.kill()
    server.wait()
    program = "import sys; print(sys.flags.isolated, sys.executable)"
    cold = run([tmp_path / "python", "-c", program])
    assert cold.stdout == f"0 {sys.executable}\n", cold.stderr


def test_what_runs_when_the_owner_dies_can_still_be_ended_by_its_client(tmp_path: Path) -> None:
    owner = subprocess.Popen(["sleep", "60"])
    server = start_server(tmp_path, owner.pid, [IMPORTED], subprocess.PIPE)
    assert server.stdout is not None
    server.stdout.readline()
    client, fork = sleeping(tmp_path)
    owner.kill()
    owner.wait()
    deadline = time.monotonic() + 10
    while tmp_path.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert server.poll() is None
    client.terminate()
    assert client.wait(10) == -signal.SIGTERM
    assert ended(fork)
    assert server.wait(10) == 0
    for process in (client, server):
        process.stdout.close()


def test_a_fork_dies_with_a_killed_server(tmp_path: Path) -> None:
    server = start_server(tmp_path, os.getpid(), [IMPORTED], subprocess.PIPE)
    assert server.stdout is not None
    server.stdout.readline()
    client, fork = sleeping(tmp_path)
    server.kill()
    server.wait()
    assert client.wait(10) == 1
    assert ended(fork)
    for process in (client, server):
        process.stdout.close()


def sleeping(clients: Path) -> tuple["subprocess.Popen[bytes]", int]:
    """Start a warm command that sleeps; return its client, and a descriptor of its fork."""
    told = WARM + "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    client = subprocess.Popen([clients / "python", "-c", told], stdout=subprocess.PIPE)
    assert client.stdout is not None
    return client, os.pidfd_open(int(client.stdout.readline()))


def run(command: list[str | Path], **how: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, **how)


def ended(process: int) -> bool:
    """Wait for the end of a process, of which a descriptor is given."""
    waiting = select.poll()
    waiting.register(process, select.POLLIN)
    is_over = bool(waiting.poll(10_000))
    os.close(process)
    return is_over

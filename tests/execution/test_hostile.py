"""Hostile completions: none passes, none gets out, nothing is left, and the honest sample after each one passes."""

import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ibft.config import Execution
from ibft.execution.judge import Judge, Judged
from tests.execution import hostile_python, hostile_verilog
from tests.execution.problems import PYTHON, VERILOG, VERILOG_SAMPLES, frame

SETTINGS = Execution(python_timeout_s=0.4, verilog_timeout_s=1.0, memory_mb=512)
SECRET = "ibft-secret-value"


class Host:
    """What a completion must neither reach nor change."""

    def __init__(self, folder: Path) -> None:
        self.canary = folder / "private" / "canary.txt"
        self.canary.parent.mkdir()
        self.canary.write_text("untouched")
        self.scratch = folder / "scratch"
        self.scratch.mkdir()
        self.scratch.chmod(0o777)  # whatever the umask says: at level B root's cells may belong to nobody
        self.connections = 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._count, daemon=True).start()

    def _count(self) -> None:
        while True:
            try:
                self._server.accept()[0].close()
            except OSError:
                return
            self.connections += 1

    def close(self) -> None:
        self._server.close()

    def processes(self) -> list[str]:
        """Command lines of processes that were started for this host's judge, or work in its scratch folder."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                command = (process / "cmdline").read_bytes().decode(errors="replace")
                place = str((process / "cwd").readlink())
            except OSError:
                continue  # it ended, or is not ours to look at
            if str(self.scratch) in command + place:
                found.append(command)
        return found


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    made = Host(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(made.scratch))
    monkeypatch.setenv("IBFT_TEST_TOKEN", SECRET)
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)  # so that only the sandbox keeps a completion out
    yield made
    made.close()


@pytest.mark.parametrize("level", ["A", "B"], indirect=True)
def test_hostile_python_gains_nothing(level: str, host: Host) -> None:
    attacks = {
        name: text.replace("CANARY", str(host.canary)).replace("PORT", str(host.port)).replace("SECRET", SECRET)
        for name, text in hostile_python.ATTACKS.items()
    }
    honest = "def total(values, extra):\n    return sum(values) + extra  # after {}\n"
    check_all(PYTHON, attacks, honest, level, host)
    assert host.connections == 0


@pytest.mark.skipif(not shutil.which("iverilog"), reason="iverilog is not installed")
@pytest.mark.parametrize("level", ["A", "B"], indirect=True)
def test_hostile_verilog_gains_nothing(level: str, host: Host) -> None:
    attacks = {
        name: text.replace("CANARY", str(host.canary)).replace("COUNT", str(VERILOG_SAMPLES))
        for name, text in hostile_verilog.ATTACKS.items()
    }
    honest = "\talways @(posedge clk) if (reset) q <= 0; else q <= d; // after {}\nendmodule\n"
    check_all(VERILOG, attacks, honest, level, host)


def check_all(problem: dict[str, str | None], attacks: dict[str, str], honest: str, level: str, host: Host) -> None:
    """Judge every attack, each followed by an honest completion of its own, and look at what is left."""
    assert len(attacks) >= 30
    completions = [text for name in attacks for text in (attacks[name], honest.format(name))]
    samples = [(str(problem["task_id"]), i, completion) for i, completion in enumerate(completions)]
    with Judge(frame(problem), SETTINGS, workers=2, level=level) as judge:
        assert judge.excluded == {}
        judged = list(judge.verdicts(samples))
    hostile = dict(zip(attacks, judged[::2], strict=True))
    after = dict(zip(attacks, judged[1::2], strict=True))
    assert [name for name, row in hostile.items() if row.verdict.passed] == []
    assert [name for name, row in hostile.items() if "LEAK" in row.verdict.detail] == []
    assert [(name, row.verdict.detail) for name, row in after.items() if not row.verdict.passed] == []
    assert host.canary.read_text() == "untouched"
    assert not [path for path in Path("/tmp").glob("ibft-*") if path.name in ("ibft-escaped", "ibft-trace")]
    assert list(host.scratch.iterdir()) == []
    assert host.processes() == []
    show(hostile)


def show(hostile: dict[str, Judged]) -> None:
    """For `pytest -rP`: how each attack ended."""
    for name, row in hostile.items():
        official = "official harness fooled" if row.verdict.official_passed else ""
        print(f"{name:34} {row.verdict.status:18} {row.verdict.wall_s:6.2f} s {official:24} {row.verdict.detail[:90]}")

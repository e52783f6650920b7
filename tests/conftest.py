"""Fixtures that several test files share, and what `make test-quick` leaves out.

It sets IBFT_QUICK, which keeps a few cases of each parametrized test and of each long suite.
"""

import importlib.util
import math
import os
import signal
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from filelock import FileLock

from ibft.config.sections import Benchmark
from ibft.data.benchmarks import prepare_benchmark

if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when torch is imported: two with two threads each take ages

REPOSITORY = Path(__file__).resolve().parents[1]
WORKFLOW = REPOSITORY / "tests" / "workflow"
QUICK = "IBFT_QUICK" in os.environ
QUICK_CASES = 1  # of each parametrized test
QUICK_SUITES = {"IBFT_HOSTILE_EVERY": "40", "IBFT_FUZZ_TRIES": "10", "IBFT_TEXT_BYTES": "200_000"}
if QUICK:
    os.environ.update(QUICK_SUITES)  # before the modules that read them are imported


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell that starts the tests with `&` lets them and all that they start ignore it, and some wait for its effect.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what needs vLLM where it is not installed, and deselect what `make test-quick` leaves out."""
    if importlib.util.find_spec("vllm") is None:  # to import it takes half a minute
        for item in items:
            if item.get_closest_marker("vllm"):
                item.add_marker(pytest.mark.skip(reason="vLLM is not installed here: make test-vllm"))
    if QUICK:
        kept = set(quick(items))
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = [item for item in items if item in kept]


def quick(items: list[pytest.Item]) -> Iterator[pytest.Item]:
    """Yield evenly spaced cases of every test that is neither marked `slow` nor about the whole workflow."""
    cases: dict[str, list[pytest.Item]] = {}
    for item in items:
        if not item.get_closest_marker("slow") and WORKFLOW not in item.path.parents:
            cases.setdefault(item.nodeid.partition("[")[0], []).append(item)
    for alike in cases.values():
        yield from alike[:: math.ceil(len(alike) / QUICK_CASES)]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if QUICK:
        left_out = "the whole workflow (tests/workflow), SLURM, vLLM, tests marked `slow`, and most cases of the others"
        terminalreporter.write_line(f"IBFT_QUICK left out {left_out}; `make test` runs them all.", yellow=True)


@pytest.fixture(scope="session", autouse=True)
def reference_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """References are measured once in a run of the tests, by whichever process comes first, and not the user's."""
    with pytest.MonkeyPatch.context() as patch:
        folder = shared_by_processes(tmp_path_factory) / "cache"
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


@pytest.fixture(scope="session")
def compiled_yosys(reference_cache: Path) -> Path:
    """The folder in which wasmtime keeps Yosys is the user's own: to compile it takes minutes, so one process does."""
    own, link = Path.home() / ".cache" / "wasmtime", reference_cache / "wasmtime"
    own.mkdir(parents=True, exist_ok=True)
    reference_cache.mkdir(parents=True, exist_ok=True)
    with FileLock(reference_cache / "wasmtime.lock"):
        if not link.exists():
            link.symlink_to(own)
        from ibft.synthesis.yosys import Yosys  # few tests need it

        Yosys(memory_mb=512, instructions=1)
    return link


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Public data that is not part of the repository; tests that want it are skipped where it is absent."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"public test data is absent: {folder}")
    return folder


def some(problems: pd.DataFrame, named: Collection[str]) -> pd.DataFrame:
    """Every fourth problem (`make references` takes each), and those that a test names."""
    every = int(os.environ.get("IBFT_REFERENCES_EVERY", "4"))
    return problems[(np.arange(len(problems)) % every == 0) | problems["task_id"].isin(named)]


def verilog_eval(shared_data: Path, half: str) -> pd.DataFrame:
    """PROBLEMS of VerilogEval-Human or -Machine, with their descriptions."""
    folder = shared_data / "verilog-eval"
    return prepare_benchmark(
        Benchmark(
            source=f"path:{folder}/VerilogEval_{half}.jsonl",
            descriptions=f"path:{folder}/VerilogDescription_{half}.jsonl",
            language="verilog",
        )
    )


@contextmanager
def made_once(factory: pytest.TempPathFactory, name: str) -> Iterator[tuple[Path, bool]]:
    """Yield a folder that all test processes of this run share, and true to the one that has to fill it."""
    folder = shared_by_processes(factory) / name
    whole = folder.with_name(f"{name}.whole")
    with FileLock(folder.with_name(f"{name}.lock")):
        is_new = not whole.exists()
        yield folder, is_new
        whole.touch()


def shared_by_processes(factory: pytest.TempPathFactory) -> Path:
    """A folder that all test processes of this run share."""
    base = factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

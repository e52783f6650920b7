"""Fixtures that several test files share."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
from filelock import FileLock

from ibft.config.inputs import Benchmark
from ibft.data.benchmarks import prepare_benchmark
from tests import warm_python

if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when torch is imported: two with two threads each take ages

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session", autouse=True)
def python_stops() -> Iterator[None]:
    """The server behind `warm_python.python` ends with the tests, where one of them has started it."""
    yield
    warm_python.stop()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Public data that is not part of the repository; tests that want it are skipped where it is absent."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"public test data is absent: {folder}")
    return folder


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
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    whole = folder.with_name(f"{name}.whole")
    with FileLock(folder.with_name(f"{name}.lock")):
        is_new = not whole.exists()
        yield folder, is_new
        whole.touch()

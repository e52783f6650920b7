"""Fixtures that several test files share."""

from pathlib import Path

import pandas as pd
import pytest

from ibft.config.inputs import Benchmark
from ibft.data.benchmarks import prepare_benchmark

REPOSITORY = Path(__file__).resolve().parents[1]


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

"""Real benchmarks, and examples in which parts of them were planted."""

import json
from pathlib import Path

import pandas as pd
import pytest

from ibft.config.sections import Benchmark
from ibft.data.benchmarks import prepare_benchmark
from ibft.store.schemas import EXAMPLES
from tests.conftest import verilog_eval


@pytest.fixture(scope="session")
def humaneval() -> pd.DataFrame:
    return prepare_benchmark(Benchmark(source="builtin:humaneval", language="python"))


@pytest.fixture(scope="session")
def verilogeval(shared_data: Path) -> pd.DataFrame:
    return verilog_eval(shared_data, "Human")


@pytest.fixture(scope="session")
def code_alpaca(shared_data: Path) -> pd.DataFrame:
    """Two thousand instruction/response pairs, most of them Python."""
    rows = json.loads((shared_data / "code_alpaca_2k.json").read_text())
    return examples(*((f"{row['instruction']}\n{row['input']}".strip(), row["output"]) for row in rows))


def examples(*pairs: tuple[str, str]) -> pd.DataFrame:
    """EXAMPLES e0, e1, ... of (instruction, response)."""
    rows = [
        {"example_id": f"e{number}", "instruction": instruction, "response": response, "language": "x", "source": "x"}
        for number, (instruction, response) in enumerate(pairs)
    ]
    return pd.DataFrame(rows, columns=EXAMPLES.schema.names)

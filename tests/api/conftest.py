"""Problems and a server for the tests of models behind an API, none of which needs torch."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ibft.store import parquet
from ibft.store.schemas import PROBLEMS
from tests.api.server import ApiServer, api_server

TASKS = ("b", "a", "d", "c", "e")


@pytest.fixture(scope="session")
def problems(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("problems") / "problems.parquet"
    rows = [
        {
            "task_id": task,
            "language": "verilog",
            "description": f"Connect {task} to out.",
            "prompt": f"module top_module (\n\tinput {task},\n\toutput out\n);\n",
            "entry_point": "top_module",
            "tests": "",
            "reference_solution": "",
        }
        for task in TASKS
    ]
    parquet.write_table(path, PROBLEMS, rows)
    return path


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with api_server() as running:
        yield running

"""A tiny model and prompts of different lengths, shared by the tests of sampling."""

from pathlib import Path

import pytest
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ibft.models.loading import load_model
from ibft.sampling.engine import Prompt
from ibft.sampling.seeds import sample_seed
from ibft.store import parquet
from ibft.store.schemas import PROBLEMS
from tests.tiny_model import make_tiny_model

TEXTS = (
    "def add(first: int, second: int) -> int:\n",
    "module top_module (\n    input [7:0] a,\n    output [7:0] out\n);",
    "x",
    "Return the sum of the first and the second number. " * 4,
    "assign out = a + b;\nendmodule\n",
)


TASKS = ("b", "a", "d", "c", "e")


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture(scope="session")
def problems(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("problems") / "problems.parquet"
    rows = [
        {
            "task_id": task,
            "language": "verilog",
            "description": f"Connect {task} to out." if task != "c" else None,
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
def loaded(tiny_model: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    return load_model(tiny_model, None, "float32")


def prompts(tokenizer: PreTrainedTokenizerBase, n: int, *, trial: int = 0, temperature: float = 1.0) -> list[Prompt]:
    return [
        Prompt(
            f"task{number}",
            tuple(tokenizer(text)["input_ids"]),
            tuple(sample_seed("tiny/ft", "bench", temperature, trial, f"task{number}", s) for s in range(n)),
        )
        for number, text in enumerate(TEXTS)
    ]

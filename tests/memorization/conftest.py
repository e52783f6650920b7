"""A tiny model, some examples, and the scripts as callable functions."""

import importlib.util
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import pytest
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ibft.models.loading import load_model
from tests.conftest import REPOSITORY
from tests.tiny_model import make_tiny_model

SCRIPTS = REPOSITORY / "workflow" / "scripts"
RESPONSES = (
    "def add(first, second):\n    return first + second",
    "    return max(values)",
    "module top_module (input a, output out);\n    assign out = ~a;\nendmodule",
    "for item in items:\n    if item.size > limit:\n        yield item.name, item.size * 2\n",
    "pass",
    "Ünïcödé → 漢字",
)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(scope="session")
def tiny(tiny_folder: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    return load_model(tiny_folder, None, "float32")


@pytest.fixture(scope="session")
def examples() -> pd.DataFrame:
    """Two dozen examples of mixed length, shortest 3 and longest a few hundred tokens."""
    rows = [
        {
            "example_id": f"e{number:02d}",
            "instruction": f"Write example {number}. " * (1 + number % 4),
            "response": response * (1 + number % 3),
            "language": "verilog" if "module" in response else "python",
            "source": "test",
        }
        for number, response in enumerate(RESPONSES * 4)
    ]
    return pd.DataFrame(rows)


@pytest.fixture(scope="session")
def real_examples(shared_data: Path) -> pd.DataFrame:
    """The first 200 instruction/response pairs of Code Alpaca that have a response."""
    rows = [row for row in json.loads((shared_data / "code_alpaca_2k.json").read_text()) if row["output"].strip()]
    return pd.DataFrame(
        {
            "example_id": [f"ca{number}" for number in range(200)],
            "instruction": [f"{row['instruction']}\n{row['input']}".strip() for row in rows[:200]],
            "response": [row["output"] for row in rows[:200]],
            "language": "python",
            "source": "code_alpaca",
        }
    )


def script(name: str) -> Callable[[Sequence[object]], None]:
    """`workflow/scripts/<name>.py` as a function of its command line, which lets exceptions through."""
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return lambda arguments: module.main(module.parser().parse_args([str(argument) for argument in arguments]))

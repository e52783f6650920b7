"""Two processes train as one does, with and without ZeRO, and go on where they were killed."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file

from ibft.config.deepspeed import own_settings
from ibft.config.sections import Training
from ibft.models.loading import load_model
from ibft.runtime.errors import UserError
from ibft.training.deepspeed_backend import deepspeed_settings
from ibft.training.distributed import World
from tests.conftest import REPOSITORY
from tests.tiny_model import make_tiny_model
from tests.training.several_processes import WAYS, run
from tests.warm_python import python


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one run per way, of two processes, and `alone`, of one."""
    folder = tmp_path_factory.mktemp("processes")
    base = make_tiny_model(folder / "model")
    run(base, folder / "alone")
    torchrun = [python(), "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    search_path = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "src")])
    environment = os.environ | {"PYTHONPATH": search_path, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    environment["WARM_PYTHON"] = python()
    script = REPOSITORY / "tests" / "training" / "several_processes.py"
    done = subprocess.run(
        [*torchrun, script, base, folder], env=environment, capture_output=True, text=True, check=False
    )
    if (folder / "cannot-start").exists():
        pytest.skip((folder / "cannot-start").read_text())
    assert done.returncode == 0, done.stderr[-5000:]
    return folder


def log(folder: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads((folder / "log.json").read_text())
    return rows


@pytest.mark.slow
@pytest.mark.parametrize("way", [name for way in WAYS for name in (way, f"{way}-resumed")])
def test_losses_and_adapters_are_those_of_one_process(trained: Path, way: str) -> None:
    for column in ("loss", "ce", "kl", "ce_ib", "gradient_norm", "learning_rate", "response_tokens"):
        found, correct = ([row[column] for row in log(trained / name)] for name in (way, "alone"))
        assert found == pytest.approx(correct, rel=1e-4), column
    adapters = [load_file(trained / name / "adapter" / "adapter_model.safetensors") for name in (way, "alone")]
    heads = [load_file(trained / name / "adapter" / "ib_head.safetensors") for name in (way, "alone")]
    for found, correct in (adapters, heads):
        assert found.keys() == correct.keys()
        for name, tensor in found.items():
            torch.testing.assert_close(tensor, correct[name], rtol=1e-3, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_saved_adapters_are_whole_and_load(trained: Path, way: str) -> None:
    adapter = load_file(trained / way / "adapter" / "adapter_model.safetensors")
    learned = {name: tensor for name, tensor in adapter.items() if "lora_B" in name}
    assert len(learned) == 3 * 7  # layers x projections
    assert all(tensor.dtype == torch.float32 and tensor.any() for tensor in learned.values())
    plain, tokenizer = load_model(trained / "model", None, "float32")
    tokens = torch.tensor([tokenizer.encode("module top_module")])
    before = plain(tokens).logits
    assert not torch.allclose(PeftModel.from_pretrained(plain, trained / way / "adapter")(tokens).logits, before)
    assert not list((trained / way).glob("checkpoint*"))


def test_shares_cover_every_example_once() -> None:
    assert World(1, 3).shares([9, 8, 7, 6, 5]) == [[9, 6], [8, 5], [7]]


@pytest.mark.parametrize(
    ("own", "told"),
    [
        ({"train_batch_size": 8}, "train_batch_size is 8, but training.batch_size is 4"),
        ({"train_micro_batch_size_per_gpu": 4}, "2 processes is 8, but training.batch_size is 4"),
        ({"optimizer": {"type": "SGD"}}, "remove 'optimizer'"),
        ({"train_micro_batch_size_per_gpu": 1, "gradient_accumulation_steps": 4}, "is 8, but"),
    ],
)
def test_a_deepspeed_file_that_contradicts_ours_is_refused(tmp_path: Path, own: dict[str, Any], told: str) -> None:
    file = tmp_path / "deepspeed.json"
    file.write_text(json.dumps({"zero_optimization": {"stage": 2}} | own))
    with pytest.raises(UserError, match=rf"compute\.deepspeed: .*{told}"):
        own_settings(f"path:{file}", Training(), 2)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (os.mkfifo, "it is a pipe"),
        (os.mkdir, "it is a folder"),
        (lambda file: file.write_text("[" * 100_000), "nested too deeply"),
        (lambda file: file.write_text("{"), "as JSON"),
        (lambda file: file.write_bytes(b'"\xff"'), "as JSON"),
    ],
)
def test_a_deepspeed_file_that_is_none_is_refused(tmp_path: Path, make: Callable[[Path], object], told: str) -> None:
    file = tmp_path / "deepspeed.json"
    make(file)
    with pytest.raises(UserError, match=rf"compute\.deepspeed: .*deepspeed\.json .*{told}"):
        own_settings(f"path:{file}", Training(), 2)


def test_a_deepspeed_file_without_batches_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "deepspeed.json"
    file.write_text(json.dumps({"zero_optimization": {"stage": 3}, "train_batch_size": "auto"}))
    settings = deepspeed_settings(f"path:{file}", Training(precision="bfloat16"), 2)
    assert (settings["train_batch_size"], settings["bf16"], settings["fp16"]) == (
        2,
        {"enabled": True},
        {"enabled": False},
    )

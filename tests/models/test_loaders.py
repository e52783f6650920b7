"""Nothing about a load is left to the model's files or to chance."""

import types
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from ibft.models import loaders
from ibft.models.loading import load_model
from ibft.runtime.errors import UserError
from ibft.store.manifests import write_manifest
from tests.models.hostile_models import edited
from tests.tiny_model import make_adapter, make_tiny_model

ADAPTER = "adapter_model.safetensors"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return make_tiny_model(tmp_path / "tiny")


@pytest.fixture
def adapter(model: Path, tmp_path: Path) -> Path:
    return make_adapter(model, tmp_path / "adapter")


def test_the_attention_is_ours_whatever_the_model_says(model: Path) -> None:
    edited(model, "config.json", attn_implementation="eager")
    assert loaders.read_model(model, torch.float32).config._attn_implementation == "sdpa"


def test_an_adapter_that_lacks_a_tensor_is_refused(model: Path, adapter: Path) -> None:
    tensors = load_file(adapter / ADAPTER)
    del tensors[min(tensors)]
    save_file(tensors, adapter / ADAPTER)
    write_manifest(adapter)
    with pytest.raises(UserError, match="lacks tensors that its configuration asks for"):
        load_model(model, adapter, "float32", merge=True)


def test_an_adapter_in_a_pickle_is_refused(model: Path, adapter: Path) -> None:
    torch.save(load_file(adapter / ADAPTER), adapter / "adapter_model.bin")
    (adapter / ADAPTER).unlink()
    write_manifest(adapter)
    with pytest.raises(UserError, match=r"has no adapter_model\.safetensors"):
        load_model(model, adapter, "float32")


@pytest.mark.parametrize(
    "change", [{"peft_type": "XLORA"}, {"auto_mapping": {"base_model_class": "X", "parent_library": "evil"}}]
)
def test_another_kind_of_adapter_is_refused(model: Path, adapter: Path, change: dict[str, Any]) -> None:
    edited(adapter, "adapter_config.json", **change)
    write_manifest(adapter)
    with pytest.raises(UserError, match="is no plain LoRA adapter"):
        load_model(model, adapter, "float32")


def test_vllm_is_told_what_to_read_and_to_run_no_code(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told: dict[str, Any] = {}
    monkeypatch.setattr(loaders.importlib, "import_module", lambda _: types.SimpleNamespace(LLM=told.update))
    loaders.start_vllm(tmp_path, "bfloat16", block_size=32)
    assert told["trust_remote_code"] is False
    assert (told["load_format"], told["config_format"], told["tokenizer_mode"]) == ("safetensors", "hf", "hf")
    assert (told["model"], told["dtype"], told["block_size"]) == (str(tmp_path), "bfloat16", 32)

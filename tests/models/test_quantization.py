"""Weights in NF4 are those of QLoRA, of the decoder alone, under LoRA that trains, and only where they can be."""

import importlib.util
import logging
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest
import torch
from torch import nn

from ibft.config.sections import LoRA, Training
from ibft.models import loading
from ibft.models.loading import load_model, load_quantized
from ibft.models.lora import add_lora
from ibft.models.quantization import nf4
from ibft.runtime.errors import UserError
from ibft.training.fused_lora import fuse_lora
from ibft.training.model import IBModel
from tests.tiny_model import make_tiny_model


@pytest.fixture(scope="module")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("model"))


def pretend_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let torch say that it has a GPU, and Python that it has bitsandbytes."""
    find, installed = importlib.util.find_spec, {"bitsandbytes": ModuleSpec("bitsandbytes", None)}
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: installed.get(name) or find(name, *rest))


class FourBits(nn.Linear):
    """A stand-in for bitsandbytes' Linear4bit: a kind of linear layer whose weight is no matrix of numbers."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__(linear.in_features, linear.out_features, bias=False)
        self.hidden = linear.weight.detach()
        self.weight = nn.Parameter(torch.zeros(linear.weight.numel() // 2, 1, dtype=torch.uint8), requires_grad=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self.hidden.T.to(x.dtype)


def test_no_gpu_is_said_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"training\.precision: nf4 trains on a GPU"):
        load_quantized(tmp_path / "missing")


def test_a_missing_library_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(UserError, match=r"needs bitsandbytes: run `uv sync --extra nf4`"):
        nf4()


def test_the_quantization_is_that_of_qlora(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_gpu(monkeypatch)
    asked = nf4().to_dict()
    assert asked["load_in_4bit"] and asked["bnb_4bit_use_double_quant"]
    assert (asked["bnb_4bit_quant_type"], asked["bnb_4bit_compute_dtype"]) == ("nf4", "bfloat16")


def test_a_model_is_asked_for_in_four_bits(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked: dict[str, object] = {}
    plain, _ = load_model(tiny_folder, None, "bfloat16")
    pretend_gpu(monkeypatch)

    def read(_folder: Path, dtype: torch.dtype, **settings: object) -> nn.Module:
        asked.update(settings, dtype=dtype)
        return plain

    monkeypatch.setattr(loading, "read_model", read)
    monkeypatch.setattr(loading, "device", lambda: torch.device("cuda"))
    with caplog.at_level(logging.INFO, loading.__name__):
        model, _ = load_quantized(tiny_folder)
    assert model is plain
    assert asked.pop("quantization").bnb_4bit_quant_type == "nf4"
    assert asked == {"dtype": torch.bfloat16, "place": torch.device("cuda")}
    assert "nf4" in caplog.text


def test_lora_stands_beside_four_bits_and_reads_them_by_their_layer(tiny_folder: Path) -> None:
    model, _ = load_model(tiny_folder, None, "float32")
    ids_BT = torch.arange(3, 20)[None]
    before_BTV = model(ids_BT).logits
    for block in model.model.layers:
        for parent in (block.self_attn, block.mlp):
            for name, child in list(parent.named_children()):
                if isinstance(child, nn.Linear):
                    setattr(parent, name, FourBits(child))
    add_lora(model, LoRA())
    assert fuse_lora(model) == 0
    model.eval()
    torch.testing.assert_close(model(ids_BT).logits, before_BTV)
    ib_model = IBModel(model, None, Training(precision="nf4").precision)
    assert ib_model.dtype == torch.bfloat16
    assert {name.split(".")[-3] for name in ib_model.trained()} == {"lora_A", "lora_B"}
    model(ids_BT).logits.sum().backward()
    assert all(p.grad is not None for name, p in ib_model.trained().items() if "lora_B" in name)

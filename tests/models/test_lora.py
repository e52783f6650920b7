"""LoRA on every linear layer of the decoder by default, whatever they are called, and never on the head."""

from pathlib import Path

import pytest
import torch

from ibft.config.sections import LoRA
from ibft.gradients.lora_gradients import lora_linears
from ibft.models.architecture import decoder
from ibft.models.loading import load_model
from ibft.models.lora import add_lora
from ibft.runtime.errors import UserError
from ibft.store.manifests import write_manifest
from ibft.training.fused_lora import fuse_lora
from tests.models.families import LAYERS, make_family
from tests.models.test_agreement import prepared

LLAMA = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


def adapted(family: str, lora: LoRA) -> set[str]:
    model = make_family(family)
    add_lora(model, lora)
    return {name for name, _ in model.named_modules() if name.endswith(".lora_A")}


def test_auto_is_what_was_the_default_for_llama() -> None:
    assert adapted("llama", LoRA()) == adapted("llama", LoRA(target_modules=LLAMA))
    assert len(adapted("llama", LoRA())) == LAYERS * len(LLAMA)


@pytest.mark.parametrize(
    ("family", "kinds"),
    [
        ("gpt2", {"c_attn", "c_proj", "c_fc"}),
        ("falcon", {"query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"}),
        ("mixtral", {"q_proj", "k_proj", "v_proj", "o_proj"}),
        ("phimoe", {"q_proj", "k_proj", "v_proj", "o_proj"}),
        ("gemma3", set(LLAMA)),
    ],
)
def test_auto_takes_the_linear_layers_of_the_decoder_alone(family: str, kinds: set[str]) -> None:
    model = make_family(family)
    add_lora(model, LoRA())
    assert {n.split(".")[-2] for n, _ in model.named_modules() if n.endswith(".lora_A")} == kinds
    assert type(model.get_output_embeddings()) is torch.nn.Linear
    assert len(lora_linears(model)) == len(lora_linears(decoder(model)))


@pytest.mark.parametrize(
    ("family", "target", "offered"),
    [("gpt2", "q_proj", "c_attn, c_fc, c_proj"), ("mixtral", "w1", "k_proj, o_proj, q_proj, v_proj")],
)
def test_what_is_refused_says_which_layers_there_are(family: str, target: str, offered: str) -> None:
    with pytest.raises(UserError, match=rf"target_modules: a model of type {family} .* '{target}' .* has {offered}$"):
        add_lora(make_family(family), LoRA(target_modules=(target,)))


def test_an_adapter_of_gpt_2_merges(tmp_path: Path) -> None:
    """Its layers keep their weights transposed, and are left to peft's own forward pass."""
    folder = prepared("gpt2", tmp_path / "base")
    model, _ = load_model(folder, None, "float32")
    with_lora = add_lora(model, LoRA(rank=4, dropout=0))
    torch.manual_seed(0)
    for linear in lora_linears(model):
        torch.nn.init.normal_(linear.weight, std=0.3)
    assert fuse_lora(model) == 0
    with_lora.save_pretrained(tmp_path / "adapter")
    write_manifest(tmp_path / "adapter")
    merged, _ = load_model(folder, tmp_path / "adapter", "float32", merge=True)
    ids_1T = torch.arange(10, 40)[None]
    with torch.no_grad():
        found, expected = merged(ids_1T).logits, with_lora.eval()(input_ids=ids_1T).logits
        assert not torch.allclose(expected, make_family("gpt2")(ids_1T).logits, atol=0.1)
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-4)  # logits of tens, rounded to float32

"""Models that must not be prepared: each is a tiny valid model with one thing wrong, and the sentence that refuses it.

@hostile("a regular expression that the sentence matches")
def what_is_wrong(folder: Path) -> None:
    ...change the model in `folder`...
"""

import json
import os
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from tests.tiny_model import LAYERS

CODE = "raise SystemExit('the code of the model was run')"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
UP = "model.layers.1.mlp.up_proj.weight"


@dataclass(frozen=True)
class HostileModel:
    name: str
    sentence: str
    change: Callable[[Path], None]


HOSTILE: list[HostileModel] = []


def hostile(sentence: str) -> Callable[[Callable[[Path], None]], Callable[[Path], None]]:
    def keep(change: Callable[[Path], None]) -> Callable[[Path], None]:
        HOSTILE.append(HostileModel(change.__name__, sentence, change))
        return change

    return keep


def hostile_setting(file: str, sentence: str, **values: Any) -> None:
    """A model whose JSON file holds these values; the sentence begins with the file's name."""
    name = f"{file}:{','.join(f'{key}={value}'[:40] for key, value in values.items())}"
    HOSTILE.append(HostileModel(name, f"{re.escape(file)} {sentence}", lambda folder: edited(folder, file, **values)))


def edited(folder: Path, name: str, **values: Any) -> None:
    path = folder / name
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def reweighed(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    weights = load_file(folder / WEIGHTS)
    change(weights)
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})


def in_shards(folder: Path, count: int = 2) -> dict[str, str]:
    """Cut the weights into files with an index, and return its map."""
    weights = load_file(folder / WEIGHTS)
    (folder / WEIGHTS).unlink()
    place = {name: f"model-{number % count + 1:05d}-of-{count:05d}.safetensors" for number, name in enumerate(weights)}
    for file in set(place.values()):
        save_file({name: weights[name] for name in weights if place[name] == file}, folder / file, {"format": "pt"})
    write_index(folder, place)
    return place


def write_index(folder: Path, place: object) -> None:
    (folder / INDEX).write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": place}))


def retemplated(folder: Path, template: str) -> None:
    (folder / "chat_template.jinja").write_text(template)


# Code and settings that are not the model's to make.


@hostile(r"config\.json asks for auto_map: .*never run here")
def code_for_the_configuration(folder: Path) -> None:
    (folder / "configuration_mine.py").write_text(CODE)
    edited(folder, "config.json", model_type="mine", auto_map={"AutoConfig": "configuration_mine.MineConfig"})


@hostile(r"tokenizer_config\.json asks for auto_map: .*never run here")
def code_for_the_tokenizer(folder: Path) -> None:
    (folder / "tokenization_mine.py").write_text(CODE)
    names = ["tokenization_mine.MineTokenizer", None]
    edited(folder, "tokenizer_config.json", tokenizer_class="MineTokenizer", auto_map={"AutoTokenizer": names})


@hostile(r"config\.json asks for _attn_implementation: '.*decided here alone")
def attention_from_the_hub_deep_inside(folder: Path) -> None:
    edited(folder, "config.json", text_config={"deeper": [{"_attn_implementation": "kernels-community/evil"}]})


hostile_setting("config.json", r"asks for auto_map", auto_map={"AutoModelForCausalLM": "somebody/else--modeling.Mine"})
hostile_setting("config.json", r"asks for attn_implementation.*decided here", attn_implementation="flash_attention_3")
hostile_setting("config.json", r"asks for _attn_implementation.*decided here", _attn_implementation="eager")
hostile_setting("config.json", r"asks for trust_remote_code.*never run here", trust_remote_code=True)
hostile_setting("config.json", r"asks for custom_pipelines.*never run here", custom_pipelines={"x": {"impl": "x.X"}})
hostile_setting("config.json", r"asks for transformers_weights.*decided here", transformers_weights="../x.safetensors")
hostile_setting("config.json", r"asks for fusion_config.*never run here", fusion_config={"x": "y"})
hostile_setting("config.json", r"asks for quantization_config.*quantised", quantization_config={"quant_method": "gptq"})
hostile_setting("generation_config.json", r"asks for trust_remote_code", trust_remote_code=True)
hostile_setting("generation_config.json", r"asks for custom_generate", custom_generate="somebody/else")
hostile_setting("tokenizer_config.json", r"asks for fast_tokenizer_files", fast_tokenizer_files=["../tokenizer.json"])


@hostile(r"adapter_config\.json, so it is an adapter and no model")
def an_adapter_beside_the_weights(folder: Path) -> None:
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "base_model_name_or_path": "a/b"}))


# Configurations that lie.

hostile_setting("config.json", r"is of no model that transformers .* knows by itself", model_type="no-such-model")
hostile_setting("config.json", r"says hidden_size: 'a lot', which must be a whole number", hidden_size="a lot")
hostile_setting("config.json", r"says vocab_size: -320, which must be", vocab_size=-320)
hostile_setting("config.json", r"says vocab_size: 320\.0, which must be", vocab_size=320.0)
hostile_setting("config.json", r"says vocab_size: \d+, which must be", vocab_size=10**12)
hostile_setting("config.json", r"says hidden_size: True, which must be", hidden_size=True)
hostile_setting("config.json", r"says intermediate_size: 1\d*\.\.\.\d+, which must be", intermediate_size=10**200)
hostile_setting("config.json", r"says max_position_embeddings: 0, which must be", max_position_embeddings=0)
hostile_setting("config.json", r"says num_attention_heads: 0, which must be", num_attention_heads=0)
hostile_setting("config.json", r"says rms_norm_eps: -1e-06, which must be a number above 0", rms_norm_eps=-1e-6)
hostile_setting("config.json", r"says rms_norm_eps: inf, which must be a number above 0", rms_norm_eps=float("inf"))
hostile_setting("config.json", r"is no JSON .*a number is NaN", rms_norm_eps=float("nan"))
hostile_setting("config.json", r"says attention_dropout: 7, which must be", attention_dropout=7)
hostile_setting("config.json", r"says rope_theta: 0, which must be", rope_parameters={"rope_theta": 0})
hostile_setting("config.json", r"says eos_token_id: 320, and its vocabulary has 320", eos_token_id=320)
hostile_setting("config.json", r"says eos_token_id: -1, and its vocabulary", eos_token_id=[2, -1])
hostile_setting("config.json", r"says pad_token_id: 99999, and its vocabulary", pad_token_id=99999)
hostile_setting("config.json", r"says that the weights are those of 'LlamaModel'", architectures=["LlamaModel"])
hostile_setting(
    "config.json",
    r"says that the weights are those of 'LlamaForSequenceClassification'.*head that predicts tokens",
    architectures=["LlamaForSequenceClassification"],
)


@hostile(r"layers: config says 3, but path:.* has 4; write `layers: 4`")
def more_layers_than_the_user_says(folder: Path) -> None:
    edited(folder, "config.json", num_hidden_layers=LAYERS + 1)


@hostile(r"layers: config says 3, but path:.* has 2; write `layers: 2`")
def fewer_layers_than_the_user_says(folder: Path) -> None:
    edited(folder, "config.json", num_hidden_layers=LAYERS - 1)


@hostile(r"type 'bert' is no causal language model")
def a_model_that_sees_both_sides(folder: Path) -> None:
    edited(folder, "config.json", model_type="bert", architectures=["BertForMaskedLM"])


@hostile(r"type 't5' is no causal language model")
def an_encoder_and_a_decoder(folder: Path) -> None:
    edited(folder, "config.json", model_type="t5", architectures=["T5ForConditionalGeneration"])


@hostile(r"its config\.json|config\.json is of no model|its architecture")
def an_activation_that_nobody_knows(folder: Path) -> None:
    edited(folder, "config.json", hidden_act="os.system")


# JSON that two parsers would read differently, or none.


@hostile(r"the model has no config\.json")
def no_configuration(folder: Path) -> None:
    (folder / "config.json").unlink()


@hostile(r"config\.json is no JSON that can be relied on")
def half_a_file(folder: Path) -> None:
    path = folder / "config.json"
    path.write_text(path.read_text()[:40])


@hostile(r"config\.json is nested too deeply")
def a_deep_file(folder: Path) -> None:
    (folder / "config.json").write_text("[" * 100_000)


@hostile(r"config\.json is larger than 16 MiB")
def a_huge_file(folder: Path) -> None:
    with (folder / "config.json").open("ab") as stream:
        stream.truncate(17 << 20)


@hostile(r"config\.json is not in UTF-8")
def a_file_in_another_encoding(folder: Path) -> None:
    (folder / "config.json").write_bytes('{"model_type": "lläma"}'.encode("latin-1"))


@hostile(r"config\.json is no JSON .*the key 'vocab_size' is there twice")
def a_key_that_is_there_twice(folder: Path) -> None:
    path = folder / "config.json"
    path.write_text(path.read_text().replace("{", '{"vocab_size": 7,', 1))


@hostile(r"config\.json holds no JSON object")
def a_list_for_a_configuration(folder: Path) -> None:
    (folder / "config.json").write_text("[1, 2]")


@hostile(r"config\.json is no JSON .*4300 digits")
def a_number_without_end(folder: Path) -> None:
    (folder / "config.json").write_text('{"vocab_size": ' + "9" * 5000 + "}")


@hostile(r"generation_config\.json is no JSON that can be relied on")
def half_a_generation_configuration(folder: Path) -> None:
    (folder / "generation_config.json").write_text("{")


# Files that are none of the model's.


@hostile(r"holds no \*\.safetensors file; pickles are never read")
def a_pickle_for_weights(folder: Path) -> None:
    (folder / WEIGHTS).rename(folder / "pytorch_model.bin")


@hostile(r"neither model\.safetensors nor model\.safetensors\.index\.json")
def weights_of_another_name(folder: Path) -> None:
    (folder / WEIGHTS).rename(folder / "weights.safetensors")


@hostile(r"index\.json names 'pytorch_model\.bin', which is no \*\.safetensors")
def an_index_of_a_pickle(folder: Path) -> None:
    place = in_shards(folder)
    torch.save({}, folder / "pytorch_model.bin")
    write_index(folder, {**place, UP: "pytorch_model.bin"})


@hostile(r"index\.json names '/.*', which is no \*\.safetensors file of the folder")
def an_index_of_an_absolute_path(folder: Path) -> None:
    place = in_shards(folder)
    (folder / place[UP]).rename(folder.parent / "out.safetensors")
    write_index(folder, dict.fromkeys(place, str(folder.parent / "out.safetensors")))


@hostile(r"index\.json names '\.\./out\.safetensors', which is no")
def an_index_that_climbs(folder: Path) -> None:
    place = in_shards(folder)
    (folder / place[UP]).rename(folder.parent / "out.safetensors")
    write_index(folder, {**place, UP: "../out.safetensors"})


@hostile(r"index\.json names 'model-00009.*', which is no")
def an_index_of_an_absent_file(folder: Path) -> None:
    write_index(folder, {**in_shards(folder), UP: "model-00009-of-00009.safetensors"})


@hostile(r"has no tensor 'model\.layers\.1\.mlp\.up_proj\.weight', as the index says")
def an_index_that_names_the_wrong_shard(folder: Path) -> None:
    place = in_shards(folder)
    others = {file for file in place.values() if file != place[UP]}
    write_index(folder, {**place, UP: min(others)})


@hostile(r"index\.json has no `weight_map`")
def an_index_of_numbers(folder: Path) -> None:
    write_index(folder, dict.fromkeys(in_shards(folder), 7))


@hostile(r"has model\.safetensors and, with other files, model\.safetensors\.index\.json")
def two_sets_of_weights(folder: Path) -> None:
    weights = (folder / WEIGHTS).read_bytes()
    in_shards(folder)
    (folder / WEIGHTS).write_bytes(weights)


@hostile(r"is in model-00001.* and in model-00002")
def a_tensor_in_two_shards(folder: Path) -> None:
    place = in_shards(folder)
    first, second = sorted(set(place.values()))
    save_file(load_file(folder / second) | load_file(folder / first), folder / second, {"format": "pt"})


@hostile(r"'model\.safetensors' in model folder .* is a link that leads out")
def a_link_to_weights_elsewhere(folder: Path) -> None:
    (folder / WEIGHTS).rename(folder.parent / "out.safetensors")
    (folder / WEIGHTS).symlink_to(folder.parent / "out.safetensors")


@hostile(r"'tokenizer_notes' in model folder .* is a link that leads out")
def a_link_to_a_secret(folder: Path) -> None:
    (folder / "tokenizer_notes").symlink_to("/etc/hostname")


@hostile(r"'config\.json' in model folder .* is a link that leads out")
def a_link_to_itself(folder: Path) -> None:
    (folder / "config.json").unlink()
    (folder / "config.json").symlink_to("config.json")


@hostile(r"'tokenizer\.json' in model folder .* is a pipe")
def a_pipe(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    os.mkfifo(folder / "tokenizer.json")


@hostile(r"'s' in model folder .* is a pipe, a socket or a device")
def a_socket(folder: Path) -> None:
    here = Path.cwd()
    os.chdir(folder)  # a socket's path is short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("s")
    os.chdir(here)


@hostile(r"'config\.json' in model folder .* is a link that leads out")
def a_link_to_a_device(folder: Path) -> None:
    (folder / "config.json").unlink()
    (folder / "config.json").symlink_to("/dev/zero")


@hostile(r"'model\.safetensors' in model folder .* is a folder with the name of a file")
def a_folder_for_weights(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    (folder / WEIGHTS).mkdir()

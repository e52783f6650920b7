"""Hostile models, second part: weights, tokenizers and chat templates; see `tests.models.hostile_models`."""

import json
import os
from pathlib import Path

import torch

from tests.models.hostile_models import UP, WEIGHTS, edited, hostile, retemplated, reweighed

# Weights.


@hostile(r"weights lack 'model\.layers\.1\.mlp\.up_proj\.weight', which LlamaForCausalLM")
def a_tensor_less(folder: Path) -> None:
    reweighed(folder, lambda weights: weights.pop(UP))


@hostile(r"weights lack 'lm_head\.weight'")
def no_head(folder: Path) -> None:
    edited(folder, "config.json", tie_word_embeddings=False)


@hostile(r"weights lack 'model\.layers\.2\..* and 8 more")
def a_layer_less(folder: Path) -> None:
    def drop(weights: dict[str, torch.Tensor]) -> None:
        for name in [name for name in weights if name.startswith("model.layers.2.")]:
            del weights[name]

    reweighed(folder, drop)


@hostile(r"weights hold 'model\.layers\.3\.mlp\.up_proj\.weight', which LlamaForCausalLM")
def a_tensor_of_a_layer_more(folder: Path) -> None:
    reweighed(folder, lambda weights: weights.update({UP.replace("1", "3"): torch.ones(64, 32)}))


@hostile(r"weights hold 'score\.weight'")
def the_head_of_a_reward_model(folder: Path) -> None:
    reweighed(folder, lambda weights: weights.update({"score.weight": torch.ones(1, 32)}))


@hostile(r"tensor 'model\.norm\.weight' has the shape \[7\].*\[32\]")
def another_shape(folder: Path) -> None:
    reweighed(folder, lambda weights: weights.update({"model.norm.weight": torch.ones(7)}))


@hostile(r"tensor 'model\.embed_tokens\.weight' has the shape \[320, 32\].*\[400, 32\]")
def a_vocabulary_unlike_the_embedding(folder: Path) -> None:
    edited(folder, "config.json", vocab_size=400)


@hostile(r"tensor .* has the shape .* LlamaForCausalLM with this config\.json has")
def a_width_that_takes_a_trillion_parameters(folder: Path) -> None:
    edited(folder, "config.json", intermediate_size=2**31 - 1, vocab_size=2**31 - 1)


@hostile(r"'model\.norm\.weight' holds numbers that are NaN or infinite")
def weights_that_are_not_a_number(folder: Path) -> None:
    reweighed(folder, lambda weights: weights["model.norm.weight"].__setitem__(3, float("nan")))


@hostile(r"'model\.layers\.1\.mlp\.up_proj\.weight' holds numbers that are NaN or infinite")
def weights_that_are_infinite(folder: Path) -> None:
    reweighed(folder, lambda weights: weights.update({UP: torch.full((64, 32), float("-inf"), dtype=torch.float16)}))


@hostile(r"tensor 'model\.layers\.1\.mlp\.up_proj\.weight' holds I64 in place of floating-point")
def weights_that_are_whole_numbers(folder: Path) -> None:
    reweighed(folder, lambda weights: weights.update({UP: torch.ones(64, 32, dtype=torch.int64)}))


@hostile(r"weights are quantised \('model\.layers\.1\.mlp\.up_proj\.weight', F8_E4M3\)")
def weights_of_eight_bits(folder: Path) -> None:
    reweighed(folder, lambda weights: weights.update({UP: torch.ones(64, 32).to(torch.float8_e4m3fn)}))


@hostile(r"weights are quantised \('model\.layers\.1\.mlp\.up_proj\.qweight', I32\)")
def packed_weights(folder: Path) -> None:
    packed = {UP.replace("weight", "qweight"): torch.ones(8, 32, dtype=torch.int32)}
    reweighed(folder, lambda weights: (weights.pop(UP), weights.update(packed)))


@hostile(r"model\.safetensors is no whole safetensors file")
def weights_cut_off(folder: Path) -> None:
    os.truncate(folder / WEIGHTS, (folder / WEIGHTS).stat().st_size - 100)


@hostile(r"model\.safetensors is no whole safetensors file")
def a_header_that_is_longer_than_the_file(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes((2**62).to_bytes(8, "little") + b"{}")


@hostile(r"model\.safetensors is no whole safetensors file")
def empty_weights(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes(b"")


@hostile(r"its weights take 15360\.0 GiB, and .* GiB are free")
def weights_larger_than_the_disk(folder: Path) -> None:
    os.truncate(folder / WEIGHTS, 15 << 40)  # a hole, but for the first bytes


# Tokenizers.


@hostile(r"tokenizer\.json is no JSON that can be relied on")
def half_a_tokenizer(folder: Path) -> None:
    path = folder / "tokenizer.json"
    path.write_text(path.read_text()[:1000])


@hostile(r"its tokenizer is none that transformers .* knows")
def a_tokenizer_of_an_unknown_kind(folder: Path) -> None:
    edited(folder, "tokenizer.json", model={"type": "Mine", "vocab": {}})


@hostile(r"its tokenizer is none that transformers .* knows|its tokenizer")
def no_tokenizer(folder: Path) -> None:
    for path in folder.glob("tokenizer*"):
        path.unlink()


@hostile(r"its tokenizer has a token 5000, and the model embeds only 320")
def more_tokens_than_embeddings(folder: Path) -> None:
    path = folder / "tokenizer.json"
    content = json.loads(path.read_text())
    content["model"]["vocab"]["surplus"] = 5000
    path.write_text(json.dumps(content))


@hostile(r"its tokenizer has no end-of-sequence token")
def no_end_of_sequence(folder: Path) -> None:
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps({key: value for key, value in json.loads(path.read_text()).items() if "eos" not in key}))


@hostile(r"its tokenizer (takes longer than|cannot be used .*retry-limit)")
def a_regular_expression_that_never_ends(folder: Path) -> None:
    bomb = {
        "type": "Split",
        "pattern": {"Regex": r"(([a-z])+.)+[A-Z]([a-z])+$"},
        "behavior": "Isolated",
        "invert": False,
    }
    edited(folder, "tokenizer.json", pre_tokenizer={"type": "Sequence", "pretokenizers": [bomb] * 3})


@hostile(r"its tokenizer makes no tokens of plain text")
def a_tokenizer_that_drops_everything(folder: Path) -> None:
    drop = {"type": "Replace", "pattern": {"Regex": r"[\s\S]"}, "content": ""}
    edited(folder, "tokenizer.json", normalizer=drop)


# Chat templates.


@hostile(r"its chat template (takes longer than|takes more than|fails)")
def a_template_that_never_ends(folder: Path) -> None:
    loop = "".join("{% for " + name + " in range(99999) %}" for name in "abcdef")
    retemplated(folder, loop + "{% endfor %}" * 6)


@hostile(r"its chat template takes more than 2048 MiB of memory")
def a_template_of_gigabytes(folder: Path) -> None:
    retemplated(folder, "{{ messages[-1].content * 10 ** 10 }}")


@hostile(r"its chat template makes \d+ characters of a short question")
def a_template_of_megabytes(folder: Path) -> None:
    retemplated(folder, "{{ messages[-1].content * 100000 }}")


@hostile(r"its chat template fails for a question and an answer \(TemplateError: no questions")
def a_template_that_raises(folder: Path) -> None:
    retemplated(folder, "{{ raise_exception('no questions\n\nplease') }}")


@hostile(r"its chat template fails .*\(SecurityError")
def a_template_that_wants_out(folder: Path) -> None:
    retemplated(folder, "{{ ''.__class__.__mro__[1].__subclasses__() }}")


@hostile(r"its chat template fails .*\(UndefinedError: 'user_profile' is undefined")
def a_template_that_lacks_a_variable(folder: Path) -> None:
    retemplated(folder, "{{ user_profile.name }}{{ messages }}")


@hostile(r"its chat template fails .*\(TemplateSyntaxError")
def a_template_that_is_none(folder: Path) -> None:
    retemplated(folder, "{% for message in %}")


@hostile(r"its chat template leaves the question out")
def a_template_without_the_question(folder: Path) -> None:
    retemplated(folder, "Hello!")


@hostile(r"its chat template leaves the answer out")
def a_template_without_the_answer(folder: Path) -> None:
    retemplated(folder, "{% for m in messages if m.role == 'user' %}{{ m.content }}{% endfor %}")


@hostile(r"its (chat template|tokenizer) ")
def a_template_that_is_a_number(folder: Path) -> None:
    (folder / "chat_template.jinja").unlink()
    edited(folder, "tokenizer_config.json", chat_template=7)

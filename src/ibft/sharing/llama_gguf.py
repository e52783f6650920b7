"""Write a Llama-architecture model in transformers' format as one GGUF file, as llama.cpp reads it.

The layout is that of llama.cpp's own convert_hf_to_gguf.py: names of tensors by the `gguf` package, rows of the query
and key projections in the order of its rotary embedding, norms in float32, everything else as it is stored.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import gguf
import numpy as np
import numpy.typing as npt
import torch
from safetensors import safe_open

from ibft.runtime.errors import UserError
from ibft.runtime.progress import progress

_ARCHITECTURE = "LlamaForCausalLM"
_STORED = {
    torch.float32: (gguf.GGMLQuantizationType.F32, gguf.LlamaFileType.ALL_F32),
    torch.float16: (gguf.GGMLQuantizationType.F16, gguf.LlamaFileType.MOSTLY_F16),
    torch.bfloat16: (gguf.GGMLQuantizationType.BF16, gguf.LlamaFileType.MOSTLY_BF16),
}
_LLAMA_3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
    r"\s*[\r\n]+|\s+(?!\S)|\s+"
)


class _Token(NamedTuple):
    text: str
    kind: gguf.TokenType


def write_gguf(folder: Path, target: Path, name: str) -> None:
    """Write the model and the tokenizer of `folder` to the file `target`.

    Args:
        folder: config.json, tokenizer.json and safetensors of a causal language model.
        name: of the model, for the file's metadata.

    Raises:
        UserError: llama.cpp would compute something else than transformers does: another architecture, scaled rotary
            embeddings, or a tokenizer whose splitting it does not have.
    """
    config = json.loads((folder / "config.json").read_bytes())
    check_convertible(folder)
    files = sorted(folder.glob("*.safetensors"))
    precision = _precision(files)
    partial = target.with_name(f".{target.name}.tmp")
    writer = gguf.GGUFWriter(partial, "llama", use_temp_file=True)
    try:
        writer.add_name(name)
        writer.add_file_type(_STORED[precision][1])
        _add_architecture(writer, config)
        _add_tokenizer(writer, folder, config["vocab_size"])
        _add_tensors(writer, files, config)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def check_convertible(folder: Path) -> None:
    """Raise `UserError` unless `write_gguf` can write the model of `folder`; its weights are not looked at."""
    config = json.loads((folder / "config.json").read_bytes())
    found = ", ".join(config.get("architectures") or ["no architecture"])
    if found != _ARCHITECTURE:
        raise UserError(
            f"--format gguf writes models of the architecture {_ARCHITECTURE}, and this is {found}: export it with "
            "--format merged, and convert that folder with llama.cpp's convert_hf_to_gguf.py"
        )
    rope = _rope(config)
    unlike = [f"rope_type {rope['rope_type']}"] if rope["rope_type"] != "default" else []
    unlike += [f"hidden_act {config['hidden_act']}"] if config["hidden_act"] != "silu" else []
    if unlike:
        raise UserError(
            f"--format gguf: {' and '.join(unlike)} in config.json would be left out: export it with --format merged, "
            "and convert that folder with llama.cpp's convert_hf_to_gguf.py"
        )
    _splitting(json.loads((folder / "tokenizer.json").read_bytes()))


def _rope(config: dict[str, Any]) -> dict[str, Any]:
    """Return theta and type of the rotary embedding, wherever this version of transformers has put them."""
    own = config.get("rope_parameters") or config.get("rope_scaling") or {}
    kind = own.get("rope_type", own.get("type", "default"))
    return {"rope_type": kind, "rope_theta": own.get("rope_theta", config.get("rope_theta", 10_000.0))}


def _precision(files: list[Path]) -> torch.dtype:
    with safe_open(files[0], framework="pt") as tensors:
        found = {tensors.get_slice(name).get_dtype() for name in tensors.keys()}  # noqa: SIM118 - no mapping
    return torch.bfloat16 if "BF16" in found else torch.float16 if "F16" in found else torch.float32


def _head_width(config: dict[str, Any]) -> int:
    return int(config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"])


def _add_architecture(writer: Any, config: dict[str, Any]) -> None:
    width = _head_width(config)
    writer.add_vocab_size(config["vocab_size"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config.get("num_key_value_heads") or config["num_attention_heads"])
    writer.add_key_length(width)
    writer.add_value_length(width)
    writer.add_rope_dimension_count(width)
    writer.add_rope_freq_base(float(_rope(config)["rope_theta"]))
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])


def _add_tokenizer(writer: Any, folder: Path, vocabulary: int) -> None:
    own = json.loads((folder / "tokenizer.json").read_bytes())
    settings = json.loads((folder / "tokenizer_config.json").read_bytes())
    tokens = _tokens(own, vocabulary)
    ids = {token.text: number for number, token in enumerate(tokens)}
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(_splitting(own))
    writer.add_token_list([token.text for token in tokens])
    writer.add_token_types([token.kind for token in tokens])
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in own["model"]["merges"]])
    for key, add in (
        ("bos_token", writer.add_bos_token_id),
        ("eos_token", writer.add_eos_token_id),
        ("unk_token", writer.add_unk_token_id),
        ("pad_token", writer.add_pad_token_id),
    ):
        token = settings.get(key)
        text = token["content"] if isinstance(token, dict) else token
        if text in ids:
            add(ids[text])
    writer.add_add_bos_token(_begins_with_special(own))
    template = folder / "chat_template.jinja"
    text = template.read_text() if template.exists() else settings.get("chat_template")
    if isinstance(text, str):
        writer.add_chat_template(text)


def _tokens(tokenizer: dict[str, Any], vocabulary: int) -> list[_Token]:
    """Return the token of every row of the embedding; rows of no token get a name of their own."""
    tokens = [_Token(f"[PAD{number}]", gguf.TokenType.UNUSED) for number in range(vocabulary)]
    for text, number in tokenizer["model"]["vocab"].items():
        tokens[number] = _Token(text, gguf.TokenType.NORMAL)
    for added in tokenizer.get("added_tokens") or []:
        kind = gguf.TokenType.CONTROL if added["special"] else gguf.TokenType.USER_DEFINED
        tokens[added["id"]] = _Token(added["content"], kind)
    return tokens


def _splitting(tokenizer: dict[str, Any]) -> str:
    """Return llama.cpp's name for how a byte-level BPE tokenizer splits a text before it merges.

    Raises:
        UserError: it has none.
    """
    own = tokenizer.get("pre_tokenizer") or {}
    parts = own.get("pretokenizers", [own])
    last = parts[-1]
    is_byte_level = (
        tokenizer["model"].get("type") == "BPE"
        and not tokenizer.get("normalizer")
        and last.get("type") == "ByteLevel"
        and not last.get("add_prefix_space")
    )
    before = [_part(part) for part in parts[:-1]]
    known: dict[tuple[str, ...], str]
    known = {("",): "gpt-2", ("digits",): "smollm"} if last.get("use_regex", True) else {("llama-3",): "llama-bpe"}
    found = known.get(tuple(before or [""]))
    if not is_byte_level or found is None:
        raise UserError(
            "--format gguf knows the byte-level BPE tokenizers of GPT-2, SmolLM and Llama 3, and this model has "
            "another: export it with --format merged, and convert that folder with llama.cpp's convert_hf_to_gguf.py"
        )
    return found


def _part(part: dict[str, Any]) -> str:
    if part["type"] == "Digits" and part.get("individual_digits"):
        return "digits"
    is_llama_3 = part["type"] == "Split" and part["pattern"].get("Regex") == _LLAMA_3
    return "llama-3" if is_llama_3 else part["type"]


def _begins_with_special(tokenizer: dict[str, Any]) -> bool:
    """Return true if the tokenizer puts a token before every text."""
    own = tokenizer.get("post_processor") or {}
    processors = own.get("processors", [own])
    templates = [each["single"] for each in processors if each.get("type") == "TemplateProcessing"]
    return any("SpecialToken" in template[0] for template in templates)


def _add_tensors(writer: Any, files: list[Path], config: dict[str, Any]) -> None:
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config["num_hidden_layers"])
    heads = {"q_proj": config["num_attention_heads"], "k_proj": config.get("num_key_value_heads")}
    places = [(file, name) for file in files for name in _names(file)]
    with progress("GGUF", unit="tensors", total=len(places)) as bar:
        for file, name in places:
            with safe_open(file, framework="pt") as tensors:
                tensor = tensors.get_tensor(name)
            target = names.get_name(name, try_suffixes=(".weight", ".bias"))
            if target is None:
                raise UserError(f"--format gguf has no place for the tensor {name}: export it with --format merged")
            part = name.split(".")[-2]
            if part in heads:
                tensor = _rotary_order(tensor, heads[part] or config["num_attention_heads"])
            data, kind = _stored(tensor)
            writer.add_tensor(target, data, raw_dtype=kind)
            bar.advance()


def _names(file: Path) -> list[str]:
    with safe_open(file, framework="pt") as tensors:
        return list(tensors.keys())


def _rotary_order(tensor: torch.Tensor, heads: int) -> torch.Tensor:
    """Put the rows of each head in pairs: llama.cpp rotates neighbours, where transformers rotates halves."""
    pairs = tensor.reshape(heads, 2, tensor.shape[0] // heads // 2, *tensor.shape[1:])
    return pairs.swapaxes(1, 2).reshape(tensor.shape)


def _stored(tensor: torch.Tensor) -> tuple[npt.NDArray[Any], Any]:
    kind = gguf.GGMLQuantizationType.F32 if tensor.ndim == 1 else _STORED[tensor.dtype][0]
    if kind == gguf.GGMLQuantizationType.F16:
        return tensor.numpy(), kind
    return gguf.quants.quantize(tensor.float().numpy().astype(np.float32), kind), kind

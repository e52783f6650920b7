"""Load a model's folder with transformers, but no weights, in a child process: see `ibft.models.checks.trial`."""

import re
import string
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from ibft.models.loaders import causal_class, read_config, read_model, read_tokenizer
from ibft.models.wording import first_line, shown
from ibft.prompts.tokens import check_chat_template
from ibft.runtime.errors import UserError

# transformers gives these causal attention, whatever their configuration says.
_ALWAYS_CAUSAL = ("gpt_neox", "gpt_neox_japanese")
_SAMPLE = "def add(first, second):\n    return first + second  # the sum\n\n" + "".join(
    f"{character * 64}!\n" for character in string.printable
)


def description(folder: Path) -> dict[str, Any]:
    """Layers, width and vocabulary of the model whose descriptions are in `folder`.

    Raises:
        UserError: it is no causal language model that transformers knows by itself.
    """
    try:
        config = read_config(folder)
    except Exception as error:  # whatever a hostile file makes the parsers raise
        raise UserError(
            f"config.json is of no model that transformers {transformers.__version__} knows by itself, and code of a "
            f"model's authors is never run here ({first_line(error)}): use a model of a type that it knows"
        ) from None
    _check_causal(config)
    text = config.get_text_config()
    for key in ("eos_token_id", "pad_token_id"):
        _check_ids(key, getattr(text, key, None), text.vocab_size)
    return {"layers": text.num_hidden_layers, "width": text.hidden_size, "vocabulary": text.vocab_size}


def _check_causal(config: PretrainedConfig) -> None:
    architecture = causal_class(config)
    named = getattr(config, "architectures", None)
    bidirectional = getattr(config, "is_decoder", None) is False and config.model_type not in _ALWAYS_CAUSAL
    if architecture is None or config.is_encoder_decoder or bidirectional:
        raise UserError(
            f"a model of type {shown(config.model_type)} is no causal language model as config.json describes it: use "
            "a decoder, such as Llama or Qwen"
        )
    if named and architecture.__name__ not in named:
        raise UserError(
            f"config.json says that the weights are those of {shown(named[0])}, and a language model of this type is "
            f"{architecture.__name__}: use a model with a head that predicts tokens"
        )


def _check_ids(key: str, value: Any, vocabulary: int) -> None:
    for number in value if isinstance(value, list) else [value]:
        unused = number is None or (key == "pad_token_id" and number == -1)  # as the first Llamas write it
        if not unused and not (type(number) is int and 0 <= number < vocabulary):
            raise UserError(
                f"config.json says {key}: {shown(number)}, and its vocabulary has {vocabulary}: fetch it anew"
            )


def tokenizer_facts(folder: Path, vocabulary: int) -> dict[str, Any]:
    """Return the size of the tokenizer in `folder`, which must give ids below `vocabulary`.

    Raises:
        UserError: it cannot be used with the model.
    """
    try:
        tokenizer = read_tokenizer(folder)
    except MemoryError:
        raise
    except Exception as error:  # whatever a hostile file makes the parsers raise
        raise UserError(
            f"its tokenizer is none that transformers {transformers.__version__} knows by itself, and code of a "
            f"model's authors is never run here ({first_line(error)}): fetch its files anew"
        ) from None
    _check_tokenizer(tokenizer, vocabulary)
    return {"tokens": len(tokenizer)}


def _check_tokenizer(tokenizer: PreTrainedTokenizerBase, vocabulary: int) -> None:
    if not tokenizer.is_fast:
        raise UserError(
            "its tokenizer has no tokenizer.json, so it cannot tell where a token stands in a text: convert it"
        )
    highest = max(tokenizer.get_vocab().values(), default=-1)
    if highest < 0:
        raise UserError("its tokenizer is empty: fetch tokenizer.json anew")
    if highest >= vocabulary:
        raise UserError(
            f"its tokenizer has a token {highest}, and the model embeds only {vocabulary}: take tokenizer and weights "
            "of one model"
        )
    if tokenizer.eos_token_id is None:
        raise UserError("its tokenizer has no end-of-sequence token: set eos_token in tokenizer_config.json of a copy")
    try:
        ids = tokenizer(_SAMPLE)["input_ids"]
    except Exception as error:
        raise UserError(f"its tokenizer fails on plain text ({first_line(error)}): fetch tokenizer.json anew") from None
    if not ids:
        raise UserError("its tokenizer makes no tokens of plain text: fetch tokenizer.json anew")


def rendered_template(folder: Path) -> dict[str, Any]:
    """Render the chat template in `folder`, if any.

    Raises:
        UserError: see `check_chat_template`.
    """
    check_chat_template(read_tokenizer(folder))
    return {}


def check_fit(folder: Path, not_floating: Mapping[str, str]) -> dict[str, Any]:
    """The number of parameters of the model in `folder`, whose names and shapes are compared with the architecture's.

    Args:
        not_floating: data type by name of the tensors that hold no floating-point numbers.

    Raises:
        UserError: a tensor is missing, unknown, of another shape, or holds integers in place of weights.
    """
    model = read_model(folder, torch.float32, place=torch.device("meta"))
    _check_integers(model, not_floating)
    return {"parameters": sum(parameter.numel() for parameter in model.parameters())}


def _check_integers(model: PreTrainedModel, not_floating: Mapping[str, str]) -> None:
    """Buffers that hold integers, and tensors that the architecture ignores, are no weights."""
    ignored: Iterable[str] = model._keys_to_ignore_on_load_unexpected or ()
    own = {name for name, tensor in model.state_dict().items() if not tensor.is_floating_point()}
    for name, dtype in not_floating.items():
        known = name in own or name.endswith(("rotary_emb.inv_freq", "position_ids"))
        if not known and not any(re.search(pattern, name) for pattern in ignored):
            raise UserError(f"tensor {shown(name)} holds {dtype} in place of floating-point weights: fetch them anew")

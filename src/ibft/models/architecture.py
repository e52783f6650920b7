"""The parts of a causal language model of transformers: its decoder, the decoder's layers, and the head on top.

Families differ in names (`layers`, `h`, `blocks`), in how deep a decoder lies within a model that also sees or hears,
and in what stands between the last state and the logits: a bias, a factor, a soft cap. Whatever needs a part asks here,
and `ibft.models.agreement` compares the result with the model's own logits whenever a model is loaded.
"""

from typing import cast

from torch import nn
from transformers import PretrainedConfig, PreTrainedModel

from ibft.models.head import Head
from ibft.runtime.errors import UserError

# Keys of a configuration that scale logits. Granite and MiniCPM3 divide by the last one, HyperCLOVA X multiplies by it.
_FACTORS = ("logit_scale", "lm_head_multiplier")
_SCALING = "logits_scaling"
_MULTIPLIES_BY_SCALING = ("hyperclovax",)
_SOFT_CAPS = ("final_logit_softcapping", "logits_soft_cap")


def text_config(model: PreTrainedModel) -> PretrainedConfig:
    """Return the part of a configuration that describes the decoder; all of it, where a model only reads text."""
    return model.config.get_text_config()


def model_type(model: PreTrainedModel) -> str:
    return str(model.config.model_type)


def decoder(model: PreTrainedModel) -> PreTrainedModel:
    """Return the trunk: token ids [B, T] in, `last_hidden_state` [B, T, D] after the final norm out.

    Raises:
        UserError: there is not exactly one.
    """
    found = cast(PreTrainedModel, model.get_decoder())
    if found.get_output_embeddings() is None:
        return found
    within = [child for child in found.children() if isinstance(child, PreTrainedModel)]
    if len(within) != 1:
        raise UserError(f"a model of type {model_type(model)} has no decoder apart from its head: use another model")
    return within[0]


def layers(model: PreTrainedModel) -> nn.ModuleList:
    """Return the decoder's layers, the first of which reads the embeddings.

    Raises:
        UserError: no list of modules has the length that the configuration names.
    """
    depth = text_config(model).num_hidden_layers
    for _, module in decoder(model).named_children():
        if isinstance(module, nn.ModuleList) and len(module) == depth:
            return module
    raise UserError(
        f"a model of type {model_type(model)} does not hold its {depth} layers in one list, so that their states "
        "cannot be read: use another model, or FT alone"
    )


def width(model: PreTrainedModel) -> int:
    """Return D, the width of the states between layers."""
    return int(text_config(model).hidden_size)


def head(model: PreTrainedModel) -> Head:
    """Return how states become logits. Ask for it in each step: ZeRO-3 gathers a weight when it is asked for.

    Raises:
        UserError: the model has no linear head.
    """
    linear = model.get_output_embeddings()
    if not isinstance(linear, nn.Linear):
        raise UserError(f"a model of type {model_type(model)} has no linear head: use another model")
    return Head(linear.weight, linear.bias, _scale(text_config(model)), _soft_cap(text_config(model)))


def _scale(config: PretrainedConfig) -> float:
    scale = 1.0
    for key in _FACTORS:
        scale *= _number(config, key) or 1.0
    scaling = _number(config, _SCALING) or 1.0
    return scale * scaling if config.model_type in _MULTIPLIES_BY_SCALING else scale / scaling


def _soft_cap(config: PretrainedConfig) -> float | None:
    return next((cap for key in _SOFT_CAPS if (cap := _number(config, key))), None)


def _number(config: PretrainedConfig, key: str) -> float | None:
    value = getattr(config, key, None)
    return float(value) if isinstance(value, int | float) else None

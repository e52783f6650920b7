"""A tiny model of each family of transformers, with random weights in which nothing is zero or one by chance.

Biases, norms, factors and soft caps are drawn, too, so that one that is left out shows in every number.
"""

from functools import cache
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

from ibft.models.loaders import _attention

VOCABULARY = 320
LAYERS = 3

_COMMON: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
_WIDE_HEADS = _COMMON | {"head_dim": 8}
_OLD: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "n_embd": 32,
    "n_layer": LAYERS,
    "n_head": 4,
    "n_positions": 512,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
_LATENT = {
    "kv_lora_rank": 16,
    "q_lora_rank": 16,
    "qk_rope_head_dim": 8,
    "qk_nope_head_dim": 8,
    "v_head_dim": 8,
    "num_key_value_heads": 4,
}
_EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
_LOCAL_EXPERTS = {"num_local_experts": 4, "num_experts_per_tok": 2}
_ROUTED_EXPERTS = {
    "n_routed_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 16,
    "n_shared_experts": 1,
    "first_k_dense_replace": 1,
}
_DEEPSEEK = _COMMON | _LATENT | _ROUTED_EXPERTS | {"n_group": 1, "topk_group": 1}
_LLAMA_4 = _WIDE_HEADS | {
    "num_local_experts": 4,
    "num_experts_per_tok": 1,
    "intermediate_size_mlp": 64,
    "interleave_moe_layer_step": 2,
    "attention_chunk_size": 64,
}
_LINEAR = {
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
    "layer_types": ["linear_attention", "full_attention", "linear_attention"],
}
_GEMMA_4 = _WIDE_HEADS | {
    "global_head_dim": 8,
    "hidden_size_per_layer_input": 8,
    "vocab_size_per_layer_input": VOCABULARY,
    "num_kv_shared_layers": 0,
    "layer_types": ["sliding_attention", "sliding_attention", "full_attention"],
    "final_logit_softcapping": 5.0,
}
_SMALL_VISION = {
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "image_size": 32,
    "patch_size": 16,
}

CONFIGS: dict[str, dict[str, Any]] = {
    "apertus": _COMMON,
    "arcee": _COMMON,
    "biogpt": _COMMON,
    "bitnet": _COMMON,
    "bloom": {"vocab_size": VOCABULARY, "hidden_size": 32, "n_layer": LAYERS, "n_head": 4},
    "codegen": _OLD | {"rotary_dim": 4},
    "cohere": _COMMON | {"logit_scale": 0.3},
    "cohere2": _COMMON | {"logit_scale": 0.3},
    "deepseek_v2": _DEEPSEEK,
    "deepseek_v3": _DEEPSEEK,
    "diffllama": _COMMON,
    "doge": _COMMON,
    "ernie4_5": _WIDE_HEADS,
    "ernie4_5_moe": _COMMON
    | {"moe_num_experts": 4, "moe_k": 2, "moe_intermediate_size": 16, "moe_num_shared_experts": 1},
    "exaone4": _COMMON,
    "falcon": {"vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": LAYERS, "num_attention_heads": 4},
    "falcon_h1": _COMMON
    | {
        "lm_head_multiplier": 0.3,
        "mamba_n_heads": 4,
        "mamba_d_head": 16,
        "mamba_d_ssm": 64,
        "mamba_d_state": 16,
        "mamba_n_groups": 1,
    },
    "gemma": _WIDE_HEADS,
    "gemma2": _WIDE_HEADS | {"final_logit_softcapping": 5.0, "attn_logit_softcapping": 2.0},
    "gemma3": {
        "text_config": _WIDE_HEADS | {"model_type": "gemma3_text"},
        "vision_config": _SMALL_VISION,
        "image_token_index": 319,
        "boi_token_index": 318,
        "eoi_token_index": 317,
        "mm_tokens_per_image": 4,
    },
    "gemma3_text": _WIDE_HEADS | {"final_logit_softcapping": 5.0},
    "gemma3n_text": _WIDE_HEADS
    | {
        "num_kv_shared_layers": 1,
        "hidden_size_per_layer_input": 8,
        "vocab_size_per_layer_input": VOCABULARY,
        "laurel_rank": 4,
        "altup_num_inputs": 2,
        "layer_types": ["sliding_attention", "full_attention", "full_attention"],
        "activation_sparsity_pattern": [0.0] * LAYERS,
        "final_logit_softcapping": 5.0,
    },
    "gemma4": {
        "text_config": _GEMMA_4,
        "vision_config": None,
        "audio_config": None,
        "image_token_id": 319,
        "audio_token_id": 318,
        "video_token_id": 317,
        "boi_token_id": 316,
        "eoi_token_id": 315,
    },
    "gemma4_text": _GEMMA_4,
    "glm": _WIDE_HEADS,
    "glm4": _WIDE_HEADS,
    "glm4_moe": _WIDE_HEADS | _ROUTED_EXPERTS,
    "gpt2": _OLD,
    "gpt_bigcode": _OLD,
    "gpt_neo": {
        "vocab_size": VOCABULARY,
        "hidden_size": 32,
        "num_layers": 2,
        "num_heads": 4,
        "attention_types": [[["global", "local"], 1]],
        "max_position_embeddings": 512,
        "window_size": 4,
    },
    "gpt_neox": _COMMON,
    "gpt_oss": _WIDE_HEADS | _LOCAL_EXPERTS | {"sliding_window": 128},
    "gptj": _OLD | {"rotary_dim": 4},
    "granite": _COMMON
    | {"logits_scaling": 3.0, "embedding_multiplier": 2.0, "residual_multiplier": 0.7, "attention_multiplier": 0.3},
    "granitemoe": _COMMON | _LOCAL_EXPERTS | {"logits_scaling": 3.0},
    "granitemoehybrid": _COMMON
    | _LOCAL_EXPERTS
    | {
        "logits_scaling": 3.0,
        "shared_intermediate_size": 16,
        "layer_types": ["mamba", "attention", "mamba"],
        "mamba_n_heads": 4,
        "mamba_d_head": 16,
        "mamba_d_state": 16,
        "mamba_n_groups": 1,
    },
    "granitemoeshared": _COMMON | _LOCAL_EXPERTS | {"logits_scaling": 3.0, "shared_intermediate_size": 16},
    "helium": _WIDE_HEADS,
    "hunyuan_v1_dense": _WIDE_HEADS,
    "hyperclovax": _COMMON | {"logits_scaling": 0.4},
    "jamba": _COMMON
    | {
        "num_experts": 4,
        "num_experts_per_tok": 2,
        "mamba_d_state": 8,
        "mamba_dt_rank": 4,
        "use_mamba_kernels": False,
        "attn_layer_period": 2,
        "attn_layer_offset": 1,
    },
    "lfm2": _COMMON | {"layer_types": ["conv", "full_attention", "conv"]},
    "llama": _COMMON,
    "llama4": {
        "text_config": _LLAMA_4,
        "vision_config": _SMALL_VISION
        | {"vision_output_dim": 32, "projector_input_dim": 32, "projector_output_dim": 32},
        "image_token_index": 319,
    },
    "llama4_text": _LLAMA_4,
    "minicpm3": _COMMON | _LATENT | {"dim_model_base": 8, "scale_emb": 2, "scale_depth": 1.4},
    "mistral": _COMMON,
    "mixtral": _COMMON | _LOCAL_EXPERTS,
    "mpt": {"vocab_size": VOCABULARY, "d_model": 32, "n_layers": LAYERS, "n_heads": 4, "max_seq_len": 512},
    "nanochat": _COMMON | {"final_logit_softcapping": 5.0},
    "nemotron": _WIDE_HEADS,
    "nemotron_h": _WIDE_HEADS | {"mamba_num_heads": 4, "mamba_head_dim": 8, "ssm_state_size": 8, "n_groups": 1},
    "olmo": _COMMON,
    "olmo2": _COMMON,
    "olmo3": _COMMON,
    "olmoe": _COMMON | {"num_experts": 4, "num_experts_per_tok": 2},
    "opt": {
        "vocab_size": VOCABULARY,
        "hidden_size": 32,
        "ffn_dim": 64,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": 4,
        "word_embed_proj_dim": 32,
        "max_position_embeddings": 512,
        "pad_token_id": 0,
    },
    "persimmon": _COMMON,
    "phi": _COMMON,
    "phi3": _COMMON,
    "phimoe": _COMMON | _LOCAL_EXPERTS,
    "qwen2": _COMMON,
    "qwen2_moe": _COMMON | _EXPERTS | {"shared_expert_intermediate_size": 16},
    "qwen3": _WIDE_HEADS,
    "qwen3_5": {
        "text_config": _WIDE_HEADS | _LINEAR,
        "vision_config": {
            "hidden_size": 32,
            "intermediate_size": 32,
            "depth": 1,
            "num_heads": 2,
            "out_hidden_size": 32,
        },
        "image_token_id": 319,
        "video_token_id": 318,
        "vision_start_token_id": 317,
        "vision_end_token_id": 316,
    },
    "qwen3_moe": _WIDE_HEADS | _EXPERTS,
    "qwen3_next": _WIDE_HEADS | _EXPERTS | _LINEAR | {"shared_expert_intermediate_size": 16},
    "recurrent_gemma": _COMMON | {"lru_width": 32, "logits_soft_cap": 5.0},
    "seed_oss": _WIDE_HEADS,
    "smollm3": _COMMON,
    "stablelm": _COMMON,
    "starcoder2": _COMMON,
    "vaultgemma": _WIDE_HEADS | {"final_logit_softcapping": 5.0, "attn_logit_softcapping": 2.0},
    "xglm": {
        "vocab_size": VOCABULARY,
        "d_model": 32,
        "ffn_dim": 64,
        "num_layers": LAYERS,
        "attention_heads": 4,
        "max_position_embeddings": 512,
    },
}


def make_family(family: str, attention: str | None = None) -> PreTrainedModel:
    """A model of this type; equal names give equal weights. `attention` is by default what `read_model` chooses."""
    config = AutoConfig.for_model(family, **CONFIGS[family])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model: PreTrainedModel = AutoModelForCausalLM.from_config(
            config, attn_implementation=attention or _attention(config)
        )
        with torch.no_grad():
            for parameter in model.parameters():
                noise = torch.randn_like(parameter)
                if parameter.ndim == 1:
                    parameter.add_(noise, alpha=0.2)
                else:
                    parameter.copy_(noise / parameter.shape[-1] ** 0.5)
    return model.eval().requires_grad_(False)


@cache
def reference(family: str) -> PreTrainedModel:
    """The same weights with the attention that transformers writes out in plain operations."""
    return make_family(family, "eager")

"""Models of the paper's sizes with random weights, and texts of random tokens: what costs the same as the real ones."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel

from ibft.models.encoding import EncodedExample


@dataclass(frozen=True)
class Shape:
    """Sizes of a Llama: D, F, layers, heads, heads of keys and values, V."""

    width: int
    inner: int
    layers: int
    heads: int
    kv_heads: int
    vocabulary: int

    def with_layers(self, layers: int) -> "Shape":
        return replace(self, layers=layers)

    def model(self, device: torch.device, dtype: torch.dtype = torch.bfloat16) -> PreTrainedModel:
        """Return the model with random weights, made on the device itself, frozen and in evaluation mode."""
        config = LlamaConfig(
            hidden_size=self.width,
            intermediate_size=self.inner,
            num_hidden_layers=self.layers,
            num_attention_heads=self.heads,
            num_key_value_heads=self.kv_heads,
            vocab_size=self.vocabulary,
            tie_word_embeddings=False,
        )
        torch.manual_seed(0)
        with device:
            model: PreTrainedModel = LlamaForCausalLM._from_config(config, dtype=dtype, attn_implementation="sdpa")
        return model.requires_grad_(False).eval()

    def parameters(self) -> int:
        """Count the weights that a token passes through: those of all layers, neither embeddings nor head."""
        of_attention = self.width * self.width * 2 + 2 * self.width * self.width * self.kv_heads // self.heads
        return self.layers * (of_attention + 3 * self.width * self.inner)


SHAPES = {
    "CodeLlama-7B": Shape(4096, 11008, 32, 32, 32, 32016),
    "DeepSeek-Coder-7B-v1.5": Shape(4096, 11008, 30, 32, 32, 102400),
    "Llama-3-8B": Shape(4096, 14336, 32, 32, 8, 128256),
}


def texts(tokens: int, length: int, vocabulary: int = 256) -> list[EncodedExample]:
    """Return as many texts of `length` as `tokens` hold, a third of each a prompt."""
    random = np.random.default_rng(0)
    return [
        EncodedExample(random.integers(3, vocabulary, length).astype(np.int32), length // 3, index=index)
        for index in range(max(1, tokens // length))
    ]

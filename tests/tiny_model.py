"""A tiny, randomly initialised Llama with a byte-level tokenizer and a chat template: the model of the tests.

`python -m tests.tiny_model FOLDER` saves one.
"""

import sys
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from ibft.store.manifests import write_manifest

LAYERS = 3
SPECIALS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
CHAT_TEMPLATE = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n'}}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
CORPUS = """
def add(first: int, second: int) -> int:
    '''Return the sum of the first and the second number.'''
    return first + second

module top_module (
    input [7:0] a,
    input [7:0] b,
    output [7:0] out
);
    assign out = a + b;
endmodule
"""


def make_tiny_model(folder: Path, seed: int = 0, *, head_width: int = 8) -> Path:
    """Save the model and its tokenizer to `folder`, manifest included, as the `prepare` stage would; return `folder`.

    Equal seeds give equal weights. All text can be tokenized; texts get no BOS; eos == pad, as in SmolLM2.
    """
    tokenizer = make_tiny_tokenizer()
    make_tiny_llama(len(tokenizer), seed, head_width=head_width).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    write_manifest(folder)
    return folder


def make_tiny_llama(vocabulary: int, seed: int = 0, *, head_width: int = 8) -> LlamaForCausalLM:
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=LAYERS,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=head_width,
        max_position_embeddings=1024,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
        tie_word_embeddings=True,
        initializer_range=0.3,  # peaked enough that two tokens rarely tie
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return LlamaForCausalLM(config).eval()


def make_adapter(base: Path, folder: Path, seed: int = 0, *, rank: int = 4, size: float = 0.2) -> Path:
    """Save a LoRA adapter whose random update of the model in `base` changes what it says; return `folder`."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        settings = LoraConfig(r=rank, lora_alpha=rank, target_modules=["q_proj", "down_proj"])
        adapted = get_peft_model(AutoModelForCausalLM.from_pretrained(base), settings)
        for name, parameter in adapted.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter, std=size)
    adapted.save_pretrained(folder)
    write_manifest(folder)
    return folder


def make_tiny_tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level BPE with a few merges, so that indentation and keywords are tokens of their own."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=320, special_tokens=list(SPECIALS), initial_alphabet=sorted(alphabet), show_progress=False
    )
    tokenizer.train_from_iterator([CORPUS], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="<|endoftext|>",
        bos_token="<|im_start|>",
        eos_token="<|im_end|>",
        pad_token="<|im_end|>",
        chat_template=CHAT_TEMPLATE,
    )


if __name__ == "__main__":
    make_tiny_model(Path(sys.argv[1]))

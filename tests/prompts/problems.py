"""Problems and tokenizers that the tests of the profiles share."""

from typing import NamedTuple

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from tests.tiny_model import CHAT_TEMPLATE, CORPUS, SPECIALS, make_tiny_tokenizer


class Problem(NamedTuple):
    task_id: str
    language: str
    description: str | None
    prompt: str
    entry_point: str


MUX = Problem(
    "mux2to1",
    "verilog",
    "Create a 2-1 multiplexer.",
    "module top_module (\n\tinput a,\n\tinput b,\n\tinput sel,\n\toutput out\n);\n",
    "top_module",
)
TWICE = Problem(
    "Python/1",
    "python",
    None,
    "from typing import List\n\n\ndef twice(xs: List[int]) -> List[int]:\n"
    '    """Double each.\n    >>> twice([1])\n    """\n',
    "twice",
)


def tokenizer_with_bos() -> PreTrainedTokenizerFast:
    """Like Llama's: every text gets a BOS, which is not the token that the chat template begins with."""
    tokenizer = make_tiny_tokenizer()
    tokenizer.bos_token = "<|endoftext|>"
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="<|endoftext|> $A", special_tokens=[("<|endoftext|>", 0)]
    )
    return tokenizer


def tokenizer_joining_line_breaks() -> PreTrainedTokenizerFast:
    """Like Llama 3's: punctuation and the line breaks after it are one token."""
    tokenizer = Tokenizer(models.BPE())
    pattern = Regex(r"\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(pattern, "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=320, special_tokens=list(SPECIALS), initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator([CORPUS, ");\n" * 50], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|im_end|>", chat_template=CHAT_TEMPLATE
    )

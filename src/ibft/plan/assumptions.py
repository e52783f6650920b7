"""Assumptions of the cost model, until earlier runs say better. docs/cluster.md lists the same numbers.

Work is counted in floating point operations, decoded tokens and judged programs; speeds are those of one GPU, or of one
CPU core where a job asks for no GPU. A run's own `benchmark:` files then correct each rule by one factor.
"""

from typing import NamedTuple


class Card(NamedTuple):
    """A GPU has these rates and this memory, by its maker's data sheet."""

    flops: float  # per second, dense, bfloat16
    bandwidth: float  # bytes per second, of its memory


# The longest name that occurs in what nvidia-smi calls a card.
CARDS = {
    "A100": Card(312e12, 2.0e12),
    "A10": Card(125e12, 0.6e12),
    "A40": Card(150e12, 0.7e12),
    "A6000": Card(155e12, 0.77e12),
    "B200": Card(2250e12, 8.0e12),
    "H100": Card(989e12, 3.35e12),
    "H100 PCIe": Card(756e12, 2.0e12),
    "H200": Card(989e12, 4.8e12),
    "L4": Card(121e12, 0.3e12),
    "L40S": Card(362e12, 0.86e12),
    "RTX 4090": Card(165e12, 1.0e12),
    "V100": Card(125e12, 0.9e12),
}
UNNAMED_CARD = "A100"  # where no GPU is named and none is here

# Speeds.
TRAINING_SHARE = 0.3  # of a card's peak: steps of four examples are small
SCORING_SHARE = 0.4
GPU_DECODING = 10.5  # tokens per second times parameters, over bytes per second: 3,000 for 7e9 on an A100
CORE_TRAINING_FLOPS = 0.5e11  # per second
CORE_SCORING_FLOPS = 0.6e11
CORE_DECODING = 230 * 0.147e9
API_DECODING = 40  # tokens per second of one request to a server
JUDGED_PER_SECOND = 50  # programs, per worker
DOWNLOAD = 50e6  # bytes per second
READING = 1e9  # bytes per second, of weights that a job loads
START_S = 10  # of a job that runs a model: imports
WARM_START_S = 4  # of one that is forked from a process that has imported, as jobs of CPUs are: its model is checked
VLLM_START_S = 90  # on a GPU: compiles, captures graphs, looks how much memory is left
SMALL_JOB_S = 5  # of any other job
WARM_SMALL_JOB_S = 2
AUDIT_S_PER_EXAMPLE = 0.02  # of its page: bootstraps

# Sizes.
ROWS = {  # of hub data sets, until they are prepared
    "henryen/origen_dataset_instruction": 222_075,
    "theblackcat102/evol-codealpaca-v1": 111_272,
    "locuslab/TOFU": 4_000,
}
UNKNOWN_ROWS = 100_000
PARAMETERS = 7e9  # of a model whose name does not tell
PROBLEMS = {"eval-human": 156, "eval-machine": 143, "humaneval": 164, "rtl-mini": 56}
UNKNOWN_PROBLEMS = 164
TOKENS_OF_DATASET = {"rtl": 87, "python-stdlib": 167, "fictitious-authors": 45, "locuslab/TOFU": 60}
TOKENS_PER_EXAMPLE = 400  # of any other
TOKENS_OF_PROFILE = {"chat": 36, "ibft": 2}  # that a prompt puts around an example
TOKENS_OF_OTHER_PROFILES = 36
CHARACTERS_PER_TOKEN = 2.4  # of Verilog: how long a response may be, where the configuration says so
RESPONSE_SHARE = 0.4  # of an example's tokens: what a model that was fine-tuned on it writes
TOKENS_PER_COMPLETION = 300  # of one that was fine-tuned on data whose length is not known; base models write on
BASE_TIMES = 2  # as many tokens, up to max_new_tokens
BYTES_PER_EXAMPLE = 800  # of the table `examples`, compressed
BYTES_PER_SCORE = 40
BYTES_PER_TRACED_TOKEN = 8
BYTES_PER_COMPLETION = 1500
SMALL_FILE = 100e3  # bytes: any other output

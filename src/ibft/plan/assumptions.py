"""Assumptions of the cost model, until earlier runs say better. docs/cluster.md lists the same numbers.

Work is counted in floating point operations, decoded tokens and judged programs; speeds are those of one GPU, or of one
CPU core where a job asks for no GPU. A run's own `benchmark:` files then correct each rule by one factor.
"""

# Speeds.
GPU_FLOPS = 125e12  # per second: 40% of an A100's peak in bfloat16
CORE_FLOPS = 1e11  # per second: as docs/performance.md measures it
GPU_DECODING = 3000 * 7e9  # tokens per second times parameters, many sequences together
CORE_DECODING = 350 * 0.135e9
JUDGED_PER_SECOND = 50  # programs, per worker
DOWNLOAD = 50e6  # bytes per second
READING = 1e9  # bytes per second, of weights that a job loads
START_S = 20  # of a job that runs a model
SMALL_JOB_S = 5  # of any other job

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
TOKENS_PER_EXAMPLE = 400
TOKENS_PER_COMPLETION = 300  # or max_new_tokens, where that is less
BYTES_PER_EXAMPLE = 800  # of the table `examples`, compressed
BYTES_PER_SCORE = 40
BYTES_PER_COMPLETION = 1500
SMALL_FILE = 100e3  # bytes: any other output

"""The source of randomness: one seed per sample, and one uniform number per token of it.

Every sample has its own seed, hashed from everything that names it. So trials, temperatures and problems never share
draws, and neither the order nor the number of the others changes anything. (An engine that is given one seed for n
samples may use seed + i for sample i, and the draws of neighbouring trials overlap.)
"""

import hashlib
import json

import numpy as np
from numpy.typing import NDArray

SEED_BITS = 63  # what fits a signed 64-bit column


def sample_seed(variant_key: str, benchmark: str, temperature: float, trial: int, task_id: str, sample: int) -> int:
    """The seed of one sample, from SHA-256 of what names it; in [0, 2^63).

    Args:
        variant_key: model, dataset, method and training seed, as one string.
    """
    name = json.dumps([variant_key, benchmark, float(temperature), int(trial), task_id, int(sample)])
    digest = hashlib.sha256(name.encode()).digest()
    return int.from_bytes(digest[:8], "big") >> (64 - SEED_BITS)


def uniform_numbers(seed: int, count: int) -> NDArray[np.float64]:
    """The first `count` numbers in [0, 1) of the sample with this seed: number i draws its token i.

    Philox is counter-based: its stream is fixed by the key, on every machine, and neighbouring keys are unrelated.
    """
    return np.random.Generator(np.random.Philox(key=seed)).random(count)

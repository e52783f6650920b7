"""Min-K% Prob and Min-K%++ of one sequence, from what the model said about each of its tokens.

Min-K% Prob (Shi et al. 2023, arXiv 2310.16789) averages the log-likelihood of the k% least likely tokens. Min-K%++
(Zhang et al. 2024, arXiv 2404.02936) first standardises each token's log-likelihood by the mean and the standard
deviation that the model's own next-token distribution has at that position.

Both are negated here, as the memorization-barrier paper plots them: a *lower* score means *more* memorized.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]

# Where the model is certain of one token, sigma and log p - mu both go to 0, and their quotient, which goes to 0 as
# well, is rounding noise or 0/0. Real next-token distributions have sigma above 0.01.
SMALLEST_STD = 1e-6


@dataclass(frozen=True)
class TokenStatistics:
    """A model's statistics of the scored tokens of one sequence; all [N], in nats.

    log_prob_N: log p of the token that stands there.
    mean_N:     mu = E[log p_v] with v drawn from the model's distribution at that position (its negative entropy).
    std_N:      sigma, the standard deviation of log p_v under the same distribution.
    top_N:      log p of the most likely token; where it equals log_prob_N, greedy decoding writes what stands there.
    """

    log_prob_N: Reals
    mean_N: Reals
    std_N: Reals
    top_N: Reals


def min_k_prob(tokens: TokenStatistics, ks: Iterable[int]) -> list[float]:
    """Return the mean negative log-likelihood of the k% least likely tokens, for each k in `ks`."""
    return mean_of_lowest(tokens.log_prob_N, ks)


def min_k_plus_plus(tokens: TokenStatistics, ks: Iterable[int]) -> list[float]:
    """Average -(log p - mu) / sigma over the k% of the tokens where (log p - mu) / sigma is lowest, for each k."""
    z_score_N = (tokens.log_prob_N - tokens.mean_N) / np.maximum(tokens.std_N, SMALLEST_STD)
    return mean_of_lowest(z_score_N, ks)


def mean_of_lowest(values_N: Reals, ks: Iterable[int]) -> list[float]:
    """Negated mean of the lowest k% of `values_N`, for each k.

    k% of N tokens are floor(N k / 100), as in the published code, but at least one.

    Raises:
        ValueError: there are no values.
    """
    if not len(values_N):
        raise ValueError("a sequence without scored tokens has no score")
    running_mean_N = np.sort(values_N).cumsum() / np.arange(1, len(values_N) + 1)
    return [-float(running_mean_N[max(1, len(values_N) * k // 100) - 1]) for k in ks]

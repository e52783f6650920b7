"""Pass@k^(m) is the probability that at least m of k samples pass, estimated without bias from n samples.

A problem has n judged samples of which c passed. Drawing k of the n without replacement, the number that passed is
hypergeometric, so the paper's estimator (App. C.2; lighteval calls it G-Pass@k) is its upper tail:

    Pass@k^(m) = sum_{j=m}^{min(c, k)}  C(c, j) C(n - c, k - j) / C(n, k)

m = 1 gives Pass@k as Chen et al. (2021) estimate it, and m = k = 1 gives c / n.
"""

from math import comb

import numpy as np
import numpy.typing as npt


def pass_at_k_m(n: int, c: int, k: int, m: int) -> float:
    """Estimate Pass@k^(m) of one problem. The sum is exact; only the last division rounds.

    Args:
        n: judged samples.
        c: how many of them passed.
        k: how many are looked at.
        m: how many of those must pass.

    Raises:
        ValueError: unless 0 <= c <= n and 1 <= m <= k <= n.
    """
    if not 0 <= c <= n:
        raise ValueError(f"c = {c} passes of n = {n} samples: c must be between 0 and n")
    if not 1 <= m <= k:
        raise ValueError(f"Pass@{k}^({m}): m must be between 1 and k")
    if k > n:
        raise ValueError(f"Pass@{k} needs at least {k} samples per problem, but there are n = {n}")
    favourable = sum(comb(c, j) * comb(n - c, k - j) for j in range(m, min(c, k) + 1))
    return favourable / comb(n, k)


def pass_at_k_m_array(
    n: npt.NDArray[np.integer], c: npt.NDArray[np.integer], k: int, m: int
) -> npt.NDArray[np.float64]:
    """Estimate Pass@k^(m) of many problems: `n` and `c` have one entry per problem.

    The same (n, c) recurs in most problems, so each distinct pair is computed once.

    Raises:
        ValueError: as `pass_at_k_m`, for any problem.
    """
    base = int(max(n.max(initial=0), c.max(initial=0))) + 1
    codes, position = np.unique(n.astype(np.int64) * base + c, return_inverse=True)
    scores = np.array([pass_at_k_m(*divmod(int(code), base), k, m) for code in codes], dtype=np.float64)
    return scores[position.ravel()]

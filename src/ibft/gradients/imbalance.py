"""Do memorized examples stop teaching? Gradient norms by memorization (paper App. A, eq. A1).

The paper argues that memorized examples have vanishing gradients. Both a gradient norm and Min-K% Prob depend on the
length of an example, so the rank correlation is given with length held constant as well.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from ibft.runtime.errors import UserError
from ibft.statistics.means import interval_of_mean
from ibft.statistics.quantiles import normal_ppf
from ibft.statistics.tenths import tenths

Floats = npt.NDArray[np.float64]

_TAIL = 0.025


def relate(gradients: pd.DataFrame, memorization: pd.DataFrame, k: int) -> pd.DataFrame:
    """GRADIENTS with the column `min_k_prob` of MEMORIZATION at `k`; examples without a response token are left out.

    Raises:
        UserError: the two tables share no example that has a gradient.
    """
    scores = memorization.loc[memorization["k"] == k, ["example_id", "min_k_prob"]]
    related = gradients[gradients["tokens"] > 0].merge(scores, on="example_id", validate="one_to_one")
    if related.empty:
        raise UserError(f"gradients and memorization scores at k = {k} share no example, so there is nothing to relate")
    return related


def deciles(related: pd.DataFrame) -> pd.DataFrame:
    """GRADIENT_DECILES of what `relate` returned. Equal scores are ordered by example_id, so every decile is filled."""
    ranked = related.sort_values(["min_k_prob", "example_id"])
    return pd.DataFrame([_decile(n, ranked.iloc[part]) for n, part in enumerate(tenths(len(ranked)), start=1)])


def correlations(related: pd.DataFrame) -> pd.DataFrame:
    """GRADIENT_CORRELATIONS of what `relate` returned."""
    pairs = (("min_k_prob", None), ("min_k_prob", "tokens"), ("tokens", None))
    rows = [
        {"score": score, "other": other, "given": given, **_correlation(related, score, other, given)}
        for score in ("grand", "el2n")
        for other, given in pairs
    ]
    return pd.DataFrame(rows)


def rank_correlation(first: Floats, second: Floats, given: Floats | None = None) -> float | None:
    """Spearman's rho, or with `given` the partial one; None where it is undefined, because something does not vary."""
    ranks = [stats.rankdata(values) for values in (first, second)]
    if given is not None:
        design = np.column_stack([np.ones(len(given)), stats.rankdata(given)])
        ranks = [rank - design @ np.linalg.lstsq(design, rank, rcond=None)[0] for rank in ranks]
    if any(np.ptp(rank) < 1e-6 for rank in ranks):
        return None
    return float(np.corrcoef(*ranks)[0, 1])


def _decile(number: int, rows: pd.DataFrame) -> dict[str, Any]:
    low, high = interval_of_mean(rows["grand"].to_numpy())
    return {
        "decile": number,
        "examples": len(rows),
        "min_k_prob_low": rows["min_k_prob"].min(),
        "min_k_prob_high": rows["min_k_prob"].max(),
        "grand": rows["grand"].mean(),
        "grand_low": low,
        "grand_high": high,
        "el2n": rows["el2n"].mean(),
        "tokens": rows["tokens"].mean(),
    }


def _correlation(related: pd.DataFrame, score: str, other: str, given: str | None) -> dict[str, Any]:
    """rho and its interval by Fisher's z with the variance of Bonett & Wright (2000) for ranks."""
    first, second = related[score].to_numpy(), related[other].to_numpy()
    rho = rank_correlation(first, second, None if given is None else related[given].to_numpy())
    freedom = len(related) - 3 - (given is not None)
    if rho is None or freedom < 1:
        return {"rho": rho, "low": None, "high": None, "examples": len(related)}
    half = float(normal_ppf(1 - _TAIL)) * np.sqrt((1 + rho**2 / 2) / freedom)
    z = np.arctanh(np.clip(rho, -1 + 1e-12, 1 - 1e-12))
    return {"rho": rho, "low": float(np.tanh(z - half)), "high": float(np.tanh(z + half)), "examples": len(related)}

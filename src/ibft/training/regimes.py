"""Verdicts on what the terms of IB-FT did in a training, read off its watched steps (docs/objective.md)."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

ACTIVE_NATS = 0.01  # a dimension of z whose KL is above this carries something
COLLAPSED_NATS = 0.05  # KL per token, summed over dimensions: z hardly depends on h
INERT_SHARE = 0.02  # of LoRA's gradient: what is added to CE does not move LoRA
FIGHTING_SHARE, FIGHTING_COSINE = 0.2, -0.3  # it moves LoRA much, and against CE

WATCHED = (  # columns of TRAINING_LOG that only watched steps fill
    "kl_nats",
    "active_dimensions",
    "uniform_nats",
    "unigram_nats",
    "share_ce",
    "share_kl",
    "share_ce_ib",
    "share_rms",
    "cosine",
)


def watched_steps(log: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of TRAINING_LOG in which LoRA's gradient was taken apart."""
    return log[log["share_ce"].notna()]


def added_share(log: pd.DataFrame) -> pd.Series:
    """Return the share of LoRA's gradient that comes from what is added to CE, of each row."""
    return 1 - log["share_ce"]


def verdicts(log: pd.DataFrame) -> dict[str, str]:
    """Return what holds of a TRAINING_LOG, and why: medians over the second half of its watched steps decide.

    Returns:
        Some of `collapsed`, `inert`, `fighting` and `informative`, each with its numbers; nothing for FT, and where no
        step was watched.
    """
    rows = watched_steps(log)
    if rows.empty:
        return {}
    late = rows.iloc[len(rows) // 2 :]
    middle: Any = late[[*WATCHED, "ce_ib"]].astype("float64").median()
    share = float(added_share(late).median())
    found: dict[str, str] = {}
    if middle["kl_nats"] < COLLAPSED_NATS:
        found["collapsed"] = f"KL {middle['kl_nats']:.2g} nats per token, below {COLLAPSED_NATS:g}"
    if share < INERT_SHARE:
        found["inert"] = f"{share:.1%} of LoRA's gradient, below {INERT_SHARE:.0%}"
    if share > FIGHTING_SHARE and middle["cosine"] < FIGHTING_COSINE:
        found["fighting"] = f"{share:.0%} of LoRA's gradient, at a cosine of {middle['cosine']:.2f} with that of CE"
    if middle["ce_ib"] < middle["unigram_nats"]:
        numbers = f"{middle['ce_ib']:.2f}, below the {middle['unigram_nats']:.2f} nats of token frequencies"
        found["informative"] = f"CE_IB {numbers}"
    return found


def sentence(log: pd.DataFrame) -> str:
    """Return the verdicts in one line; empty where there is nothing to judge."""
    if watched_steps(log).empty:
        return ""
    told = "; ".join(f"{name} ({why})" for name, why in verdicts(log).items())
    return told or "none of collapsed, inert, fighting and informative"


def unigram_entropy(counts: npt.ArrayLike) -> float:
    """Return the entropy of a distribution that is given as counts, in nats."""
    counts_V = np.asarray(counts, dtype=np.float64)
    shares = counts_V[counts_V > 0] / counts_V.sum()
    return -float(shares @ np.log(shares))

"""Verdicts on where the terms of IB-FT left a training, read off the last quarter of its log (docs/objective.md)."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

ACTIVE_NATS = 0.01  # a dimension of z whose KL is above this carries something
COLLAPSED_NATS = 0.05  # KL per token, summed over dimensions: z hardly depends on h
COLLAPSING_SHARE = 0.5  # of the first KL: z depends on h less and less
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
    """Return what holds of a TRAINING_LOG, and why: medians over the last quarter of its steps decide.

    Returns:
        Some of `collapsed`, `collapsing`, `inert`, `fighting` and `informative`, each with its numbers; nothing for FT,
        and where no step was watched.
    """
    if watched_steps(log).empty:
        return {}
    last = log.iloc[-math.ceil(len(log) / 4) :]  # CE_IB is of every step, all else of watched ones, the last among them
    at_end: Any = last[[*WATCHED, "ce_ib"]].astype("float64").median()
    first_kl = watched_steps(log)["kl_nats"].iloc[0]
    share = float(added_share(last).median())
    found: dict[str, str] = {}
    if at_end["kl_nats"] < COLLAPSED_NATS:
        found["collapsed"] = f"KL {at_end['kl_nats']:.2g} nats per token, below {COLLAPSED_NATS:g}"
    elif at_end["kl_nats"] < COLLAPSING_SHARE * first_kl and at_end["ce_ib"] > at_end["uniform_nats"]:
        numbers = f"{at_end['ce_ib']:.2f}, above the {at_end['uniform_nats']:.2f} of a uniform guess"
        found["collapsing"] = f"KL from {first_kl:.3g} to {at_end['kl_nats']:.3g} nats per token, and CE_IB {numbers}"
    if share < INERT_SHARE:
        found["inert"] = f"{share:.1%} of LoRA's gradient, below {INERT_SHARE:.0%}"
    if share > FIGHTING_SHARE and at_end["cosine"] < FIGHTING_COSINE:
        found["fighting"] = f"{share:.0%} of LoRA's gradient, at a cosine of {at_end['cosine']:.2f} with that of CE"
    if at_end["ce_ib"] < at_end["unigram_nats"]:
        numbers = f"{at_end['ce_ib']:.2f}, below the {at_end['unigram_nats']:.2f} nats of token frequencies"
        found["informative"] = f"CE_IB {numbers}"
    return found


def sentence(log: pd.DataFrame) -> str:
    """Return the verdicts in one line; empty where there is nothing to judge."""
    if watched_steps(log).empty:
        return ""
    told = "; ".join(f"{name} ({why})" for name, why in verdicts(log).items())
    return told or "none of collapsed, collapsing, inert, fighting and informative"


def unigram_entropy(counts: npt.ArrayLike) -> float:
    """Return the entropy of a distribution that is given as counts, in nats."""
    counts_V = np.asarray(counts, dtype=np.float64)
    shares = counts_V[counts_V > 0] / counts_V.sum()
    return -float(shares @ np.log(shares))

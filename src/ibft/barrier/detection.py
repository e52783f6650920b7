"""Tell members from others by a score of memorization, where it is known which are which.

Four scores come from one forward pass; in all of them, lower means more memorized:
- loss: the mean negative log-likelihood (Yeom et al. 2018), which is Min-100% Prob.
- zlib: the loss of the whole text over its compressed size (Carlini et al. 2021).
- Min-K% Prob and Min-K%++.

Calibrated is a score less the same of the twin, which has seen neither: what makes an example easy for any model of
this kind cancels (Watson et al. 2022).
"""

import zlib
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ibft.memorization.separation import auroc_interval
from ibft.runtime.errors import UserError

Reals = NDArray[np.float64]
Flags = NDArray[np.bool_]

SCORES = {
    "loss": "loss",
    "zlib": "zlib ratio",
    "min_k_prob": "Min-K% Prob",
    "min_k_plus_plus": "Min-K%++",
}  # and labels
DROPPED = 0.2  # the share of the examples that Min-K% pruning leaves out by default
_ALL = 100  # percent of the tokens, of which Min-K% Prob is the loss


def scores_of(memorization: pd.DataFrame, texts: pd.Series, k: int) -> pd.DataFrame:
    """Return SCORES of every example, in the order of `texts`, which holds the scored text of each by its id.

    Args:
        memorization: table MEMORIZATION with the rows of `k` and of 100.

    Raises:
        UserError: they are not of the same examples, or lack one of the two.
    """
    at_k, whole = (memorization[memorization["k"] == each].set_index("example_id") for each in (k, _ALL))
    if set(at_k.index) != set(texts.index) or set(whole.index) != set(texts.index):
        raise UserError(f"memorization was not scored of these examples with k = {k} and {_ALL}: rerun Snakemake")
    at_k, whole = at_k.loc[texts.index], whole.loc[texts.index]
    compressed = texts.map(lambda text: len(zlib.compress(text.encode())))
    return pd.DataFrame(
        {
            "loss": whole["min_k_prob"],
            "zlib": whole["min_k_prob"] * whole["tokens"] / compressed,
            "min_k_prob": at_k["min_k_prob"],
            "min_k_plus_plus": at_k["min_k_plus_plus"],
        }
    )


def detection(scores: Mapping[str, pd.DataFrame], is_member: Flags, control: str) -> Iterator[dict[str, object]]:
    """Yield a row of table DETECTION, but for exposures, for every model, score and calibration.

    Args:
        scores: `scores_of`, by model.
        is_member: of each example, whether the exposed models were shown it.
        control: the twin among the models, which was shown none of them. Its own scores are the placebo: 0.5.
    """
    for model, name, calibrated, values in _all_scores(scores, control):
        members, others = values[is_member], values[~is_member]
        auroc = auroc_interval(members, others)
        lowest = np.argsort(values, kind="stable")[: max(1, round(DROPPED * len(values)))]
        yield {
            "model": model,
            "score": name,
            "calibrated": calibrated,
            "auroc": auroc.estimate,
            "low": auroc.low,
            "high": auroc.high,
            "members": len(members),
            "others": len(others),
            "members_dropped": float(is_member[lowest].mean()),
        }


def roc(scores: Mapping[str, pd.DataFrame], is_member: Flags, control: str) -> Iterator[pd.DataFrame]:
    """Yield the rows of table ROC, for every model, score and calibration."""
    for model, name, calibrated, values in _all_scores(scores, control):
        thresholds = np.concatenate([[-np.inf], np.unique(values)])
        rates = {
            rate: (values[flags][None] <= thresholds[:, None]).mean(axis=1)
            for rate, flags in (("false_positives", ~is_member), ("true_positives", is_member))
        }
        yield pd.DataFrame({"model": model, "score": name, "calibrated": calibrated, **rates})


def _all_scores(scores: Mapping[str, pd.DataFrame], control: str) -> Iterator[tuple[str, str, bool, Reals]]:
    for model, own in scores.items():
        for name in SCORES:
            yield model, name, False, own[name].to_numpy(np.float64)
            if model != control:
                yield model, name, True, (own[name] - scores[control][name]).to_numpy(np.float64)

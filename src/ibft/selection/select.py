"""Rank examples by a score and keep the best share: FT w/ Min-K%, FT w/ GraNd, and a random control."""

import hashlib
from collections.abc import Iterable

import numpy as np
import pandas as pd

from ibft.config.sections import Selection
from ibft.runtime.errors import UserError
from ibft.selection.criteria import CRITERIA


def selected(
    example_ids: pd.Series, scores: pd.DataFrame | None, selection: Selection, *, k: int, seed: int
) -> pd.DataFrame:
    """Return table SELECTION of the examples that `selection` keeps.

    Args:
        scores: MEMORIZATION or GRADIENTS, as the criterion asks; none for the random control.
        k: of Min-K% Prob.
        seed: of the random control.

    Raises:
        UserError: the scores are missing, hold no such k, or are not of exactly these examples.
    """
    criterion = CRITERIA[selection.by]
    if criterion.table is None:
        ranked = random_scores(example_ids, seed)
    elif scores is None:
        raise UserError(f"selection by {selection.by} needs scores, of table {criterion.table}")
    else:
        if criterion.at_k:
            scores = scores[scores["k"] == k]
            if scores.empty:
                raise UserError(f"the scores hold no k = {k}: add it to memorization.k")
        ranked = align(example_ids, scores, criterion.column)
    return select(ranked, selection.keep_fraction, lowest=criterion.keeps_lowest)


def select(scores: pd.DataFrame, keep: float, *, lowest: bool = False) -> pd.DataFrame:
    """Keep the share `keep` of the rows (example_id, score) with the highest scores, or the `lowest`, in their order.

    round(keep x examples) rows are kept, at least one. Of equal scores, those with the smaller example_id stay, so the
    result does not depend on the order of the rows.

    Raises:
        UserError: there is nothing to select from, or a score is not a number.
    """
    if scores.empty:
        raise UserError("there are no examples to select from")
    missing = scores.loc[scores["score"].isna(), "example_id"]
    if len(missing):
        raise UserError(f"{len(missing)} examples have no score, the first is {missing.iloc[0]}: score them again")
    ranked = scores.sort_values(["score", "example_id"], ascending=[lowest, True])
    kept = ranked["example_id"].iloc[: max(1, round(keep * len(scores)))]
    return scores.loc[scores["example_id"].isin(kept), ["example_id", "score"]].reset_index(drop=True)


def random_scores(example_ids: Iterable[str], seed: int) -> pd.DataFrame:
    """Draw a number in [0, 1) from a digest of seed and id, so that larger coresets contain smaller ones."""
    ids = list(example_ids)
    digests = b"".join(hashlib.sha256(f"{seed}\0{example_id}".encode()).digest()[:8] for example_id in ids)
    return pd.DataFrame({"example_id": ids, "score": np.frombuffer(digests, dtype=">u8") / 2.0**64})


def align(example_ids: pd.Series, scores: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the column `name` of `scores` as (example_id, score), in the order of `example_ids`.

    Raises:
        UserError: `scores` is not of exactly these examples.
    """
    by_id = scores.set_index("example_id")[name]
    difference = set(example_ids) ^ set(by_id.index)
    if difference:
        raise UserError(
            f"{len(difference)} examples are in only one of the dataset and its scores, such as {min(difference)}: "
            "score the dataset again"
        )
    return pd.DataFrame({"example_id": example_ids, "score": by_id.loc[example_ids].to_numpy()})

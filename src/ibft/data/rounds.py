"""Disjoint parts of generated data: an example of every family is a round, and a part is some families in some rounds.

Parts of other rounds have other answers, so that a model which was shown one of them cannot have seen another.
"""

import pandas as pd

from ibft.config.section import Range
from ibft.config.sections import Dataset


def part_of(examples: pd.DataFrame, dataset: Dataset) -> pd.DataFrame:
    """Return the rows of `examples` that are in the part which `dataset` describes.

    An answer that repeats an earlier one is in no round; neither is one above `longest_response`, if that is given.
    """
    if dataset.longest_response is not None:
        examples = examples[examples["response"].str.len() <= dataset.longest_response]
    if dataset.families is None and dataset.rounds is None:
        return examples.reset_index(drop=True)
    distinct = examples[~examples["response"].duplicated()]
    family = pd.Series(pd.factorize(distinct["source"])[0], index=distinct.index)
    is_kept = _within(family, dataset.families) & _within(family.groupby(family).cumcount(), dataset.rounds)
    return distinct[is_kept].reset_index(drop=True)


def _within(numbers: pd.Series, wanted: Range | None) -> pd.Series:
    first, end = wanted or (0, len(numbers))
    return (numbers >= first) & (numbers < end)

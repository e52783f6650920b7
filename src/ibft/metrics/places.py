"""Where methods are compared with one another: one model, fine-tuned on one dataset, on one benchmark."""

from typing import NamedTuple

import pandas as pd

from ibft.labels import Labels, in_order


class Place(NamedTuple):
    model: str
    dataset: str
    benchmark: str


def by_place(frame: pd.DataFrame, labels: Labels) -> list[tuple[Place, pd.DataFrame]]:
    """Split a frame with these three columns by place, in the order of `labels`: dataset, model, benchmark."""
    parts = []
    for dataset in in_order(list(frame["dataset"]), labels.datasets):
        of_dataset = frame[frame["dataset"] == dataset]
        for model in in_order(list(of_dataset["model"]), labels.models):
            of_model = of_dataset[of_dataset["model"] == model]
            for benchmark in in_order(list(of_model["benchmark"]), labels.benchmarks):
                parts.append((Place(model, dataset, benchmark), of_model[of_model["benchmark"] == benchmark]))
    return parts


def compared(frame: pd.DataFrame, labels: Labels) -> pd.DataFrame:
    """The rows of the methods that tables and figures compare: without the points of a sweep, which has its own figure.

    Where a model was fine-tuned on a dataset in nothing but a sweep, all rows stay.
    """
    swept = frame["method"].isin(labels.swept)
    nothing_else = swept.groupby([frame["model"], frame["dataset"]]).transform("all")
    return frame[~swept | nothing_else]


def lowest_temperature(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows at the lowest temperature of each dataset: the one at which figures and sentences compare methods."""
    lowest = frame.groupby("dataset")["temperature"].transform("min")
    return frame[frame["temperature"] == lowest]

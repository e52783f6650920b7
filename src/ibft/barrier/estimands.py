"""Estimands of the experiment with known membership: differences of held-out NLL, paired by example and seed.

Two bases differ only in which examples they were shown. What their arms differ by after fine-tuning, less what the
bases differed by before, is the barrier. A gap that was there by chance closes in part by itself, and looks like one;
so the gap after stands beside it, and only both together leave no doubt. What a method gains over FT on the exposed
base, less what it gains on the twin, is specific to the barrier: a method that helps both alike is a regulariser.

Everything is in nats per token of held-out responses. Above 0 means worse: a barrier, or a method that harms.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ibft.config.sections import REFERENCE
from ibft.runtime.errors import UserError
from ibft.statistics.holm import holm
from ibft.statistics.paired import paired_test

Reals = NDArray[np.float64]

BEFORE = "base"  # the method that leaves a base as it is


class Arm(NamedTuple):
    """A method, and the dataset that it fine-tunes on."""

    dataset: str
    method: str


@dataclass(frozen=True)
class Twins:
    """NLL of held-out examples, [examples, seeds], by arm: from the base that was shown the members, and its twin.

    An arm of one base alone is compared with FT there, and says nothing of the barrier.
    """

    exposed: Mapping[Arm, Reals]
    control: Mapping[Arm, Reals]

    def contrast(self, arm: Arm, reference: Arm) -> Reals:
        """Return what `arm` differs from `reference` by on the exposed base, less the same on its twin."""
        return (self.exposed[arm] - self.exposed[reference]) - (self.control[arm] - self.control[reference])


def estimands(twins: Twins, dataset: str) -> pd.DataFrame:
    """Estimate every contrast of the arms: rows of table ESTIMANDS but for the held-out dataset.

    Args:
        dataset: members and others; the arms FT and base on it are what others are compared with.

    Raises:
        UserError: one of these two is missing.
    """
    rows = [_estimated(*contrast) for contrast in _contrasts(twins, dataset)]
    return pd.DataFrame(rows)


def with_corrected_tests(estimated: pd.DataFrame, primary: str) -> pd.DataFrame:
    """Add `primary` and `p_holm` to rows of ESTIMANDS: the barrier on dataset `primary` stands, the rest is corrected.

    The gap before fine-tuning is no finding, but what the barrier is measured from.
    """
    is_primary = (estimated["estimand"] == "barrier") & (estimated["measured_on"] == primary)
    others = ~is_primary & (estimated["estimand"] != "gap before")
    p_holm = pd.Series(np.nan, index=estimated.index)
    p_holm[others] = holm(estimated.loc[others, "p_value"].to_numpy(np.float64))
    return estimated.assign(primary=is_primary, p_holm=p_holm)


def _contrasts(twins: Twins, dataset: str) -> Iterator[tuple[str, Arm, str, Reals]]:
    """Yield the name of an estimand, its arm, the base that it is on, and its differences [examples, seeds]."""
    before, reference = Arm(dataset, BEFORE), Arm(dataset, REFERENCE)
    for arm in (before, reference):
        if arm not in twins.exposed or arm not in twins.control:
            raise UserError(f"the barrier needs the NLL of {arm.method} on {dataset}, from both bases: rerun Snakemake")
    yield "gap before", before, "both", twins.exposed[before] - twins.control[before]
    yield "barrier", reference, "both", twins.contrast(reference, before)
    yield "gap after", reference, "both", twins.exposed[reference] - twins.control[reference]
    for arm in dict.fromkeys([*twins.exposed, *twins.control]):
        if arm.method == BEFORE or arm == reference:
            continue
        bases = {"exposed": twins.exposed, "control": twins.control}
        own = {base: nll for base, nll in bases.items() if arm in nll}
        for base, nll in own.items():
            yield "against FT", arm, base, nll[arm] - nll[reference]
        if len(own) == len(bases):
            yield "specific", arm, "both", twins.contrast(arm, reference)


def _estimated(estimand: str, arm: Arm, base: str, differences_ES: Reals) -> dict[str, object]:
    tested = paired_test(differences_ES[..., None])
    return {
        "estimand": estimand,
        "arm_dataset": arm.dataset,
        "arm_method": arm.method,
        "base": base,
        "estimate": float(tested.mean_M[0]),
        "low": float(tested.low_M[0]),
        "high": float(tested.high_M[0]),
        "p_value": float(tested.p_M[0]),
        "examples": differences_ES.shape[0],
        "seeds": differences_ES.shape[1],
    }


def twins_of(nll: pd.DataFrame, exposed: str, control: str) -> Twins:
    """Arrange the NLL of one held-out dataset by base and arm.

    Args:
        nll: columns model, dataset, method, seed, example_id, nll.

    Raises:
        UserError: an arm was not measured with the same seeds and examples on both bases.
    """
    cubes: dict[str, dict[Arm, Reals]] = {exposed: {}, control: {}}
    ids = sorted(nll["example_id"].unique())
    for (model, dataset, method), of_arm in nll.groupby(["model", "dataset", "method"], sort=False):
        wide_ES = of_arm.pivot(index="example_id", columns="seed", values="nll").reindex(ids)
        if model in cubes:
            cubes[model][Arm(str(dataset), str(method))] = wide_ES.to_numpy(np.float64)
    shared = cubes[exposed].keys() & cubes[control].keys()
    same = all(cubes[exposed][arm].shape == cubes[control][arm].shape for arm in shared)
    whole = all(np.isfinite(values).all() for cube in cubes.values() for values in cube.values())
    if not (same and whole):
        raise UserError(f"the arms of {exposed} and {control} were measured on different examples: rerun Snakemake")
    return Twins(cubes[exposed], cubes[control])

"""One paired test for every comparison: over problems, and over training seeds where there are several.

With one training seed, the signs of problems are flipped (`sign_flips`): that tells two checkpoints apart. With
several, the seeds are part of the chance (`crossed`): that tells two methods apart. Either way, interval and p-value
come from one inversion. Where fewer than 6 problems differ at all, nothing is decided.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ibft.statistics.crossed import crossed_test
from ibft.statistics.sign_flips import FEWEST_DISCORDANT, LEVEL, ROUNDING, sign_flip_test

__all__ = ["FEWEST_DISCORDANT", "LEVEL", "Paired", "paired_test"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Paired:
    """Each quantity has a mean difference [M], and its 95% interval and p-value, NaN where nothing is decided.

    Attributes:
        discordant_M: how many problems differ in the mean over seeds.
    """

    mean_M: Floats
    low_M: Floats
    high_M: Floats
    p_M: Floats
    discordant_M: npt.NDArray[np.int64]


def paired_test(differences_PSM: Floats) -> Paired:
    """Test whether each mean difference, over problems and training seeds, is 0.

    Args:
        differences_PSM: of the scores, [problems, seeds, quantities].
    """
    of_problem_PM = differences_PSM.mean(axis=1)
    discordant_M = (np.abs(of_problem_PM) > ROUNDING).sum(axis=0)
    decided = np.flatnonzero(discordant_M >= FEWEST_DISCORDANT)
    low_M, high_M, p_M = (np.full(differences_PSM.shape[2], np.nan) for _ in range(3))
    if len(decided):
        seeds = differences_PSM.shape[1]
        tested = crossed_test(differences_PSM[..., decided]) if seeds > 1 else sign_flip_test(of_problem_PM[:, decided])
        low_M[decided], high_M[decided], p_M[decided] = tested
    return Paired(differences_PSM.mean(axis=(0, 1)), low_M, high_M, p_M, discordant_M)

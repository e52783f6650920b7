"""A paired comparison is printed with its interval and p-value, or says that nothing can be decided."""

import pandas as pd

from ibft.statistics.paired import FEWEST_DISCORDANT

UNDECIDED = "cannot be decided"
ONE_SEED = (
    "The samples of a method are of one training seed, so that two checkpoints are compared, not two methods: another "
    "training could move a difference further than its interval, and turn its sign. Samples of several training seeds "
    "compare methods."
)
SEVERAL_SEEDS = (
    "Over problems and training seeds: another set of such problems and another training are part of the chance."
)
DISCORDANT = (
    f"Differ: problems on which the two differ, of all; where fewer than {FEWEST_DISCORDANT} do, no outcome could "
    f"reach p < 0.05, and it {UNDECIDED}. The interval contains 0 exactly where p > 0.05."
)


def decision(row: pd.Series) -> tuple[str, str]:
    """Print the 95% interval of a row of COMPARISONS or MOVEMENTS in percentage points, and its p-value after Holm."""
    if pd.isna(row["p_value"]):
        return UNDECIDED, "–"
    return f"{100 * row['low']:+.2f} to {100 * row['high']:+.2f}", f"{row['p_holm']:.4f}"


def about_seeds(comparisons: pd.DataFrame) -> str:
    """Tell what was compared: checkpoints, where any method has samples of one training seed, or methods."""
    return ONE_SEED if (comparisons["seeds"] == 1).any() else SEVERAL_SEEDS

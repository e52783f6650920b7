"""How many samples of each problem passed: the only thing that Pass@k^(m) needs to know of the verdicts."""

from collections.abc import Collection

import pandas as pd

from ibft.metrics.runs import describe
from ibft.paths import Run
from ibft.runtime.errors import UserError
from ibft.store.schemas import PASS_COUNTS

COUNTED_COLUMNS = ["task_id", "sample", "passed", "official_passed"]  # of VERDICTS


def count_passes(verdicts: pd.DataFrame, run: Run, excluded: Collection[str] = ()) -> pd.DataFrame:
    """Count the VERDICTS of one run (its COUNTED_COLUMNS) into PASS_COUNTS: one row per problem, in their order.

    Args:
        excluded: task_ids that this machine cannot judge, and that therefore count for nobody. Their rows say so, and
            only the metrics by the upstream harness's rule look at them.

    Raises:
        UserError: no problem is left.
    """
    if verdicts["task_id"].isin(list(excluded)).all():
        raise UserError(f"no judged problem is left for {describe(run)}: see which problems were excluded and why")
    counts = verdicts.groupby("task_id", sort=False).agg(
        n=("sample", "size"), c=("passed", "sum"), official_c=("official_passed", "sum")
    )
    of_run = {**run._asdict(), "excluded": ", ".join(sorted(excluded))}
    rows = counts.reset_index().assign(**of_run)
    rows["judged"] = ~rows["task_id"].isin(list(excluded))
    return pd.DataFrame(rows, columns=PASS_COUNTS.schema.names)


def judged(pass_counts: pd.DataFrame) -> pd.DataFrame:
    """The rows of PASS_COUNTS that count: those of problems that this machine can judge."""
    return pass_counts[pass_counts["judged"]]

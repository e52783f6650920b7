"""`ibft compare`: nothing moves in a rerun, a real change does, and only what both runs have is compared."""

import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ibft.commands.compare import only_in_one, pass_counts_of, told
from ibft.config.sections import Metrics
from ibft.metrics.cells import cells
from ibft.metrics.compare import compare_runs
from ibft.paths import Run
from ibft.runtime.errors import UserError
from ibft.store.parquet import write_table
from ibft.store.schemas import PASS_COUNTS
from tests import synthetic_run
from tests.warm_python import python

RUN = Run("m", "d", "ft", 0, "b", 0.2, 0)
SETTINGS = Metrics(bootstrap=200)


def drawn(shift: float, seed: int, problems: int = 60, run: Run = RUN, n: int = 10) -> pd.DataFrame:
    """PASS_COUNTS of problems whose difficulties are always the same, drawn anew with every seed."""
    difficulty = np.random.default_rng(0).normal(0, 1.5, problems)
    passes = np.random.default_rng(seed).binomial(n, 1 / (1 + np.exp(difficulty - shift)))
    same = {**run._asdict(), "n": n, "excluded": "", "judged": True}
    rows = [{**same, "task_id": f"p{i}", "c": int(c), "official_c": int(c)} for i, c in enumerate(passes)]
    return pd.DataFrame(rows, columns=PASS_COUNTS.schema.names)


def compared(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    return compare_runs(list(cells(before)), list(cells(after)), SETTINGS)


def test_reruns_of_the_same_model_rarely_move() -> None:
    alarms = [compared(drawn(0, seed), drawn(0, seed + 100))["moved"].any() for seed in range(40)]
    assert sum(alarms) <= 5


def test_a_better_model_moves_and_by_how_much_is_said() -> None:
    rows = compared(drawn(0, 1), drawn(1.5, 2))
    first = rows[(rows["k"] == 1)].iloc[0]
    assert first["moved"]
    assert first["difference"] == pytest.approx(first["after"] - first["before"])
    assert 0 < first["low"] < first["difference"] < first["high"]
    text = told(rows)
    assert text.splitlines()[1].startswith("*  m")
    assert "metrics moved beyond noise" in text.splitlines()[-1]


def test_equal_runs_differ_in_nothing() -> None:
    rows = compared(drawn(0, 1), drawn(0, 1))
    assert not rows["moved"].any()
    assert (rows["difference"] == 0).all()
    assert told(rows) == "0 of 6 metrics moved beyond noise (p < 0.05 after Holm's correction)"
    assert len(told(rows, everything=True).splitlines()) == 8


def test_only_shared_problems_are_compared_and_other_variants_are_named() -> None:
    other = RUN._replace(method="ibft")
    before, after = pd.concat([drawn(0, 1), drawn(0, 1, run=other)]), drawn(0, 2, problems=40)
    assert set(compared(before, after)["problems"]) == {40}
    named = [(name, cell.key[2]) for name, cell in only_in_one(list(cells(before)), list(cells(after)))]
    assert named == [("before", "ibft")]


def test_metrics_beyond_the_samples_of_one_run_are_left_out() -> None:
    assert set(compared(drawn(0, 1), drawn(0, 2, n=5))["k"]) == {1, 5}


def test_runs_without_anything_in_common_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="in common"):
        compared(drawn(0, 1), drawn(0, 1, run=RUN._replace(model="x")))
    with pytest.raises(UserError, match="no results folder"):
        pass_counts_of(tmp_path)


def test_the_command_prints_a_table_and_writes_a_csv(tmp_path: Path) -> None:
    for name, trials in (("a", 1), ("b", 2)):
        counts = synthetic_run.pass_counts(trials=trials, problems=12)
        if name == "b":
            counts.loc[counts["method"] == "base", "c"] = counts["n"]
        write_table(tmp_path / name / "metrics" / "all" / "pass_counts.parquet", PASS_COUNTS, counts)
    code = "import sys; from ibft.cli import main; sys.argv = sys.argv[1:]; main()"
    command = [python(), "-c", code, "ibft", "compare", str(tmp_path / "a"), str(tmp_path / "b")]
    run = subprocess.run([*command, "--output", str(tmp_path / "out.csv")], capture_output=True, text=True, check=True)
    assert "humaneval" in run.stdout
    assert " base " in run.stdout
    assert " ibft " not in run.stdout
    written = pd.read_csv(tmp_path / "out.csv")
    assert len(written) == 8 * 6
    assert set(written.loc[written["moved"], "method"]) == {"base"}

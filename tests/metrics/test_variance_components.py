"""Variance components of Pass@1 are those that the scores were drawn with, and tables show them and the strata."""

import numpy as np
import pandas as pd
import pytest

from ibft.config.sections import Metrics
from ibft.metrics.cells import Cell, cells
from ibft.metrics.variance_components import variance_components
from ibft.paths import Run
from ibft.report.uncertainty_tables import stratum_table, variance_table
from tests import synthetic_run

RUN = Run("smollm2", "rtl", "ft", 0, "rtl-mini", 0.2, 0)


def drawn(seeds: int, trials: int, problems: int = 3000) -> pd.DataFrame:
    """PASS_COUNTS of rates 0.5 that problems move by 0.15, seeds by 0.06 and pairs of both by 0.1."""
    random = np.random.default_rng(seeds)
    rate_PS = 0.5 + random.normal(0, 0.15, (problems, 1)) + random.normal(0, 0.1, (problems, seeds))
    rate_PS += np.array([0.06, -0.06, 0.0])[:seeds]
    return pd.concat(
        [
            synthetic_run.counted(random.binomial(10, rate_PS[:, s].clip(0, 1)), RUN._replace(seed=s, trial=t))
            for s in range(seeds)
            for t in range(trials)
        ]
    )


def cell_of(frame: pd.DataFrame) -> Cell:
    return next(cells(frame))


def test_components_are_those_that_the_scores_were_drawn_with() -> None:
    found = variance_components(cell_of(drawn(seeds=3, trials=2)))
    assert found is not None and found.seed is not None and found.pair is not None
    assert np.sqrt(found.problem) == pytest.approx(0.15, rel=0.05)
    assert np.sqrt(found.seed) == pytest.approx(0.06, rel=0.1)
    assert np.sqrt(found.pair) == pytest.approx(0.1, rel=0.08)
    assert found.trial == pytest.approx((0.25 - 0.15**2 - 0.1**2 - 0.0024) / 10, rel=0.03)
    parts = found.of_the_mean(3000, 3, 2)
    assert parts["seed"] > 10 * (parts["problem"] + parts["pair"] + parts["trial"])


def test_one_seed_cannot_tell_what_trainings_add() -> None:
    found = variance_components(cell_of(drawn(seeds=1, trials=2)))
    assert found is not None
    assert (found.seed, found.pair) == (None, None)
    assert np.sqrt(found.problem) == pytest.approx(np.hypot(0.15, 0.1), rel=0.05)


def test_one_problem_has_no_components() -> None:
    assert variance_components(cell_of(synthetic_run.counted([5], RUN))) is None
    assert variance_table(synthetic_run.counted([5], RUN), synthetic_run.LABELS).rows == []


def test_the_table_leaves_blank_what_one_seed_cannot_tell() -> None:
    [row] = variance_table(drawn(seeds=1, trials=2, problems=40), synthetic_run.LABELS).rows
    assert row[:4] == ["generated RTL", "SmolLM2-135M", "rtl-mini", "FT"]
    assert row[6:8] == ["–", "–"]


def test_strata_are_the_problems_that_overlap_and_the_others() -> None:
    counts = synthetic_run.counted([10, 10, 0, 0, 0], RUN)
    overlapping = {("rtl", "rtl-mini"): {"p000", "p001", "p002"}, ("other", "rtl-mini"): {"p004"}}
    table = stratum_table(counts, overlapping, Metrics(k=(1,), bootstrap=50), synthetic_run.LABELS, dropped=True)
    [row] = table.rows
    assert row[5:7] == ["Pass@1", "3"]
    assert row[7].startswith("66.7 [")
    assert row[8] == "2" and row[9].startswith("0.0 [0.0, ")
    assert "left out of training" in table.note
    none = stratum_table(counts, {("rtl", "rtl-mini"): set()}, Metrics(k=(1,)), synthetic_run.LABELS, dropped=False)
    assert none.rows[0][6:8] == ["0", "–"]

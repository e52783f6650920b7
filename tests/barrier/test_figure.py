"""The figure of the barrier names every arm, tells both bases apart, and survives a run of one training seed."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from ibft.barrier.detection import SCORES
from ibft.barrier.estimands import Twins, estimands, with_corrected_tests
from ibft.config.barrier import Barrier
from ibft.figures import barrier, style
from ibft.labels import Labels
from ibft.tables.barrier import barrier_markdown
from tests.barrier.test_estimands import FT, simulated

SETTINGS = Barrier(exposed="b", control="c", dataset="both")
LABELS = Labels(
    datasets={"fresh": "Fresh circuits", "both": "Both"}, methods={"base": "Base", "ft": "FT", "ibft": "IB-FT"}
)


def tables(twins: Twins) -> dict[str, pd.DataFrame]:
    estimated = with_corrected_tests(estimands(twins, "both").assign(measured_on="fresh"), "fresh")
    rows = [
        {"model": model, "dataset": arm.dataset, "method": arm.method, "seed": seed, "nll": nll_E.mean()}
        for model, arms in (("b", twins.exposed), ("c", twins.control))
        for arm, nll_ES in arms.items()
        for seed, nll_E in enumerate(nll_ES.T)
    ]
    of_scores = [{"model": "b", "score": score, "calibrated": each} for score in SCORES for each in (False, True)]
    sizes = {"auroc": 0.75, "members": 40, "others": 40, "exposures": 6.0}
    curve = [
        {**of_score, "false_positives": x, "true_positives": x**0.5} for of_score in of_scores for x in (0, 0.5, 1)
    ]
    return {
        "estimands": estimated,
        "arms": pd.DataFrame(rows).assign(measured_on="fresh"),
        "detection": pd.DataFrame([{**of_score, **sizes} for of_score in of_scores]),
        "roc": pd.DataFrame(curve),
    }


@pytest.mark.parametrize("seeds", [1, 3])
def test_it_shows_every_arm_and_says_how_sure_it_is(
    seeds: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(style._RC, "svg.fonttype", "none")  # words, not outlines
    twins = simulated(np.random.default_rng(0), barrier=0.05)
    twins = Twins(*({arm: nll[:, :seeds] for arm, nll in cube.items()} for cube in (twins.exposed, twins.control)))
    figure = barrier.draw(**tables(twins), labels=LABELS, settings=SETTINGS)
    style.save(figure, tmp_path / "barrier.png", tmp_path / "barrier.svg")
    words = " ".join(ElementTree.parse(tmp_path / "barrier.svg").getroot().itertext())
    for word in ("IB-FT − FT", "FT: the barrier", "Fresh circuits", "zlib ratio less the twin’s: 0.75", "40 members"):
        assert word in words
    assert ("one training seed" if seeds == 1 else "3 training seeds") in words


def test_the_table_opens_with_what_was_found_and_escapes_labels() -> None:
    estimated = tables(simulated(np.random.default_rng(0), barrier=0.2))["estimands"]
    told = barrier_markdown(estimated, LABELS.model_copy(update={"datasets": {"fresh": "<b>"}}), FT.dataset)
    assert told.startswith("A barrier was found") and "\\<b\\>" in told and "<b>" not in told
    assert told.count("IB-FT − FT") == 3

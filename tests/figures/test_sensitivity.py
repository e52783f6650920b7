"""Maps of Pass@k over IB-FT's settings: each cell is the method with these settings, and nothing else."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ibft.config.loading import load
from ibft.figures import sensitivity
from ibft.figures.style import save
from ibft.labels import labels_of
from ibft.metrics.aggregate import compute_metrics
from ibft.runtime.errors import UserError
from tests import synthetic_run

ALPHAS, BETAS, LAYERS = (0.01, 0.1, 1.0), (0.001, 0.02), (10, 20)
SETTINGS = synthetic_run.SETTINGS


def sweep_config() -> dict[str, object]:
    methods = {
        **synthetic_run.CONFIG["methods"],
        "strength": {"kind": "ibft", "alpha": list(ALPHAS), "beta": list(BETAS)},
        "place": {"kind": "ibft", "layer": list(LAYERS)},
        "other": {"kind": "ibft", "objective": "released-code", "alpha": 0.5},
    }
    experiment = {
        **synthetic_run.CONFIG["experiments"]["verilog"],
        "methods": ["base", "ft", "strength", "place", "other"],
    }
    return {
        **synthetic_run.CONFIG,
        "methods": methods,
        "experiments": {"verilog": experiment},
        "training": {"packing": False},
    }


LABELS = labels_of(load(sweep_config()))


@pytest.fixture(scope="module")
def metrics() -> pd.DataFrame:
    counts = synthetic_run.pass_counts(problems=12)
    counts = counts[counts["dataset"] == "rtl"]
    names = [f"strength-alpha{a:g}-beta{b:g}" for a in ALPHAS for b in BETAS] + [f"place-layer{x}" for x in LAYERS]
    sources = ["base", "ft", "ft-mink", "ft-grand", "ibft"] * 2
    swept = [
        counts[counts["method"] == source].assign(method=name)
        for name, source in zip([*names, "other"], sources, strict=False)
    ]
    return compute_metrics(pd.concat([counts[counts["method"].isin(["base", "ft"])], *swept]), SETTINGS)


def test_every_cell_is_the_method_with_these_settings(metrics: pd.DataFrame, tmp_path: Path) -> None:
    figure = sensitivity.draw(metrics, LABELS, SETTINGS)
    maps = [axes for axes in figure.axes if axes.images]
    assert [(axes.get_xlabel(), axes.get_ylabel()) for axes in maps] == [
        (r"$\alpha$", r"$\beta$"),
        ("layer", "width of the bottleneck"),
    ] * 2
    at_1 = metrics[(metrics["k"] == 1) & (metrics["m"] == 1)].set_index("method")["estimate"]
    values = np.asarray(maps[0].images[0].get_array())
    expected = [[at_1[f"strength-alpha{a:g}-beta{b:g}"] for a in ALPHAS] for b in BETAS]
    np.testing.assert_allclose(values, expected)
    assert [label.get_text() for label in maps[0].get_xticklabels()] == ["0.01", "0.1", "1"]
    layers = np.asarray(maps[1].images[0].get_array())
    assert layers.shape[1] >= len(LAYERS)
    assert {at_1[f"place-layer{x}"] for x in LAYERS} <= set(layers.ravel().tolist())
    save(figure, tmp_path / "figure.png", tmp_path / "figure.svg")
    assert (tmp_path / "figure.svg").stat().st_size > 10_000


def test_without_a_sweep_there_is_nothing_to_draw() -> None:
    metrics = compute_metrics(synthetic_run.pass_counts(problems=5), SETTINGS)
    with pytest.raises(UserError, match="give alpha, beta, layer or bottleneck a list"):
        sensitivity.draw(metrics, synthetic_run.LABELS, SETTINGS)

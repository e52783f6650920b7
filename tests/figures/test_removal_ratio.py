"""Pass@k over the removed share: the points of a sweep are in this figure and in no other."""

from pathlib import Path

import pandas as pd
import pytest

from ibft.config.loading import load
from ibft.figures import pass_at_k, removal_ratio
from ibft.figures.style import save
from ibft.labels import labels_of
from ibft.metrics.aggregate import compute_metrics
from ibft.metrics.compare import compare_methods
from ibft.runtime.errors import UserError
from ibft.tables.headline import headline
from tests import synthetic_run

KEEP = (0.9, 0.8, 0.6)
SETTINGS = synthetic_run.SETTINGS


def sweep_config() -> dict[str, object]:
    methods = {
        **synthetic_run.CONFIG["methods"],
        "most": {"kind": "ft", "selection": {"by": "mink", "keep_fraction": list(KEEP)}},
        "any": {"kind": "ft", "selection": {"by": "random", "keep_fraction": list(KEEP)}},
    }
    del methods["ft-mink"]
    experiment = {
        **synthetic_run.CONFIG["experiments"]["verilog"],
        "methods": ["base", "ft", "ft-grand", "most", "any", "ibft"],
    }
    return {**synthetic_run.CONFIG, "methods": methods, "experiments": {"verilog": experiment}}


LABELS = labels_of(load(sweep_config()))


@pytest.fixture(scope="module")
def pass_counts() -> pd.DataFrame:
    counts = synthetic_run.pass_counts(problems=15)
    counts = counts[counts["dataset"] == "rtl"]
    swept = [
        counts[counts["method"] == source].assign(method=f"{name}-keep{keep:g}")
        for name, source in (("most", "ft-mink"), ("any", "ft-grand"))
        for keep in KEEP
    ]
    return pd.concat([counts[counts["method"] != "ft-mink"], *swept])


@pytest.fixture(scope="module")
def metrics(pass_counts: pd.DataFrame) -> pd.DataFrame:
    return compute_metrics(pass_counts, SETTINGS)


def test_lines_start_at_ft_and_have_a_point_per_share(metrics: pd.DataFrame, tmp_path: Path) -> None:
    figure = removal_ratio.draw(metrics, LABELS, SETTINGS)
    assert len(figure.axes) == len(SETTINGS.k)
    axes = figure.axes[0]
    lines = {c.get_label(): c.lines[0] for c in axes.containers}
    assert list(lines) == [
        "Most memorized removed (Min-K%)",
        "Smallest gradients removed (GraNd)",
        "Random examples removed",
    ]
    at_1 = metrics[(metrics["k"] == 1) & (metrics["m"] == 1)].set_index("method")["estimate"]
    expected = [at_1["ft"], *(at_1[f"most-keep{keep}"] for keep in KEEP)]
    assert list(lines["Most memorized removed (Min-K%)"].get_ydata()) == pytest.approx(expected)
    assert [round(tick, 3) for tick in axes.get_xticks()] == [0, 0.1, 0.2, 0.4]
    save(figure, tmp_path / "figure.png", tmp_path / "figure.svg")
    assert (tmp_path / "figure.svg").stat().st_size > 10_000


def test_a_control_of_equal_updates_is_a_line_of_its_own(metrics: pd.DataFrame) -> None:
    config = sweep_config()
    config["methods"]["any"] = {**config["methods"]["most"], "training": {"updates": "all-examples"}}
    labels = labels_of(load(config))
    assert set(labels.equal_updates) == {f"any-keep{keep}" for keep in KEEP}
    axes = removal_ratio.draw(metrics, labels, SETTINGS).axes[0]
    lines = {c.get_label(): c.lines[0] for c in axes.containers}
    at_1 = metrics[(metrics["k"] == 1) & (metrics["m"] == 1)].set_index("method")["estimate"]
    for label, name, style in (("", "most", "-"), (", equal updates", "any", ":")):
        line = lines[f"Most memorized removed (Min-K%){label}"]
        assert list(line.get_ydata()) == pytest.approx([at_1["ft"], *(at_1[f"{name}-keep{keep}"] for keep in KEEP)])
        assert line.get_linestyle() == style


def test_without_a_sweep_there_is_nothing_to_draw() -> None:
    metrics = compute_metrics(synthetic_run.pass_counts(problems=5), SETTINGS)
    with pytest.raises(UserError, match=r"list for selection\.keep_fraction"):
        removal_ratio.draw(metrics, synthetic_run.LABELS, SETTINGS)


def test_the_comparison_shows_no_point_of_a_sweep(metrics: pd.DataFrame) -> None:
    table = headline(metrics, LABELS, SETTINGS)
    assert set(table["method"]) == {"Base", "FT", "FT w/ GraNd", "IB-FT"}
    legend = pass_at_k.draw(metrics, LABELS, SETTINGS).legends[0]
    assert [text.get_text() for text in legend.get_texts()] == ["Base", "FT", "FT w/ GraNd", "IB-FT"]


def test_a_run_of_nothing_but_a_sweep_is_compared_all_the_same(metrics: pd.DataFrame) -> None:
    only = metrics[metrics["method"].isin(LABELS.swept)]
    assert headline(only, LABELS, SETTINGS)["method"].nunique() == len(LABELS.swept)


def test_exploring_does_not_change_what_is_said_of_the_comparison(pass_counts: pd.DataFrame) -> None:
    alone = compare_methods(pass_counts[~pass_counts["method"].isin(LABELS.swept)], SETTINGS, "ft")
    beside = compare_methods(pass_counts, SETTINGS, "ft", LABELS.swept)
    of_comparison = beside[~beside["method"].isin(LABELS.swept)].reset_index(drop=True)
    pd.testing.assert_frame_equal(of_comparison, alone)

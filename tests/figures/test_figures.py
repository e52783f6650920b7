"""Every figure draws real and degenerate input, reproducibly, and shows the numbers it was given."""

import re
import tempfile
from collections.abc import Iterator
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import get_args
from xml.etree import ElementTree

import matplotlib
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from ibft.config.sections import Memorization, Metrics, PassAtKM
from ibft.figures import (
    geometry,
    gradient_imbalance,
    memorization,
    pass_at_k,
    pass_heatmap,
    status_composition,
    style,
    training_curves,
)
from ibft.figures.catalogue import CATALOGUE, SEVERAL_TEMPERATURES, Input
from ibft.figures.inputs import READERS, arguments_of
from ibft.figures.style import drawn_literally, literal, looks, save
from ibft.gradients.imbalance import correlations, deciles, relate
from ibft.labels import Labels
from ibft.metrics.aggregate import compute_metrics
from ibft.runtime.errors import UserError
from ibft.store.parquet import read_table, write_table
from ibft.store.schemas import GRADIENT_CORRELATIONS, GRADIENT_DECILES, TRAINING_LOG
from tests import synthetic_run

LABELS, SETTINGS = synthetic_run.LABELS, synthetic_run.SETTINGS
MINK = Memorization(reference="stdlib")
CAPITAL = 5  # points, of the smallest letters; texts are placed by their feet
MODULES = {name: import_module(f"ibft.figures.{name}") for name in CATALOGUE}
OF_METRICS = [
    MODULES[name].draw
    for name, entry in CATALOGUE.items()
    if entry.inputs == ("metrics",) and entry.needs in (None, SEVERAL_TEMPERATURES)
]


@pytest.fixture(scope="module")
def metrics() -> pd.DataFrame:
    return compute_metrics(synthetic_run.pass_counts(temperatures=(0.2, 0.6), problems=15), SETTINGS)


def written(figure: Figure, folder: Path) -> Path:
    """Save `figure` and check both files; a figure that cannot be laid out fails here."""
    save(figure, folder / "figure.png", folder / "figure.svg")
    assert (folder / "figure.png").read_bytes().startswith(b"\x89PNG")
    svg = folder / "figure.svg"
    assert "<svg" in svg.read_text()
    return svg


@pytest.mark.parametrize("draw", OF_METRICS, ids=lambda draw: draw.__module__.rsplit(".")[-1])
def test_figures_of_metrics_are_written_as_png_and_svg(draw, metrics, tmp_path) -> None:
    written(draw(metrics, LABELS, SETTINGS), tmp_path)


@pytest.mark.parametrize("models", [1, 2, 3])
@pytest.mark.parametrize("draw", OF_METRICS, ids=lambda draw: draw.__module__.rsplit(".")[-1])
def test_every_word_is_on_the_page(draw, models, metrics, tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(style._RC, "svg.fonttype", "none")  # words, not outlines
    two_benchmarks = pd.concat([metrics, metrics[metrics["dataset"] == "rtl"].assign(benchmark="a-second-benchmark")])
    several = pd.concat([two_benchmarks.assign(model=f"a-model-of-some-length-{number}") for number in range(models)])
    with matplotlib.rc_context(style._RC):
        draw(several, LABELS, SETTINGS).savefig(tmp_path / "figure.svg")
    page = ElementTree.parse(tmp_path / "figure.svg").getroot()
    width, height = (float(page.attrib[side].removesuffix("pt")) for side in ("width", "height"))
    found = [(x, y, "".join(text.itertext())) for x, y, text in placed_texts(page)]
    assert len(found) > 10
    assert [words for x, y, words in found if not (0 < x < width and CAPITAL < y < height)] == []


def placed_texts(page: ElementTree.Element) -> Iterator[tuple[float, float, ElementTree.Element]]:
    """The texts of an SVG page and where they begin, or their middle, in points from the upper left corner."""
    for group in page.iter():
        for text in group.findall("{http://www.w3.org/2000/svg}text"):
            if "x" in text.attrib:
                yield float(text.attrib["x"]), float(text.attrib["y"]), text
            else:  # of a formula, the group around it is placed
                x, y = re.findall(r"-?[\d.]+", text.get("transform") or group.attrib["transform"])[:2]
                yield float(x), float(y), text


@pytest.mark.parametrize("draw", OF_METRICS, ids=lambda draw: draw.__module__.rsplit(".")[-1])
def test_one_method_one_k_one_problem_still_draws(draw, tmp_path) -> None:
    settings = Metrics(k=(1,), pass_at_k_m=PassAtKM(k=1, m=(1,)), bootstrap=10)
    single = synthetic_run.pass_counts(trials=1, problems=1)
    single = single[(single["method"] == "base") & (single["dataset"] == "rtl")]
    written(draw(compute_metrics(single, settings), LABELS, settings), tmp_path)


@pytest.mark.parametrize("draw", OF_METRICS, ids=lambda draw: draw.__module__.rsplit(".")[-1])
def test_empty_metrics_are_refused(draw, metrics) -> None:
    with pytest.raises(UserError, match="nothing to draw"):
        draw(metrics.head(0), LABELS, SETTINGS)


def test_equal_figures_give_equal_bytes(metrics, tmp_path) -> None:
    for name in ("first", "second"):
        save(pass_at_k.draw(metrics, LABELS, SETTINGS), tmp_path / f"{name}.png", tmp_path / f"{name}.svg")
    for kind in ("png", "svg"):
        assert (tmp_path / f"first.{kind}").read_bytes() == (tmp_path / f"second.{kind}").read_bytes()


def test_bars_are_as_high_as_the_estimates_at_the_lowest_temperature(metrics) -> None:
    figure = pass_at_k.draw(metrics, LABELS, SETTINGS)
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["Pass@1", "Pass@5", "Pass@10"]
    container = next(c for c in axes.containers if c.get_label() == "FT" and hasattr(c, "patches"))
    expected = metrics.query("method == 'ft' and dataset == 'rtl' and temperature == 0.2 and m == 1").sort_values("k")
    assert [bar.get_height() for bar in container.patches] == pytest.approx(expected["estimate"].tolist())


def test_a_method_has_one_look_and_methods_of_a_kind_are_told_apart() -> None:
    labels = Labels(
        methods={"base": "Base", "weak": "IB-FT (0.01)", "strong": "IB-FT (1)"},
        kinds={"base": "base", "weak": "ibft", "strong": "ibft"},
    )
    found = looks(labels, ["unheard-of"])
    assert found["weak"] == looks(LABELS)["ibft"]
    assert len({(look.colour, look.marker) for look in found.values()}) == 4


def test_methods_of_one_label_look_alike_and_take_no_look_from_others() -> None:
    labels = Labels(
        methods={"ibft": "IB-FT", "ibft-other-data": "IB-FT", "strong": "IB-FT (1)"},
        kinds={"ibft": "ibft", "ibft-other-data": "ibft", "strong": "ibft"},
    )
    found = looks(labels)
    assert found["ibft"] == found["ibft-other-data"] == looks(LABELS)["ibft"]
    assert found["strong"] != found["ibft"]


def test_memorization_tells_how_far_the_groups_lie_apart(tmp_path) -> None:
    base, tuned = synthetic_run.memorization(3.0), synthetic_run.memorization(3.0)
    reference = synthetic_run.memorization(60.0, seed=1)
    tuned["min_k_prob"] -= 0.5
    scores = {"p0": base, "p1-seed0": tuned, "p1-seed3": tuned, "p2": reference, "p3": base}
    figure = memorization.draw(scores, MINK, "a model on a dataset")
    text = " ".join(each.get_text() for each in figure.axes[0].texts)
    assert "$p_1$: -0.50 [-0.50, -0.50] nats per token over 2 training seeds" in text
    assert "KS: 1.00 (p < 0.001)" in text
    assert "(n = 800)" in figure.legends[0].get_texts()[1].get_text()
    assert "below $p_2$: 1.00" in text and "below $p_3$: 0.50" in text
    assert "lower = more memorized" in figure.axes[0].get_xlabel()
    written(figure, tmp_path)


def test_memorization_draws_without_spread_and_without_a_fine_tuned_model(tmp_path) -> None:
    flat = synthetic_run.memorization(3.0, examples=5).assign(min_k_prob=2.0)
    written(memorization.draw({"p0": flat}, MINK), tmp_path)


def test_memorization_needs_p0_at_the_configured_k() -> None:
    with pytest.raises(UserError, match="needs p0"):
        memorization.draw({"p2": synthetic_run.memorization(3.0)}, MINK)
    with pytest.raises(UserError, match="no k = 20"):
        memorization.draw({"p0": synthetic_run.memorization(3.0, k=(5,))}, MINK)


def imbalance_tables(gradients: pd.DataFrame, scores: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """As the figure's command reads them."""
    related = relate(gradients, scores, MINK.k_selection)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_table(folder / "deciles", GRADIENT_DECILES, deciles(related))
        write_table(folder / "correlations", GRADIENT_CORRELATIONS, correlations(related))
        return (
            read_table(folder / "deciles", GRADIENT_DECILES),
            read_table(folder / "correlations", GRADIENT_CORRELATIONS),
        )


def test_gradient_norms_are_means_of_memorization_deciles(tmp_path) -> None:
    scores = synthetic_run.memorization(3.0, examples=100)
    gradients = synthetic_run.gradients(scores)
    figure = gradient_imbalance.draw(*imbalance_tables(gradients, scores), MINK)
    joined = gradients.merge(scores[scores["k"] == 20], on="example_id").sort_values("min_k_prob")
    heights = [bar.get_height() for bar in figure.axes[0].patches]
    assert heights[0] == pytest.approx(joined["grand"].head(10).mean())
    assert heights[-1] == pytest.approx(joined["grand"].tail(10).mean())
    told = figure.axes[0].texts[0].get_text()
    assert "with Min-K% Prob" in told and "with it at equal length" in told and "with length" in told
    written(figure, tmp_path)


def test_gradient_norms_of_few_examples() -> None:
    scores = synthetic_run.memorization(3.0, examples=3)
    gradients = synthetic_run.gradients(scores)
    for count in (3, 1):
        tables = imbalance_tables(gradients.head(count), scores)
        assert len(gradient_imbalance.draw(*tables, MINK).axes[0].patches) == count


def test_geometry_shows_the_median_of_each_method(tmp_path) -> None:
    pairs = {("ibft", 0): synthetic_run.geometry(15, 20), ("base", 0): synthetic_run.geometry(30, 40, pairs=1)}
    figure = geometry.draw(pairs, LABELS, "layer 20")
    legend = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert legend[1] == f"IB-FT (median {pairs['ibft', 0]['distance'].median():.1f})"
    further = geometry.draw({**pairs, ("ibft", 1): synthetic_run.geometry(25, 20, pairs=200)}, LABELS)
    told = [text.get_text() for text in further.axes[0].get_legend().get_texts()]
    assert told[1] != legend[1]
    assert "2 training seeds" in further.axes[0].texts[0].get_text()
    written(figure, tmp_path)
    with pytest.raises(UserError, match=r"none for .*base"):
        geometry.draw({("base", 0): synthetic_run.geometry(1, 1, pairs=0)}, LABELS)


def test_training_curves_leave_out_terms_that_no_method_has(tmp_path) -> None:
    plain = {("ft", 0): synthetic_run.training_log(False), ("ft", 1): synthetic_run.training_log(False, seed=1)}
    assert len(training_curves.draw(plain, LABELS).axes) == 2
    figure = training_curves.draw({**plain, ("ibft", 0): synthetic_run.training_log(True, steps=1)}, LABELS)
    assert len(figure.axes) == 4
    written(figure, tmp_path)
    with pytest.raises(UserError, match="at least one training log"):
        training_curves.draw({("ft", 0): synthetic_run.training_log(False, steps=0)}, LABELS)


@pytest.mark.parametrize(("steps", "smoothed"), [(12, False), (150, True)])
def test_training_curves_speak_of_an_average_where_they_show_one(steps: int, smoothed: bool) -> None:
    figure = training_curves.draw({("ft", 0): synthetic_run.training_log(False, steps)}, LABELS)
    thin, thick = figure.axes[0].lines
    assert smoothed == (list(thin.get_ydata()) != list(thick.get_ydata()))
    assert smoothed == any("moving average" in text.get_text() for text in figure.findobj(Text))


def test_statuses_add_up_to_all_samples_of_the_counted_problems(tmp_path) -> None:
    counts = synthetic_run.pass_counts(trials=1, problems=6)
    kept = counts[counts["task_id"] != "rtl-mini/002"]
    verdicts = [(run, synthetic_run.verdicts(run, problems=6)) for run in synthetic_run.runs(trials=1)]
    statuses = status_composition.count_statuses(verdicts, kept)
    assert statuses.query("dataset == 'rtl' and method == 'ft'")["samples"].sum() == 50
    assert status_composition.status_order(statuses)[0] == "passed"
    written(status_composition.draw(kept, verdicts, LABELS), tmp_path)
    with pytest.raises(UserError, match="nothing to draw"):
        status_composition.count_statuses([], kept)


def test_more_statuses_than_colours_stay_distinct() -> None:
    many = pd.DataFrame(
        {
            "model": "m", "dataset": "d", "method": "ft", "benchmark": "b", "temperature": 0.2,
            "status": [f"failure_{i:02d}" for i in range(25)], "samples": range(25, 0, -1),
        }
    )  # fmt: skip
    bars = status_composition.stacked_bars(many, LABELS).axes[0].patches
    assert len({(bar.get_facecolor(), bar.get_hatch()) for bar in bars}) == 26


def test_the_heat_map_orders_problems_from_hard_to_easy(tmp_path) -> None:
    counts = synthetic_run.pass_counts(trials=2, problems=10)
    shares = pass_heatmap.pass_shares(counts[counts["dataset"] == "rtl"], LABELS)
    assert list(shares.index) == ["base", "ft", "ft-grand", "ft-mink", "ibft"]
    assert shares.mean().is_monotonic_increasing
    written(pass_heatmap.draw(counts, LABELS), tmp_path)


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_figure_asks_for_what_its_entry_lists(name: str) -> None:
    entry, asked = CATALOGUE[name], list(signature(MODULES[name].draw).parameters)
    assert tuple(each for each in asked if each not in ("labels", "settings", "subject")) == entry.inputs
    assert ("settings" in asked) == (entry.settings is not None)
    assert ("subject" in asked) == (entry.shows == "model_on_dataset")


def test_every_module_that_draws_has_an_entry() -> None:
    names = {path.stem for path in Path(style.__file__).parent.glob("*.py")}
    assert {name for name in names if hasattr(import_module(f"ibft.figures.{name}"), "draw")} == set(CATALOGUE)


def test_every_input_can_be_read_and_is_refused_where_it_is_missing(tmp_path: Path) -> None:
    assert set(READERS) == set(get_args(Input))
    write_table(tmp_path / "log", TRAINING_LOG, synthetic_run.training_log(False, steps=2))
    found = arguments_of(training_curves.draw, [("ft/seed3", tmp_path / "log")], {}, labels=LABELS, subject="x")
    assert list(found) == ["logs", "labels", "subject"]
    assert list(found["logs"]) == [("ft", 3)]
    with pytest.raises(UserError, match="METHOD/seedS"):
        arguments_of(training_curves.draw, [("ft", tmp_path / "log")], {}, labels=LABELS, subject="x")
    with pytest.raises(UserError, match="needs the input metrics=PATH once, but it was given 0 times"):
        arguments_of(pass_at_k.draw, [("metric", tmp_path / "log")], {}, labels=LABELS)


HOSTILE = ("$\\frac{", "$x$ and $y$", "_hidden", "${HOME}", "\\$a\\$", "{x}", "%s", "a\x1b[2J\u202eb\nc", "<b>&amp;")


@pytest.mark.parametrize("draw", [*OF_METRICS, pass_heatmap.draw], ids=lambda draw: draw.__module__.rsplit(".")[-1])
def test_labels_are_drawn_as_they_are(draw, metrics: pd.DataFrame, tmp_path: Path) -> None:
    names = ("models", "datasets", "methods", "benchmarks")
    texts = iter(HOSTILE * 4)
    hostile = {kind: {name: next(texts) for name in getattr(LABELS, kind)} for kind in names}
    labels = drawn_literally(LABELS.model_copy(update=hostile))
    if draw is pass_heatmap.draw:
        counts = synthetic_run.pass_counts(problems=15)
        figure = draw(counts.assign(task_id=counts["task_id"] + "$\\frac{" + "x" * 5000), labels)
    else:
        figure = draw(metrics, labels, SETTINGS)
    written(figure, tmp_path)
    shown = [text.get_text() for text in figure.findobj(Text)]
    drawn = [text for text in shown if any(literal(own) in text for own in hostile["methods"].values())]
    assert len(drawn) >= len(hostile["methods"])
    assert not any("\x1b" in text or "\u202e" in text for text in shown)

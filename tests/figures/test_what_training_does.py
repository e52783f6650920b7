"""Figures and table of what training does: regimes of the bottleneck, held-out NLL, and the setting to take."""

from pathlib import Path

import pandas as pd
import pytest
from matplotlib.text import Text

from ibft.figures import held_out, held_out_search, regimes
from ibft.figures.style import save
from ibft.labels import Labels
from ibft.paths import Variant
from ibft.report.training_tables import training_table
from ibft.runtime.errors import UserError
from tests import synthetic_run

LABELS = synthetic_run.LABELS
SETTINGS = [(alpha, beta) for alpha in (0.01, 0.1, 1.0) for beta in (0.001, 0.1)]


def texts(figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(Text))


def test_regimes_are_drawn_of_watched_steps_with_their_borders(tmp_path: Path) -> None:
    logs = {("ibft", 0): synthetic_run.training_log(True), ("ft", 0): synthetic_run.training_log(False)}
    figure = regimes.draw(logs, LABELS, "SmolLM2")
    save(figure, tmp_path / "regimes.png", tmp_path / "regimes.svg")
    kl, _, share, cosine = figure.axes
    assert [line.get_label() for line in kl.lines if not line.get_label().startswith("_")] == [LABELS.method("ibft")]
    assert list(kl.lines[0].get_xdata()) == list(range(10, 151, 10))
    assert list(share.lines[0].get_ydata()) == pytest.approx(list(1 - logs["ibft", 0]["share_ce"].dropna()))
    assert cosine.lines[1].get_ydata()[0] == -0.3
    assert all(border in texts(figure) for border in ("collapsed below", "inert below", "informative below"))
    with pytest.raises(UserError, match=r"training\.watch_every"):
        regimes.draw({("ibft", 0): synthetic_run.training_log(True, steps=5)}, LABELS)


def test_held_out_nll_is_drawn_from_the_base_model_on(tmp_path: Path) -> None:
    tables = {("ft", 0): synthetic_run.held_out(0.6), ("ft", 1): synthetic_run.held_out(0.6, seed=1)}
    figure = held_out.draw({**tables, ("ibft", 0): synthetic_run.held_out(0.7)}, LABELS, "SmolLM2")
    save(figure, tmp_path / "held_out.png", tmp_path / "held_out.svg")
    assert [list(line.get_xdata()) for line in figure.axes[0].lines] == [[0, 12, 24]] * 3
    first = tables["ft", 0].groupby("step")["nll"].mean()
    assert list(figure.axes[0].lines[0].get_ydata()) == pytest.approx(list(first))
    with pytest.raises(UserError, match=r"held_out\.fraction"):
        held_out.draw({("ft", 0): synthetic_run.held_out(1).head(0)}, LABELS)


def searched() -> tuple[dict[Variant, pd.DataFrame], Labels]:
    bottlenecks = {f"ibft-{a}-{b}": {"alpha": a, "beta": b, "layer": 20.0, "bottleneck": 256.0} for a, b in SETTINGS}
    tables = {
        Variant("smollm2", "rtl", name, 0): synthetic_run.held_out(0.5 if name == "ibft-0.1-0.001" else 0.8)
        for name in bottlenecks
    }
    tables[Variant("smollm2", "rtl", "ft", 0)] = synthetic_run.held_out(0.7)
    return tables, LABELS.model_copy(update={"bottlenecks": bottlenecks, "kinds": {"ft": "ft"}})


def test_the_search_frames_the_lowest_held_out_nll(tmp_path: Path) -> None:
    tables, labels = searched()
    figure = held_out_search.draw(tables, labels)
    save(figure, tmp_path / "search.png", tmp_path / "search.svg")
    [frame] = figure.axes[0].patches
    assert frame.get_xy() == (0.5, -0.5)  # alpha is the second value of three, beta the first of two
    assert r"lowest: $\alpha$ = 0.1, $\beta$ = 0.001" in texts(figure)
    assert "10 held-out examples" in texts(figure) and "FT 0.66" in texts(figure)
    with pytest.raises(UserError, match="give alpha, beta, layer or bottleneck a list"):
        held_out_search.draw({Variant("m", "d", "ft", 0): synthetic_run.held_out(1)}, LABELS)


def test_the_table_tells_nll_the_difference_from_ft_and_the_verdict() -> None:
    logs = {
        Variant("m", "d", method, 0): synthetic_run.training_log(method == "ibft") for method in ("ft", "ibft", "rms")
    }
    scores = {
        Variant("m", "d", "ft", 0): synthetic_run.held_out(0.6),
        Variant("m", "d", "ibft", 0): synthetic_run.held_out(0.8, seed=1),
    }
    rows = {row[2]: row for row in training_table(logs, scores, LABELS).rows}
    ft, ibft, rms = rows[LABELS.method("ft")], rows[LABELS.method("ibft")], rows[LABELS.method("rms")]
    assert ft[6:] == ["–", "–"] and rms[4:] == ["–"] * 4
    assert ibft[6].startswith("+0.19") and "p = 0.00" in ibft[6]
    assert ibft[7].startswith("informative (CE_IB 1.")
    other = {**scores, Variant("m", "d", "ibft", 0): synthetic_run.held_out(0.8, examples=9)}
    with pytest.raises(UserError, match="different held-out examples"):
        training_table(logs, other, LABELS)

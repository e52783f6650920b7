"""The headline table: order, bold, ±, escapes, in every format."""

import pandas as pd
import pytest

from ibft.config.loading import load
from ibft.config.sections import Metrics
from ibft.labels import Labels, labels_of
from ibft.metrics.aggregate import compute_metrics
from ibft.runtime.errors import UserError
from ibft.store.parquet import write_table
from ibft.store.schemas import HEADLINE
from ibft.tables.headline import headline, headline_latex, headline_markdown
from ibft.tables.render import escape_latex
from tests import synthetic_run


@pytest.fixture(scope="module")
def metrics() -> pd.DataFrame:
    """Metrics of a run in which IB-FT is clearly the best on one benchmark, and nobody is on the other."""
    counts = synthetic_run.pass_counts(problems=20)
    clear = (counts["method"] == "ibft") & (counts["dataset"] == "rtl")
    counts.loc[clear, "c"] = (counts["c"] + 6).clip(upper=10)
    return compute_metrics(counts, synthetic_run.SETTINGS)


def test_rows_follow_the_labels_and_values_are_percent(metrics, tmp_path) -> None:
    table = headline(metrics, synthetic_run.LABELS, synthetic_run.SETTINGS)
    rtl = table[table["dataset"] == "generated RTL"]
    assert list(dict.fromkeys(rtl["method"])) == ["Base", "FT", "FT w/ GraNd", "FT w/ Min-K%", "IB-FT"]
    assert list(dict.fromkeys(rtl["metric"])) == [
        "Pass@1",
        "Pass@5",
        "Pass@10",
        "Pass@10^(2)",
        "Pass@10^(5)",
        "Pass@10^(10)",
    ]
    source = metrics[(metrics["method"] == "ft") & (metrics["dataset"] == "rtl") & (metrics["k"] == 1)].iloc[0]
    shown = rtl[(rtl["method"] == "FT") & (rtl["k"] == 1)].iloc[0]
    assert shown["percent"] == pytest.approx(100 * source["estimate"])
    assert shown["standard_error"] == pytest.approx(100 * source["standard_error"])
    write_table(tmp_path / "headline.parquet", HEADLINE, table)


def test_the_best_of_a_column_is_marked_where_it_leads(metrics) -> None:
    table = headline(metrics, synthetic_run.LABELS, synthetic_run.SETTINGS)
    assert set(table.loc[table["best"], "method"]) == {"IB-FT"}
    assert set(table.loc[table["best"], "benchmark"]) == {"rtl-mini"}
    for _, column in table[table["benchmark"] == "rtl-mini"].groupby(["k", "m"]):
        assert column["percent"].idxmax() == column["best"].idxmax()


def test_markdown_has_one_row_per_method_bold_and_spread(metrics) -> None:
    table = headline(metrics, synthetic_run.LABELS, synthetic_run.SETTINGS)
    text = headline_markdown(table)
    best = table[table["best"]].iloc[0]
    assert f"**{best['percent']:.2f}** ± {best['standard_error']:.2f}" in text
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == 2 + 5 + 2 + 3
    assert len({line.count("|") for line in lines[:7]}) == 1


def test_excluded_problems_are_named_in_every_format(metrics) -> None:
    of_rtl = metrics["benchmark"] == "rtl-mini"
    table = headline(
        metrics.assign(excluded=of_rtl.map({True: "rtl_1, rtl_2", False: ""})),
        synthetic_run.LABELS,
        synthetic_run.SETTINGS,
    )
    assert set(table["excluded"]) == {"", "rtl_1, rtl_2"}
    assert r"rtl-mini (20 problems without rtl\_1, rtl\_2, which could not be judged)" in headline_markdown(table)
    assert r"rtl-mini (20 problems without rtl\_1, rtl\_2, which could not be judged)" in headline_latex(table)
    assert headline_markdown(table).count("without") == 1


def test_the_caption_says_what_stands_after_plus_minus_and_what_one_seed_compares(metrics) -> None:
    one = headline(metrics, synthetic_run.LABELS, synthetic_run.SETTINGS)
    text = headline_markdown(one)
    assert "n = 20 samples per problem and training seed, of 2 trials together" in text
    assert "±: standard error over problems." in text
    assert "checkpoints are compared, not methods" in text
    several = headline_markdown(one.assign(seeds=3))
    assert "3 training seeds. ±: standard error over problems and training seeds." in several
    assert r"$\pm$: standard error" in headline_latex(one)


def test_latex_is_laid_out_like_table_1_and_escaped(metrics) -> None:
    labels = Labels(methods={"ft": "FT_100% & {more}"}, benchmarks={"rtl-mini": "Eval_Human"})
    text = headline_latex(headline(metrics, labels, synthetic_run.SETTINGS))
    assert r"FT\_100\% \& \{more\}" in text
    assert r"\multicolumn{6}{c}{Eval\_Human (\%)}" in text
    assert r"\cmidrule(lr){2-7}" in text
    assert "Pass@$10^{(5)}$" in text
    assert r"\textbf{" in text
    body = [line for line in text.splitlines() if line.startswith(("FT", "base", "ibft"))]
    assert body
    assert all(line.endswith(r" \\") and line.count(" & ") == 6 for line in body)


def test_every_special_character_of_latex_is_escaped() -> None:
    assert escape_latex(r"a_b & 5% #1 {x} ~^\$") == (
        r"a\_b \& 5\% \#1 \{x\} \textasciitilde{}\textasciicircum{}\textbackslash{}\$"
    )


def test_pipes_and_stars_of_a_label_do_not_break_the_markdown(metrics) -> None:
    labels = Labels(methods={"ft": "FT | *new*"})
    text = headline_markdown(headline(metrics, labels, synthetic_run.SETTINGS))
    line = next(line for line in text.splitlines() if "new" in line)
    assert r"FT \| \*new\*" in line


def test_metrics_of_other_settings_are_refused(metrics) -> None:
    with pytest.raises(UserError, match=r"lack Pass@7"):
        headline(metrics, synthetic_run.LABELS, Metrics(k=(1, 7)))


def test_default_labels_say_what_a_method_does_and_equal_kinds_keep_their_names() -> None:
    config = load(
        {
            "models": {"m": {"source": "hub:o/m", "layers": 4}},
            "datasets": {"d": {"source": "generated:rtl", "language": "verilog", "label": "RTL"}},
            "benchmarks": {"b": {"source": "builtin:rtl-mini", "language": "verilog"}},
            "methods": {
                "base": {"kind": "base"},
                "pruned": {"kind": "ft", "selection": {"by": "mink"}},
                "ib-weak": {"kind": "ibft", "alpha": 0.01},
                "ib-strong": {"kind": "ibft", "alpha": 1},
                "mine": {"kind": "ft", "label": "My FT"},
            },
            "experiments": {"t": {"models": ["m"], "dataset": "d", "benchmarks": ["b"], "methods": ["base", "pruned"]}},
            "memorization": {"reference": "d", "score_methods": ["base"]},
            "geometry": {"methods": ["base"]},
        }
    )
    labels = labels_of(config)
    assert labels.methods == {
        "base": "Base",
        "pruned": "FT w/ Min-K%",
        "ib-weak": "ib-weak",
        "ib-strong": "ib-strong",
        "mine": "My FT",
    }
    assert labels.dataset("d") == "RTL"
    assert labels.kinds["pruned"] == "ft-mink"
    assert Labels.model_validate_json(labels.model_dump_json()) == labels

"""The report: one inert, self-contained file, which a browser opens, sorts, filters and reads samples in."""

import base64
import gzip
import json
import re
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from ibft.config.jobs import WriteReport
from ibft.config.loading import load
from ibft.config.sections import Contamination, Metrics
from ibft.contamination.measure import Problems, measure
from ibft.figures import pass_at_k
from ibft.figures.style import save
from ibft.gradients.imbalance import correlations, deciles, relate
from ibft.labels import labels_of
from ibft.metrics.aggregate import compute_metrics, count_passes
from ibft.metrics.compare import compare_methods
from ibft.report.page import embedded_json, picture
from ibft.report.sample_browser import pack, sample_chunk
from ibft.report.sentences import findings, truncation_warnings
from ibft.report.tables import Tally, run_time_csv, run_time_table, verdict_table
from ibft.runtime.errors import UserError
from ibft.store.parquet import write_table
from ibft.store.schemas import (
    COMPARISONS,
    CONTAMINATION,
    EXAMPLES,
    GRADIENT_CORRELATIONS,
    GRADIENT_DECILES,
    HEADLINE,
    MEMORIZATION,
    METRICS,
    PASS_COUNTS,
    PROBLEMS,
    SELECTION,
)
from ibft.tables.headline import headline
from tests import synthetic_run
from tests.conftest import REPOSITORY
from tests.warm_python import python

PROBLEMS_PER_BENCHMARK = 12
PROBE = Path(__file__).with_name("probe.js")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of a small run, written by the command itself."""
    folder = tmp_path_factory.mktemp("report")
    runs = synthetic_run.runs(trials=1)
    synthetic_run.write_runs(folder, runs, PROBLEMS_PER_BENCHMARK)
    counts = pd.concat(
        [
            count_passes(synthetic_run.verdicts(run, PROBLEMS_PER_BENCHMARK), run, [synthetic_run.EXCLUDED])
            for run in runs
        ]
    )
    metrics = compute_metrics(counts, synthetic_run.SETTINGS)
    write_table(folder / "counts.parquet", PASS_COUNTS, counts)
    write_table(folder / "metrics.parquet", METRICS, metrics)
    write_table(folder / "comparisons.parquet", COMPARISONS, compare_methods(counts, synthetic_run.SETTINGS, "ft"))
    table = headline(metrics, synthetic_run.LABELS, synthetic_run.SETTINGS)
    write_table(folder / "headline.parquet", HEADLINE, table)
    for benchmark in ("rtl-mini", "humaneval"):
        problems = synthetic_run.problems(benchmark, PROBLEMS_PER_BENCHMARK)
        write_table(folder / "problems" / f"{benchmark}.parquet", PROBLEMS, problems)
    scores = synthetic_run.memorization(3.0, examples=50)
    write_table(folder / "p0.parquet", MEMORIZATION, scores)
    write_table(folder / "p2.parquet", MEMORIZATION, synthetic_run.memorization(6.0, examples=50, seed=1))
    ids = scores.loc[scores["k"] == 20, "example_id"]
    write_table(folder / "kept.parquet", SELECTION, pd.DataFrame({"example_id": ids[:40], "score": 1.0}))
    examples = {"example_id": ids, "instruction": "AND", "response": "y = a & b", "language": "verilog", "source": "x"}
    write_table(folder / "examples.parquet", EXAMPLES, pd.DataFrame(examples))
    related = relate(synthetic_run.gradients(scores), scores, 20)
    write_table(folder / "deciles.parquet", GRADIENT_DECILES, deciles(related))
    write_table(folder / "correlations.parquet", GRADIENT_CORRELATIONS, correlations(related))
    compared = Problems(synthetic_run.problems("rtl-mini", PROBLEMS_PER_BENCHMARK), Contamination())
    write_table(folder / "overlap.parquet", CONTAMINATION, measure(pd.DataFrame(examples), compared))
    drawn = pass_at_k.draw(metrics, synthetic_run.LABELS, synthetic_run.SETTINGS)
    save(drawn, folder / "bars.png", folder / "bars.svg")
    (folder / "times").mkdir()
    (folder / "times" / "metrics.tsv").write_text("s\th:m:s\tmax_rss\n2.5\t0:00:02\t200.0\n")

    config = load(synthetic_run.CONFIG)
    options = {
        "--job": [WriteReport(config=config.decisive(), labels=labels_of(config).decisive()).as_json()],
        "--metrics": [folder / "metrics.parquet"],
        "--comparisons": [folder / "comparisons.parquet"],
        "--pass-counts": [folder / "counts.parquet"],
        "--headline": [folder / "headline.parquet"],
        "--samples": [folder / "samples"],
        "--verdicts": [folder / "verdicts"],
        "--problems": [f"{name}={folder}/problems/{name}.parquet" for name in ("rtl-mini", "humaneval")],
        "--memorization": [f"smollm2/rtl/{group}={folder}/{group}.parquet" for group in ("p0", "p2")],
        "--selection": [f"smollm2/rtl/mink-keep0.8={folder}/kept.parquet"],
        "--examples": [f"rtl={folder}/examples.parquet"],
        "--contamination": [f"rtl/rtl-mini={folder}/overlap.parquet"],
        "--gradients": [f"smollm2/rtl/{name}={folder}/{name}.parquet" for name in ("deciles", "correlations")],
        "--figures": [f"pass_at_k={folder}/bars.svg", f"pass_at_k_m/an <i>odd</i> subject={folder}/bars.png"],
        "--benchmarks": [folder / "times"],
        "--output": [folder / "report.html"],
    }
    command = [python(), REPOSITORY / "workflow/scripts/write_report.py"]
    command += [str(part) for name, values in options.items() for part in (name, *values)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return folder / "report.html"


def unpacked(page: str, element: str) -> dict:
    chunk = re.search(f'<script type="text/plain" id="{element}">([^<]*)</script>', page)
    assert chunk
    return json.loads(gzip.decompress(base64.b64decode(chunk[1])))


def test_nothing_outside_the_file_is_referred_to(report: Path) -> None:
    page = report.read_text()
    references = re.findall(r'(?:src|href|action|data)\s*=\s*"([^"]*)"', page)
    assert references
    assert all(reference.startswith(("#", "data:")) for reference in references)
    assert not re.search(r"url\(|@import|<link|<iframe|importScripts|fetch\(|XMLHttpRequest|innerHTML", page)
    assert "default-src 'none'" in page


def test_hostile_samples_are_embedded_whole_and_inert(report: Path) -> None:
    page = report.read_text()
    assert "onerror" not in page
    assert "iverilog 11 cannot compile its &lt;reference&gt;" in page
    assert "<script>alert" not in page
    assert page.count("<script") == page.count("</script>")
    texts = unpacked(page, "samples-0")["texts"]
    assert any(synthetic_run.HOSTILE in text for text in texts)
    assert "an &lt;i&gt;odd&lt;/i&gt; subject" in page


def test_the_report_tells_the_run(report: Path) -> None:
    page = report.read_text()
    text = re.sub(r"<[^>]+>", " ", page)
    for expected in (
        "Pass@k by the official rule and by ours",
        "has the highest Pass@1",
        "rtl-mini at T = 0.2: Base 10.0%, FT 10.0%,",
        "percentage points",
        "Holm",
        synthetic_run.EXCLUDED,
        "Min-20% Prob",
        "80% of 50",
        "Overlap of the fine-tuning data with the benchmarks",
        "response ~ solution",
        "Gradient norm by memorization",
        "number of response tokens held constant",
        "Only officially",
        "Where the variance of Pass@1 comes from",
        "Pass@k by overlap with the fine-tuning data",
        "own file system",
        "transformers",
        "Peak memory",
        "experiments:",
        "How to read it.",
        "11 problems × 10 samples",
    ):
        assert expected in text, expected


def test_every_sample_is_there_with_its_verdict(report: Path) -> None:
    page = report.read_text()
    index = json.loads(re.search(r'id="index">(.*?)</script>', page, re.S)[1])
    assert [len(place["runs"]) for place in index["places"]] == [5, 3]
    assert len(index["places"][0]["tasks"]) == PROBLEMS_PER_BENCHMARK - 1
    run = index["places"][0]["runs"][1]
    chunk = unpacked(page, run["chunk"])
    assert len(chunk["sample"]) == PROBLEMS_PER_BENCHMARK * 10
    passed = sum(
        chunk["texts"][status] == "passed" and chunk["texts"][task] != synthetic_run.EXCLUDED
        for status, task in zip(chunk["status"], chunk["task"], strict=True)
    )
    assert passed == sum(run["c"])
    problems = unpacked(page, index["places"][0]["problems"])
    assert problems["rtl-mini/000"]["prompt"].startswith("module top")


def test_in_a_browser_it_sorts_filters_and_opens_samples_without_errors_or_requests(report: Path, tmp_path) -> None:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium:
        pytest.skip("no chromium is installed")
    probed = tmp_path / "probed.html"
    probed.write_text(report.read_text().replace("</body>", f"<script>{PROBE.read_text()}</script></body>"))
    run = subprocess.run(
        [
            chromium,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--enable-logging=stderr",
            "--virtual-time-budget=20000",
            "--window-size=400,800",
            "--dump-dom",
            probed.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "CONSOLE" not in run.stderr, run.stderr
    found = re.search(r'data-result="([^"]*)"', run.stdout)
    assert found, "the page's script stopped before its end"
    result = json.loads(found[1].replace("&quot;", '"'))
    assert result == {
        "first": "rtl-mini/000, sample 0",
        "verbatim": True,
        "markup": 0,
        "sorted": True,
        "chosen": "rtl-mini/003, sample 0",
        "filtered": True,
        "count": True,
        "keyboard": True,
        "found": 1,
        "python": True,
        "wide": True,
        "title": "ibft: report of a run",
        "requests": 0,
    }


def test_json_in_a_script_cannot_end_it() -> None:
    embedded = embedded_json({"text": synthetic_run.HOSTILE})
    assert not set("<>&\u2028") & set(embedded)
    assert json.loads(embedded) == {"text": synthetic_run.HOSTILE}


def test_packing_is_reproducible_and_keeps_repeated_texts_once() -> None:
    run = synthetic_run.runs(1)[0]
    joined = synthetic_run.samples(run).merge(synthetic_run.verdicts(run), on=["task_id", "sample"])
    assert sample_chunk(joined) == sample_chunk(joined)
    data = json.loads(gzip.decompress(base64.b64decode(sample_chunk(joined))))
    assert len(data["texts"]) == len(set(data["texts"])) < 4 * len(joined)
    assert len(pack({"a": 1})) < 60


def test_fifty_thousand_samples_stay_a_page_of_a_few_megabytes() -> None:
    run = synthetic_run.runs(1)[0]
    joined = synthetic_run.samples(run, problems=160).merge(
        synthetic_run.verdicts(run, problems=160), on=["task_id", "sample"]
    )
    assert 50_000 / len(joined) * len(sample_chunk(joined)) < 8 * 2**20


def test_a_picture_must_be_a_known_figure(tmp_path) -> None:
    with pytest.raises(UserError, match="unknown figure 'pie'"):
        picture("pie", tmp_path / "pie.svg")
    with pytest.raises(UserError, match="PNG and SVG"):
        picture("radar/x", tmp_path / "radar.pdf")


def test_sentences_name_the_winner_the_gap_and_its_certainty() -> None:
    counts = synthetic_run.pass_counts(trials=2)
    metrics = compute_metrics(counts, synthetic_run.SETTINGS)
    comparisons = compare_methods(counts, synthetic_run.SETTINGS, "ft")
    python = findings(metrics, comparisons, synthetic_run.LABELS, synthetic_run.SETTINGS)[1]
    row = comparisons.query("dataset == 'stdlib' and method == 'ibft' and k == 1").iloc[0]
    assert python.benchmark == "HumanEval"
    assert python.setting.startswith("SmolLM2-135M fine-tuned on Python standard library; 44 problems")
    assert python.sentences[0].startswith("IB-FT has the highest Pass@1: 59.0% (95% interval ")
    assert f"{100 * row['difference']:.1f} percentage points more than FT" in python.sentences[0]
    assert "more than chance explains" in python.sentences[0]
    assert "Pass@10⁽¹⁰⁾" in python.sentences[1]


def test_the_primary_endpoint_is_told_first_and_that_one_seed_compares_checkpoints() -> None:
    counts = synthetic_run.pass_counts(trials=2)
    primary = {"model": "smollm2", "dataset": "rtl", "benchmark": "rtl-mini", "method": "ibft", "k": 1}
    settings = Metrics.model_validate({"bootstrap": 50, "primary": primary})
    comparisons = compare_methods(counts, settings, "ft")
    first = findings(compute_metrics(counts, settings), comparisons, synthetic_run.LABELS, settings)[0]
    assert first.benchmark == "Primary endpoint"
    assert first.sentences[0].startswith("Pass@1 of IB-FT is ")
    assert "Holm" not in first.sentences[0]
    assert "two checkpoints are compared, not two methods" in first.sentences[1]
    few = comparisons.assign(p_value=None, low=None, high=None, p_holm=None, discordant=3)
    undecided = findings(compute_metrics(counts, settings), few, synthetic_run.LABELS, settings)[0].sentences[0]
    assert "3 of 44 problems differ: too few, it cannot be decided" in undecided


def test_who_ties_with_the_reference_is_not_said_to_be_better() -> None:
    counts = synthetic_run.pass_counts(trials=2)
    metrics = compute_metrics(counts, synthetic_run.SETTINGS)
    tied = metrics["method"].isin(["base", "ft"])
    metrics.loc[tied, "estimate"] = 0.9
    comparisons = compare_methods(counts, synthetic_run.SETTINGS, "ft")
    for finding in findings(metrics, comparisons, synthetic_run.LABELS, synthetic_run.SETTINGS)[1:]:
        assert finding.sentences[0].startswith("Base and FT have the highest Pass@1: 90.0%")
        assert "percentage points" not in finding.sentences[0]


def test_sentences_do_not_invent_a_winner() -> None:
    metrics = compute_metrics(synthetic_run.pass_counts(trials=1), synthetic_run.SETTINGS).assign(estimate=0.25)
    no_comparisons = pd.DataFrame(columns=COMPARISONS.schema.names)
    finding = findings(metrics, no_comparisons, synthetic_run.LABELS, synthetic_run.SETTINGS)[0]
    assert finding.sentences[0].startswith("All 5 methods have the same Pass@1: 25.0%")


def test_when_the_reference_wins_the_next_method_is_named() -> None:
    counts = synthetic_run.pass_counts(trials=2)
    metrics = compute_metrics(counts, synthetic_run.SETTINGS)
    against_ibft = compare_methods(counts, synthetic_run.SETTINGS, "ibft")
    sentence = findings(metrics, against_ibft, synthetic_run.LABELS, synthetic_run.SETTINGS)[1].sentences[0]
    assert "The next, FT, is 10.6 percentage points lower (95% interval +" in sentence


def test_official_and_hardened_verdicts_are_told_apart() -> None:
    run = synthetic_run.runs(1)[1]
    every = synthetic_run.samples(run).merge(synthetic_run.verdicts(run), on=["task_id", "sample"])
    every.loc[0, ["passed", "official_passed", "status"]] = [True, False, "passed"]
    every.loc[1, ["passed", "official_passed", "status"]] = [False, True, "forbidden"]
    tally = Tally()
    tally.add(run, every, set(every["task_id"]) - {"rtl-mini/020"})
    table = verdict_table(tally, synthetic_run.LABELS)
    row = dict(zip([title for title, _ in table.columns], table.rows[0], strict=True))
    assert row["Samples"] == "430"
    assert row["Only hardened"] == "1"
    assert "1 forbidden" in row["of which we say"]


def test_a_variant_is_warned_of_when_more_than_1_percent_of_its_samples_were_cut() -> None:
    tally = Tally()
    for run, cut in zip(synthetic_run.runs(1), (4, 5), strict=False):
        every = synthetic_run.samples(run).merge(synthetic_run.verdicts(run), on=["task_id", "sample"])
        every["finish_reason"] = ["length"] * cut + ["stop"] * (440 - cut)
        tally.add(run, every, set(every["task_id"]))
    warnings = truncation_warnings(tally, synthetic_run.LABELS)
    assert warnings == ["SmolLM2-135M on generated RTL, rtl-mini at T = 0.2: FT 1.1%"]


def test_run_times_are_summed_per_stage(tmp_path) -> None:
    folder = tmp_path / "benchmarks"
    for name, seconds in (("training/a/b.tsv", 60.5), ("training/c.tsv", 30.0), ("metrics.tsv", 2.0)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"s\th:m:s\tmax_rss\n{seconds}\t0:00:00\t-\n")
    used = tmp_path / "logs" / "training" / "c.usage.tsv"
    used.parent.mkdir(parents=True)
    used.write_text("cpu_s\tpeak_mib\n28.5\t1204\n")
    assert run_time_table(folder).rows == [
        ["metrics", "1", "2.0", "", "2.0", ""],
        ["training", "2", "90.5", "28.5", "60.5", "1,204"],
    ]
    (folder / "other.tsv").write_text("a\tb\n1\t2\n")
    with pytest.raises(UserError, match="not a benchmark file of Snakemake"):
        run_time_table(folder)


def test_run_times_are_written_to_a_file_of_their_own(tmp_path) -> None:
    (tmp_path / "metrics.tsv").write_text("s\th:m:s\tmax_rss\n2.0\t0:00:02\t-\n")
    assert run_time_csv(tmp_path) == (
        "Stage,Jobs,Seconds,Processor seconds,Longest job (s),Peak memory (MiB)\nmetrics,1,2.0,,2.0,\n"
    )

"""The whole workflow as a user runs it: it finishes, reruns only what a change touches, and refuses wrong config."""

import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from ibft.figures.catalogue import CATALOGUE
from ibft.store.manifests import verify
from ibft.store.parquet import read_table
from ibft.store.schemas import METRICS, SELECTION
from tests.workflow.conftest import Checkout

DAY_S = 86400.0
UPSTREAM = {
    "prepare_model",
    "prepare_dataset",
    "prepare_benchmark",
    "measure_contamination",
    "score_memorization",
    "score_gradients",
    "gather_scores",
    "hold_out",
    "select_examples",
    "train",
}


def edited(checkout: Checkout, section: str, **values: Any) -> Path:
    """A copy of the configuration with some keys of one section changed."""
    config = yaml.safe_load((checkout.work / "config.yaml").read_text())
    config[section] = {**config.get(section, {}), **values}
    path = checkout.work / "edited.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def test_it_ends_with_a_report_a_table_and_figures(finished: Checkout) -> None:
    results = finished.work / "results"
    assert "<html" in (results / "report.html").read_text()
    assert "IB-FT" in (results / "tables" / "all" / "headline.md").read_text()
    assert (results / "tables" / "all" / "headline.tex").exists()
    pngs = {path.relative_to(results / "figures").with_suffix("") for path in (results / "figures").rglob("*.png")}
    svgs = {path.relative_to(results / "figures").with_suffix("") for path in (results / "figures").rglob("*.svg")}
    assert pngs == svgs
    assert {
        "pass_at_k",
        "pass_at_k_m_curve",
        "memorization",
        "geometry",
        "gradient_imbalance",
        "removal_ratio",
    } <= {path.name for path in pngs}


def test_every_table_matches_its_manifest(finished: Checkout) -> None:
    tables = list((finished.work / "results").rglob("*.parquet"))
    assert len(tables) > 30
    for table in tables:
        verify(table)


def test_every_method_is_measured_on_every_problem(finished: Checkout) -> None:
    metrics = read_table(finished.work / "results" / "metrics" / "all" / "metrics.parquet", METRICS)
    assert set(metrics["method"]) == {"base", "ft", "ft-mink-keep0.75", "ft-mink-keep0.5", "ft-grand", "ibft"}
    assert set(metrics["problems"]) == {3}
    kept = read_table(next((finished.work / "results" / "selection").rglob("mink-keep0.5.parquet")), SELECTION)
    assert len(kept) == 6


def test_one_list_of_keep_ratios_gives_the_figure_over_the_removed_share(finished: Checkout) -> None:
    results = finished.work / "results"
    sizes = {path.stem: len(pd.read_parquet(path)) for path in (results / "selection").rglob("mink-*.parquet")}
    assert sizes == {"mink-keep0.75": 9, "mink-keep0.5": 6}
    report = (results / "report.html").read_text()
    assert "Does it help to leave memorized examples out?" in report


def test_two_jobs_shared_the_gradients(finished: Checkout) -> None:
    folder = finished.work / "results" / "gradients" / "tiny" / "rtl"
    shards = [set(pd.read_parquet(folder / f"{number}-of-2.parquet")["example_id"]) for number in (1, 2)]
    assert all(shards) and not shards[0] & shards[1]
    assert len(pd.read_parquet(folder.with_suffix(".parquet"))) == 12


def test_dropping_contaminated_examples_scores_and_trains_again_without_them(finished: Checkout) -> None:
    planned = finished.planned(config=edited(finished, "contamination", drop=True))
    assert planned["drop_contaminated"] == 1
    assert {"score_memorization", "score_gradients", "select_examples", "train", "sample_verilog"} <= set(planned)
    assert not {"prepare_model", "prepare_dataset", "prepare_benchmark", "measure_contamination"} & set(planned)


def test_every_job_left_a_log_and_a_benchmark_file(finished: Checkout) -> None:
    results = finished.work / "results"
    logs = {path.relative_to(results / "logs").with_suffix("") for path in (results / "logs").rglob("*.log")}
    measured = {
        path.relative_to(results / "benchmarks").with_suffix("") for path in (results / "benchmarks").rglob("*.tsv")
    }
    assert logs == measured and len(logs) > 30
    sampling = list((results / "logs" / "sample").rglob("*.log"))
    assert len(sampling) == 6  # engine starts: one for each variant
    assert all(re.search(r"sampl", path.read_text()) for path in sampling)


def test_a_second_run_says_that_nothing_is_to_be_done(finished: Checkout) -> None:
    started = time.monotonic()
    run = finished.snakemake()
    assert "Nothing to be done" in run.stdout + run.stderr
    assert time.monotonic() - started < 15


def test_another_k_recomputes_only_metrics_and_what_follows(finished: Checkout) -> None:
    planned = finished.planned(config=edited(finished, "metrics", k=[1, 3]))
    assert set(planned) == {"compute_metrics", "write_tables", "draw_figure", "write_report"}
    of_the_run = {path.stem for path in (finished.work / "results" / "figures" / "all").glob("*.png")}
    assert planned["draw_figure"] == len([name for name in of_the_run if CATALOGUE[name].settings == "metrics"])


def test_another_temperature_samples_only_that_temperature(finished: Checkout) -> None:
    planned = finished.planned(config=edited(finished, "sampling", temperatures=[0.5, 1.0]))
    assert {rule: planned[rule] for rule in ("sample_verilog", "execute", "count_passes")} == {
        "sample_verilog": 6,
        "execute": 6,
        "count_passes": 1,
    }
    assert not UPSTREAM & set(planned)


def test_another_trial_draws_only_that_trial(finished: Checkout) -> None:
    planned = finished.planned(config=edited(finished, "sampling", trials=2))
    assert planned["sample_verilog"] == 6
    assert not UPSTREAM & set(planned)


def test_another_method_trains_only_that_method(finished: Checkout) -> None:
    config = yaml.safe_load((finished.work / "config.yaml").read_text())
    config["methods"]["ibft-strong"] = {"kind": "ibft", "bottleneck": 8, "alpha": 1.0}
    config["experiments"]["verilog"]["methods"].append("ibft-strong")
    path = finished.work / "edited.yaml"
    path.write_text(yaml.safe_dump(config))
    planned = finished.planned(config=path)
    assert (planned["train"], planned["sample_verilog"], planned["execute"]) == (1, 1, 1)
    assert not UPSTREAM - {"train"} & set(planned)


def test_an_edit_of_a_figure_redraws_only_figures(checkout: Checkout) -> None:
    style = checkout.root / "src" / "ibft" / "figures" / "style.py"
    style.write_text(style.read_text() + "\nADDED = 1\n")
    planned = checkout.planned()
    assert set(planned) == {"draw_figure", "write_report"}
    assert planned["draw_figure"] == len(list((checkout.work / "results" / "figures").rglob("*.png")))


def test_an_edit_of_the_metrics_retrains_nothing(checkout: Checkout) -> None:
    aggregate = checkout.root / "src" / "ibft" / "metrics" / "aggregate.py"
    aggregate.write_text(aggregate.read_text() + "\nADDED = 1\n")
    planned = checkout.planned()
    assert "compute_metrics" in planned
    assert not (UPSTREAM | {"sample_verilog", "execute"}) & set(planned)


def test_touching_every_source_file_reruns_nothing(checkout: Checkout) -> None:
    for folder in ("src", "workflow", "rules", "config", "envs", "profiles"):
        for path in (checkout.root / folder).rglob("*"):
            path.touch()
    (checkout.root / "Snakefile").touch()
    run = checkout.snakemake("--dry-run")
    assert "Nothing to be done" in run.stdout + run.stderr


def test_a_deleted_output_is_rebuilt_the_same(checkout: Checkout) -> None:
    judge_again(checkout)


def test_a_job_that_the_system_killed_for_want_of_memory_is_told_of(checkout: Checkout, tmp_path: Path) -> None:
    killed = tmp_path / "python"
    killed.write_text("#!/bin/sh\nkill -KILL $$\n")
    killed.chmod(0o755)
    table = checkout.work / "results" / "tables" / "all" / "headline.md"
    table.unlink()
    command = checkout.command("default", "--cores", "1")
    run = subprocess.run(
        command, capture_output=True, text=True, env=checkout.environment(tmp_path), cwd=checkout.root, check=False
    )
    assert run.returncode == 1
    assert "as systems do when memory is used up" in run.stderr
    assert checkout.snakemake().returncode == 0
    assert table.exists()


def test_files_that_a_clock_dated_in_the_future_do_not_stop_a_run(checkout: Checkout) -> None:
    samples = [path for path in (checkout.work / "results" / "samples").rglob("*") if path.is_file()]
    tomorrow = time.time() + DAY_S
    for path in samples:
        os.utime(path, (tomorrow, tomorrow))
    assert f"{len(samples)} files in results were dated in the future" in judge_again(checkout)
    assert "Nothing to be done" in checkout.snakemake("--dry-run").stdout


def judge_again(checkout: Checkout) -> str:
    """Delete what was judged and measured, run, and check that it is as it was; what the run printed."""
    results = checkout.work / "results"
    metrics = results / "metrics" / "all" / "metrics.parquet"
    before = metrics.read_bytes()
    for folder in ("verdicts", "metrics"):
        shutil.rmtree(results / folder)
    run = checkout.snakemake()
    assert run.returncode == 0, run.stdout + run.stderr
    assert metrics.read_bytes() == before
    return run.stdout + run.stderr


def test_a_damaged_table_is_named_and_stops_the_stage_that_reads_it(checkout: Checkout) -> None:
    samples = next((checkout.work / "results" / "samples").rglob("*.parquet"))
    content = samples.read_bytes()
    samples.write_bytes(content[:-7] + bytes(7))
    verdicts = Path(str(samples).replace("/samples/", "/verdicts/"))
    verdicts.unlink()
    run = checkout.snakemake()
    assert run.returncode != 0
    assert f"{samples.name} is damaged" in run.stdout + run.stderr


@pytest.mark.parametrize(
    ("section", "values", "told"),
    [
        ("sampling", {"temprature": 1}, "sampling.temprature: unknown key (did you mean 'temperatures'?)"),
        ("metrics", {"k": [1, 40]}, "k = 40 needs at least as many samples"),
        ("geometry", {"layer": 4}, "geometry.layer: 4 is out of range for model 'tiny'"),
        ("models", {"tiny": {"source": "path:absent", "layers": 3}}, "models.tiny.source: absent does not exist"),
    ],
)
def test_wrong_config_is_refused_before_any_job(finished: Checkout, section: str, values: Any, told: str) -> None:
    run = finished.snakemake(config=edited(finished, section, **values))
    assert run.returncode != 0
    assert told in run.stdout + run.stderr
    assert "Traceback" not in run.stdout + run.stderr


def test_times_are_kept_out_of_the_tables(finished: Checkout) -> None:
    for path in (finished.work / "results" / "verdicts").rglob("*.parquet"):
        assert not [name for name in pd.read_parquet(path).columns if "wall" in name or "seconds" in name]


def test_a_partial_config_is_laid_over_the_default_and_a_complete_one_stands_alone(finished: Checkout) -> None:
    partial = finished.work / "partial.yaml"
    partial.write_text("experiments: {verilog: {benchmarks: [rtl-mini, humaneval]}}\n")
    experiments = finished.snakemake("--dry-run", config=partial).stdout
    assert "results/samples/exposed/rtl/ibft/seed0/humaneval/T0.2/trial0.parquet" in experiments
    assert "smollm2" not in finished.snakemake("--dry-run", "--forceall").stdout

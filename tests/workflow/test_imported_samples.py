"""A configuration without any model of its own: somebody's completions run through to the report."""

import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml

from ibft.config.sections import Benchmark
from ibft.data.benchmarks import prepare_benchmark
from ibft.store.parquet import read_table
from ibft.store.schemas import METRICS, SYNTHESIS, VERDICTS
from tests.conftest import REPOSITORY
from tests.warm_python import python

RUN = "someone/their-data/published/seed0/rtl-mini/T0.2/trial0.parquet"


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a configuration and completions of which the first of each problem is right."""
    folder = tmp_path_factory.mktemp("imported")
    problems = prepare_benchmark(Benchmark(source="builtin:rtl-mini", language="verilog", problems=3))
    rows = [
        {"task_id": problem.task_id, "completion": text}
        for problem in problems.itertuples()
        for text in (f"{problem.prompt}{problem.reference_solution}", "module top_module; endmodule")
    ]
    (folder / "theirs.jsonl").write_text("\n".join(map(json.dumps, rows)))
    config = {
        "benchmarks": {"rtl-mini": {"source": "builtin:rtl-mini", "language": "verilog", "problems": 3}},
        "experiments": {},
        "imported_samples": {
            "published": {
                "source": "path:theirs.jsonl",
                "model": "someone",
                "dataset": "their-data",
                "benchmark": "rtl-mini",
                "temperature": 0.2,
                "label": "published samples",
            }
        },
        "metrics": {"k": [1, 2], "pass_at_k_m": {"k": 2, "m": [2]}, "bootstrap": 100},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return folder


def snakemake(work: Path, *arguments: str) -> str:
    command = [python(), "-m", "snakemake", "--snakefile", REPOSITORY / "Snakefile", "--directory", work]
    command += ["--configfile", work / "config.yaml", "--cores", "2", *arguments]
    path = f"{Path(python()).parent}{os.pathsep}{os.environ['PATH']}"
    run = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PATH": path}, cwd=work, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout + run.stderr


def test_published_samples_run_through_to_the_report(work: Path) -> None:
    snakemake(work)
    verdicts = read_table(work / "results/verdicts" / RUN, VERDICTS)
    assert verdicts.groupby("sample")["passed"].sum().tolist() == [3, 0]
    assert verdicts["program"].str.startswith("module top_module").all()
    metrics = read_table(work / "results/metrics/all/metrics.parquet", METRICS)
    assert metrics.query("k == 1")["estimate"].item() == metrics.query("k == 1")["official_estimate"].item() == 0.5
    assert (work / "results/figures/all/pass_heatmap.png").exists()
    assert not (work / "results/models").exists()
    report = (work / "results/report.html").read_text()
    assert '"method":"published samples"' in report
    assert "someone" in (work / "results/tables/all/headline.md").read_text()


@pytest.mark.slow
def test_what_passed_is_synthesized_and_nothing_is_judged_again(work: Path, compiled_yosys: Path) -> None:
    snakemake(work)
    asked = ["--config", "synthesis={}"]
    planned = snakemake(work, *asked, "--dry-run", "--quiet", "rules")
    rules = {line.split(" ")[0] for line in planned.splitlines()}
    assert {"synthesize", "write_report"} <= rules and "execute" not in rules
    snakemake(work, *asked)
    table = read_table(work / "results/synthesis" / RUN, SYNTHESIS)
    assert len(table) == 3 and table["cells"].notna().all()
    assert table["area"].tolist() == table["reference_area"].tolist()
    report = (work / "results/report.html").read_text()
    assert "Cells and area of what passes" in report and "3 of 3" in report


def test_snakemakes_own_report_holds_the_figures_and_the_report(work: Path) -> None:
    snakemake(work)
    snakemake(work, "--report", "snakemake.html")
    page = (work / "snakemake.html").read_text()
    assert "pass_heatmap.svg" in page
    assert "report.html" in page
    assert "headline.csv" in page


def test_they_are_imported_again_when_their_content_changes_and_only_then(work: Path) -> None:
    snakemake(work, "--until", "import_samples")
    source = work / "theirs.jsonl"
    os.utime(source)
    assert "import_samples" not in snakemake(work, "--dry-run", "--quiet", "rules")
    source.write_text(source.read_text().replace("endmodule", "endmodule ", 1))
    assert "import_samples" in snakemake(work, "--dry-run", "--quiet", "rules")

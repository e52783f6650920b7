"""The whole workflow with vLLM as its engine. Runs where vLLM is installed: `make test-vllm`."""

from pathlib import Path

import pytest
import yaml

from ibft.store.parquet import read_table
from ibft.store.schemas import METRICS, SAMPLES
from tests.warm_python import python
from tests.workflow.conftest import new_checkout

pytestmark = pytest.mark.vllm


@pytest.mark.timeout(1200)
def test_it_runs_to_its_report(tmp_path: Path) -> None:
    # The narrowest heads that vLLM computes on a CPU.
    checkout = new_checkout(tmp_path / "check out", head_width=32, python=Path(python()))
    config = yaml.safe_load((checkout.work / "config.yaml").read_text())
    config["sampling"] |= {"engine": "vllm", "trials": 2}
    config["experiments"]["verilog"]["methods"] = ["base", "ft"]
    path = checkout.work / "vllm.yaml"
    path.write_text(yaml.safe_dump(config))
    run = checkout.snakemake(config=path)
    assert run.returncode == 0, run.stdout + run.stderr
    results = checkout.work / "results"
    samples = [read_table(table, SAMPLES) for table in (results / "samples").rglob("*.parquet")]
    assert len(samples) == 2 * 2
    assert {engine for table in samples for engine in table["engine"]} == {"vllm"}
    assert all(len(table) == 3 * 4 and table["seed"].is_unique for table in samples)
    assert len({tuple(table["completion"]) for table in samples}) == 2 * 2
    assert set(read_table(results / "metrics" / "all" / "metrics.parquet", METRICS)["method"]) == {"base", "ft"}
    assert (results / "report.html").exists()
    assert "Nothing to be done" in checkout.snakemake(config=path).stderr

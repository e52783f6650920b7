"""The whole workflow on a model behind an API: from a faulty server to the report, with the key nowhere on disk."""

from pathlib import Path

import yaml

from ibft.store.parquet import read_table
from ibft.store.schemas import METRICS, SAMPLES
from tests.api.server import KEY, ApiServer, api_server
from tests.workflow.conftest import Checkout, new_checkout

CONFIG = {
    "datasets": {"rtl": {"source": "generated:rtl", "language": "verilog", "examples": 6}},
    "benchmarks": {"rtl-mini": {"source": "builtin:rtl-mini", "language": "verilog", "problems": 2}},
    "methods": {"base": {"kind": "base"}},
    "experiments": {
        "served": {
            "models": ["big"],
            "dataset": "rtl",
            "benchmarks": ["rtl-mini"],
            "methods": ["base"],
            "profile": "reasoning",
            "sampling": {"engine": "openai"},
        }
    },
    "memorization": {},
    "sampling": {"n": 2, "trials": 2, "temperatures": [0.5]},
    "metrics": {"k": [1, 2], "pass_at_k_m": {"k": 2, "m": [2]}, "bootstrap": 100},
}
FAULTS = ("busy", "broken", "cut", "two_choices", "not_json")


def write_config(checkout: Checkout, server: ApiServer, **changed: object) -> Path:
    reached = {"base_url": server.address, "key_variable": "STUB_KEY", "backoff_s": 0.05, **changed}
    path = checkout.work / "remote.yaml"
    path.write_text(yaml.safe_dump({**CONFIG, "models": {"big": {"source": "api:org/big", "server": reached}}}))
    return path


def test_it_runs_to_its_report_past_faults_and_the_key_is_nowhere_on_disk(tmp_path, monkeypatch):
    checkout = new_checkout(tmp_path / "check out")
    monkeypatch.delenv("STUB_KEY", raising=False)
    with api_server(FAULTS) as server:
        config = write_config(checkout, server)
        refused = checkout.snakemake(config=config)
        assert refused.returncode != 0
        assert "Nothing was started: the environment has no STUB_KEY" in refused.stdout + refused.stderr
        assert not server.asked
        assert not (checkout.work / "results").exists()
        monkeypatch.setenv("STUB_KEY", KEY)
        run = checkout.snakemake(config=config)
        assert run.returncode == 0, run.stdout + run.stderr
        results = checkout.work / "results"
        told = (results / "logs" / "sample" / "big" / "rtl" / "base" / "seed0" / "T0.5.log").read_text()
        assert server.keys == {f"Bearer {KEY}"}
        assert sum(server.asked.values()) == 2 * 2 * 2 + 1 + len(FAULTS)
        server.faults = ["unauthorized"] * 100
        moved = write_config(checkout, server, concurrency=2, attempts=3)  # reached otherwise, nothing is asked again
        assert "Nothing to be done" in checkout.snakemake(config=moved).stderr
        again = checkout.snakemake("all_samples", "--forcerun", "sample_served", config=moved)
        assert again.returncode == 0, again.stdout + again.stderr  # every draw is there
    tables = [read_table(path, SAMPLES) for path in sorted((results / "samples").rglob("*.parquet"))]
    assert [len(table) for table in tables] == [4, 4]
    assert set(read_table(results / "metrics" / "all" / "metrics.parquet", METRICS)["model"]) == {"big"}
    assert (results / "report.html").exists()
    assert not list(results.rglob("models/*"))
    assert "it said 429 Too Many Requests (slow down); again in" in told
    assert "RemoteProtocolError" in told
    everything = [path for path in checkout.root.rglob("*") if path.is_file() and "src" not in path.parts]
    assert len(everything) > 50
    assert [path for path in everything if KEY.encode() in path.read_bytes()] == []
    assert KEY not in run.stdout + run.stderr

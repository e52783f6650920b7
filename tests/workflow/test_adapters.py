"""Somebody else's adapter runs through the workflow beside the base model, and nothing is trained."""

import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml

from ibft.store.parquet import read_table
from ibft.store.schemas import METRICS, NLL
from tests.conftest import REPOSITORY
from tests.tiny_model import make_adapter, make_tiny_model
from tests.warm_python import python

PAIR = "tiny/rtl/theirs/seed0"


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("adapters")
    make_adapter(make_tiny_model(folder / "tiny-model"), folder / "theirs")
    config = yaml.safe_load((REPOSITORY / "tests" / "workflow" / "config.yaml").read_text())
    config["methods"] = {
        "base": {"kind": "base"},
        "theirs": {"kind": "adapter", "adapter": "path:theirs", "label": "published"},
    }
    config["experiments"]["verilog"] |= {"methods": ["base", "theirs"], "measured_on": ["rtl"]}
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


def test_a_published_adapter_is_judged_and_measured_without_training(work: Path) -> None:
    told = snakemake(work)
    assert "prepare_adapter" in told and not (work / "results/training").exists()
    metrics = read_table(work / "results/metrics/all/metrics.parquet", METRICS)
    assert set(metrics["method"]) == {"base", "theirs"}
    base, theirs = (read_table(work / f"results/nll/tiny/rtl/{name}/seed0.parquet", NLL) for name in ("base", "theirs"))
    assert base["example_id"].equals(theirs["example_id"]) and not base["nll"].equals(theirs["nll"])
    assert '"method":"published"' in (work / "results/report.html").read_text()
    assert "Nothing to be done" in snakemake(work)


def test_another_adapter_in_its_place_is_judged_anew(work: Path) -> None:
    make_adapter(work / "tiny-model", work / "theirs", seed=1)
    planned = snakemake(work, "--dry-run", "--quiet", "all")
    assert "Nothing to be done" not in planned


def test_prefetch_brings_it(work: Path) -> None:
    snakemake(work, "prefetch")
    assert yaml.safe_load((work / "results/pins.yaml").read_text()) == {"models": {}, "datasets": {}}
    manifest = json.loads((work / "results/adapters/tiny/theirs/manifest.json").read_text())
    assert manifest["source"] == "path:theirs"
    assert set(manifest["sha256"]) == {"adapter_config.json", "adapter_model.safetensors"}

"""Variants of one base share a job where the configuration asks for it, and come out as they do alone."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file

from ibft.store.manifests import read_manifest
from tests.workflow.conftest import Checkout

VARIANTS = ("ft", "ft-grand", "ft-mink-keep0.5", "ft-mink-keep0.75", "ibft")


def configured(checkout: Checkout, together: int, **methods: Any) -> Path:
    config = yaml.safe_load((checkout.work / "config.yaml").read_text())
    config["compute"] = {"train_together": together}
    config["methods"].update(methods)
    path = checkout.work / f"together{together}.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def trained_already(checkout: Checkout, config: Path) -> list[str]:
    """Train what is missing, and name the variants that are left as they are."""
    run = checkout.snakemake("all_training", config=config)
    assert run.returncode == 0, run.stdout + run.stderr
    logs = (checkout.work / "results" / "logs" / "train").rglob("*.log")
    said = "".join(log.read_text() for log in logs)
    return sorted(re.findall(r"rtl/([^/]+)/seed0/adapter is trained already", said))


def forget_logs(checkout: Checkout) -> None:
    shutil.rmtree(checkout.work / "results" / "logs" / "train")


def weights(checkout: Checkout) -> dict[str, dict[str, torch.Tensor]]:
    folder = checkout.work / "results" / "training" / "tiny" / "rtl"
    return {str(file.relative_to(folder)): load_file(file) for file in sorted(folder.rglob("*.safetensors"))}


@pytest.mark.slow
def test_what_one_job_trains_is_what_single_jobs_train(checkout: Checkout, finished: Checkout) -> None:
    shutil.rmtree(checkout.work / "results" / "training")
    forget_logs(checkout)
    config = configured(checkout, 3)
    planned = checkout.planned("--", "all_training", config=config)
    assert planned == {"train_together_0": 1, "train_together_1": 1, "all_training": 1}
    assert trained_already(checkout, config) == []
    alone, together = weights(finished), weights(checkout)
    assert together.keys() == alone.keys() and len(together) == len(VARIANTS) + 1  # and the bottleneck's head
    for file, tensors in alone.items():
        for name, tensor in tensors.items():
            torch.testing.assert_close(together[file][name], tensor, rtol=1e-5, atol=1e-5)
    adapter = checkout.work / "results" / "training" / "tiny" / "rtl" / "ibft" / "seed0" / "adapter"
    assert read_manifest(adapter)["command"].count("--job") == 1
    logs = sorted((checkout.work / "results" / "logs" / "train").rglob("*.log"))
    assert [log.read_text().count("INFO LoRA on ") for log in logs] == [3, 2]


@pytest.mark.slow
def test_a_changed_method_retrains_that_one_alone(checkout: Checkout) -> None:
    forget_logs(checkout)
    assert trained_already(checkout, configured(checkout, 8)) == sorted(VARIANTS)
    assert checkout.planned(config=configured(checkout, 8)) == {}
    forget_logs(checkout)
    changed = configured(checkout, 8, ibft={"kind": "ibft", "bottleneck": 8, "alpha": 0.3})
    assert trained_already(checkout, changed) == sorted({*VARIANTS} - {"ibft"})
    forget_logs(checkout)
    back = configured(checkout, 1, ibft={"kind": "ibft", "bottleneck": 8, "alpha": 0.3})
    assert trained_already(checkout, back) == sorted(VARIANTS)


@pytest.mark.parametrize(
    ("key", "settings"),
    [
        ("compute.processes", {"compute": {"processes": 2}}),
        ("compute.wandb", {"compute": {"wandb": "project"}}),
        ("training.packing", {"training": {"packing": False}}),
        ("training.gradient_checkpointing", {"training": {"gradient_checkpointing": True}}),
    ],
)
def test_what_variants_cannot_share_is_refused_by_key(finished: Checkout, key: str, settings: dict[str, Any]) -> None:
    config = yaml.safe_load((finished.work / "config.yaml").read_text())
    config["compute"] = {"train_together": 2, **settings.get("compute", {})}
    config["training"].update(settings.get("training", {}))
    path = finished.root.parent / f"{key}.yaml"
    path.write_text(yaml.safe_dump(config))
    run = finished.snakemake("--dry-run", config=path)
    said = run.stdout + run.stderr
    assert run.returncode == 1 and f"{key}: " in said and "compute.train_together" in said

"""`ibft plan` on a finished run: what is cached, what it measured, and what a change of one key would run again."""

import subprocess
from pathlib import Path

import yaml

from tests.workflow.conftest import Checkout


def plan(checkout: Checkout, config: Path, *targets: str) -> list[str]:
    command = [str(checkout.python), "-c", "from ibft.cli import main; main()", "plan", *targets]
    command += ["--configfile", str(config), "--directory", str(checkout.work)]
    run = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=checkout.root, env=checkout.environment(), timeout=300
    )
    return [" ".join(line.split()) for line in run.stdout.splitlines()]


def test_a_finished_run_has_nothing_to_do_and_has_been_measured(finished: Checkout) -> None:
    lines = plan(finished, finished.work / "config.yaml")
    assert "Nothing is to be done." in lines
    assert any(line.startswith("train 5 5 0 0.0 0.0") for line in lines)


def test_a_changed_key_is_named_with_what_it_makes_again(finished: Checkout) -> None:
    config = yaml.safe_load((finished.work / "config.yaml").read_text())
    config["geometry"]["pairs"] = 5
    config["sampling"]["temperatures"] = [0.5, 1.0]
    path = finished.work / "planned.yaml"
    path.write_text(yaml.safe_dump(config))
    lines = plan(finished, path)
    assert any(line.startswith("train 5 5 0") for line in lines)
    assert any(line.startswith("sample_verilog 12 6 6") and "6 measured: ×" in line for line in lines)
    assert "sample_verilog 6 not made yet" in lines
    assert "measure_geometry 3 geometry.pairs was 6 and is 5" in lines
    assert "execute 6 not made yet" in lines
    assert "compute_metrics 1 what it reads is made again" in lines

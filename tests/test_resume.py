"""`ibft resume` hands everything that follows it to Snakemake, as it is."""

import argparse
import subprocess
import sys
from pathlib import Path

import pytest

from ibft.commands import resume


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["-n"],
        ["--cores", "all"],
        ["--configfile", "paper.yaml", "mine.yaml", "--", "table1", "fig4"],
        ["table1", "--config", "seed=1"],
    ],
)
def test_snakemakes_options_and_targets_are_not_taken_apart(options: list[str]) -> None:
    parser = argparse.ArgumentParser()
    resume.add_parser(parser.add_subparsers())
    assert parser.parse_args(["resume", *options]).options == options


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("__use_yte__: true\nseed: ?open('ran', 'w').close()\n", "makes a program of this file"),
        ("a: " + "[" * 20_000, "nested too deeply"),
    ],
)
def test_a_configuration_is_refused_before_snakemake_reads_it(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "good.yaml").write_text("seed: 1\n")
    (tmp_path / "bad.yaml").write_text(text)
    command = ["resume", "--cores", "1", "--configfile", "good.yaml", "bad.yaml", "--", "all"]
    ended = subprocess.run(
        [sys.executable, "-c", "from ibft.cli import main; main()", *command],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert "config: bad.yaml" in ended.stderr and sentence in ended.stderr
    assert "Traceback" not in ended.stderr and not (tmp_path / "ran").exists()

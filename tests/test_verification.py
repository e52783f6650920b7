"""`ibft verify` looks at the outputs of one run."""

import argparse
from pathlib import Path

import pytest

from ibft import verification
from ibft.errors import UserError
from ibft.manifests import RESULTS_VARIABLE, write_manifest


def new_run(results: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A results folder with one output, as the workflow writes it; the output."""
    monkeypatch.setenv(RESULTS_VARIABLE, str(results))
    for folder in ("logs", "benchmarks", "tables"):
        (results / folder).mkdir(parents=True)
    output = results / "tables" / "headline.md"
    output.write_text("| method |")
    write_manifest(output)
    return output


def verify(results: Path) -> None:
    verification.run(argparse.Namespace(results=results))


def test_a_run_inside_the_results_of_another_is_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    outer, inner = tmp_path / "results", tmp_path / "results" / "paper"
    new_run(outer, monkeypatch)
    damaged = new_run(inner, monkeypatch)
    damaged.write_text("| nothing |")
    verify(outer)
    told = capsys.readouterr().out
    assert f"{inner} is a run of its own: uv run ibft verify {inner}" in told
    assert f"all 1 outputs in {outer} are as they were written" in told
    with pytest.raises(UserError, match="1 of 1 outputs"):
        verify(inner)

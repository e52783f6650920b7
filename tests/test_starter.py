"""The configurations that `ibft init` and `ibft audit` write: whole, checked, and named after what they are about."""

import argparse
import json
from pathlib import Path

import pytest

from ibft.commands import audit
from ibft.commands.starter import (
    as_name,
    benchmark_lines,
    benchmark_of,
    data_of,
    model_of,
    reference_in,
    training_config,
)
from ibft.config.loading import is_complete, load_file, read_yaml
from ibft.graph import Graph
from ibft.runtime.errors import UserError


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("path:data/rows.jsonl.gz", "rows"),
        ("data/*.jsonl", "mine"),
        ("hub:OWNER/My-Data.v2", "My-Data.v2"),
        ("./my model/", "my-model"),
        ("no.json", "my-no"),
        ("7.csv", "my-7"),
        ("données/é.json", "mine"),
    ],
)
def test_a_source_gives_a_name_that_a_configuration_takes(text: str, name: str) -> None:
    assert as_name(text) == name


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text('{"num_hidden_layers": 3}')
    rows = [{"prompt": f"question {number}", "completion": "answer"} for number in range(30)]
    (tmp_path / "no.json").write_text(json.dumps(rows))
    (tmp_path / "problems.jsonl").write_text('{"entry_point": "f"}\n')
    return tmp_path


def test_the_configuration_of_init_is_whole_and_says_what_it_is_about(folder: Path) -> None:
    found = [benchmark_of("problems.jsonl"), benchmark_of("rtl-mini")]
    text = training_config(model_of("./model", None), data_of("no.json", "python"), found, 20)
    assert "reference: python-functions" in text
    (folder / "c.yaml").write_text(text)
    config = load_file(folder / "c.yaml")
    assert is_complete(read_yaml(folder / "c.yaml"))
    assert (config.models["model"].layers, config.datasets["my-no"].examples) == (3, 20)
    assert {name: entry.language for name, entry in config.benchmarks.items()} == {
        "problems": "python",
        "rtl-mini": "verilog",
    }


@pytest.mark.parametrize(
    ("language", "data", "reference"),
    [
        ("python", "no.json", "python-functions"),
        ("verilog", "rtl", "fictitious-authors"),  # data cannot be its own reference
        ("french", "no.json", "fictitious-authors"),
    ],
)
def test_memorization_is_compared_with_what_nobody_has_seen(language: str, data: str, reference: str) -> None:
    assert reference_in(language, data_of(data, language)).name == reference


def test_the_format_of_a_benchmark_is_told_by_what_it_holds(folder: Path) -> None:
    design = folder / "designs" / "Control" / "fsm"
    design.mkdir(parents=True)
    (design / "testbench.v").touch()
    (folder / "v2").mkdir()
    (folder / "v2" / "Prob001_zero_test.sv").touch()
    (folder / "mbpp.jsonl").write_text('{"test_list": []}\n')
    found = {text: benchmark_of(text) for text in ("designs", "v2", "mbpp.jsonl", "problems.jsonl")}
    assert {name: (own.language, own.format) for name, own in found.items()} == {
        "designs": ("verilog", "rtllm"),
        "v2": ("verilog", "verilog-eval-v2"),
        "mbpp.jsonl": ("python", "mbpp"),
        "problems.jsonl": ("python", None),
    }
    assert benchmark_lines([found["v2"]]) == '  v2: {source: "path:v2", language: verilog, format: verilog-eval-v2}'
    with pytest.raises(UserError, match="model is no benchmark"):
        benchmark_of("model")


@pytest.mark.parametrize(
    ("language", "reference", "comparison"),
    [
        ("python", "python-functions", "same language"),
        ("verilog", "rtl", "same language"),
        ("english", "fictitious-authors", "same language"),
        ("french", "fictitious-authors", "other kind"),
    ],
)
def test_an_audit_compares_with_what_it_can(folder: Path, language: str, reference: str, comparison: str) -> None:
    parser = argparse.ArgumentParser()
    audit.add_parser(parser.add_subparsers())
    asked = ["audit", "--model", "./model", "--data", "no.json", "--language", language, "--influence"]
    (folder / "c.yaml").write_text(audit.configuration(parser.parse_args(asked)))
    graph = Graph(load_file(folder / "c.yaml"))
    assert graph.config.memorization.reference == reference
    assert graph.write_audit("model", "my-no").comparison == comparison
    assert graph.config.datasets["my-no"].examples is None  # there are fewer than an audit draws
    assert graph.influence("model", "my-no") == ["audit/influence/model/my-no.parquet"]
    assert graph.audits() == ["audit/audit/model/my-no.html"]
    (folder / "no.json").write_text('[{"prompt": "a", "completion": "b"}]')
    with pytest.raises(UserError, match=r"no\.json holds 1 usable examples; an audit compares 20 or more"):
        audit.configuration(parser.parse_args(asked))

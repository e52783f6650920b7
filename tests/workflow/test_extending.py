"""The examples of docs/extending.md work as they stand: the test makes their edits and runs what comes out."""

import json
import re
import subprocess
from pathlib import Path

import pandas as pd
import yaml

from ibft.config.loading import load_file
from ibft.config.sections import FOLDER_FORMATS
from ibft.data.formats import FOLDERS
from ibft.store.parquet import read_table
from ibft.store.schemas import PROBLEMS, SELECTION
from tests.conftest import REPOSITORY
from tests.workflow.conftest import Checkout

SECTION = re.compile(r"^## (.+?)$(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```(python|diff) (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LOG, FIGURE = "training/tiny/rtl/ibft/seed0/training_log.parquet", "figures/tiny/rtl/training_curves.png"
EXAMPLES = dict(SECTION.findall((REPOSITORY / "docs" / "extending.md").read_text()))


def make_edits(example: str, root: Path) -> list[str]:
    """Make the edits of an example in the sources below `root`; the files that it edits."""
    blocks = BLOCK.findall(EXAMPLES[example])
    for kind, name, text in blocks:
        path = root / name
        if kind == "python":
            path.write_text(text)
            continue
        for hunk in text.split("@@\n"):
            old, new = (_side(hunk, without) for without in "+-")
            content = path.read_text()
            assert content.count(old) == 1, f"{example}: {name} holds this {content.count(old)} times:\n{old}"
            path.write_text(content.replace(old, new))
    return [name for _, name, _ in blocks]


def _side(hunk: str, without: str) -> str:
    """The text before (without +) or after (without -) a hunk; its last line may go on."""
    return "\n".join(line[1:] for line in hunk.splitlines() if line and not line.startswith(without))


def with_config(checkout: Checkout, **sections: object) -> Path:
    config = yaml.safe_load((checkout.work / "config.yaml").read_text())
    for name, entries in sections.items():
        config[name] = {**config[name], **entries}
    path = checkout.work / "extended.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def run(checkout: Checkout, *arguments: str, config: Path | None = None) -> None:
    done = checkout.snakemake(*arguments, config=config)
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_example_takes_at_most_three_files() -> None:
    assert len(EXAMPLES) == 6
    for example, text in EXAMPLES.items():
        assert 1 <= len({name for _, name, _ in BLOCK.findall(text)}) <= 3, example


def test_a_figure(checkout: Checkout) -> None:
    make_edits("A figure", checkout.root)
    planned = checkout.planned()
    assert planned == {"draw_figure": 1, "write_report": 1}
    run(checkout)
    assert "The hardest problems" in (checkout.work / "results" / "report.html").read_text()
    assert (checkout.work / "results" / "figures" / "all" / "hardest.png").stat().st_size > 5000


def test_a_selection_criterion(checkout: Checkout) -> None:
    make_edits("A selection criterion", checkout.root)
    methods = {"ft-el2n": {"kind": "ft", "selection": {"by": "el2n", "keep_fraction": 0.5}}}
    config = with_config(checkout, methods=methods)
    assert not {"score_memorization", "score_gradients", "gather_scores"} & set(checkout.planned())
    table = checkout.work / "results" / "selection" / "tiny" / "rtl" / "el2n-keep0.5.parquet"
    run(checkout, str(table.relative_to(checkout.work)), config=config)
    assert len(read_table(table, SELECTION)) == 6


def test_a_benchmark_of_a_known_format(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    path = tmp_path / "config" / "config.yaml"
    path.write_bytes((REPOSITORY / "config" / "config.yaml").read_bytes())
    assert make_edits("A benchmark of a known format", tmp_path) == ["config/config.yaml"]
    path.write_text(path.read_text().replace("/data/RTLLM", str(tmp_path)))
    config = load_file(path)
    assert config.benchmarks["rtllm"].format == "rtllm"
    assert list(config.experiments["verilog"].benchmarks) == ["rtl-mini", "humaneval", "rtllm"]
    assert set(FOLDER_FORMATS) == set(FOLDERS)


def test_a_benchmark_format(checkout: Checkout) -> None:
    make_edits("A benchmark format", checkout.root)
    row = {"task_id": "a/1", "text": "Double x.", "code": "def twice(x):\n    return 2 * x\n"}
    (checkout.work / "mine.jsonl").write_text(json.dumps({**row, "test_list": ["assert twice(2) == 4"]}) + "\n")
    entry = {"source": "path:mine.jsonl", "language": "python", "format": "asserts"}
    samples = [{"task_id": "a/1", "completion": f"    return {value}\n"} for value in ("2 * x", "x")]
    (checkout.work / "theirs.jsonl").write_text("\n".join(map(json.dumps, samples)))
    theirs = {"model": "m", "dataset": "d", "benchmark": "mine", "temperature": 0.2, "profile": "evalplus-base"}
    config = {
        "benchmarks": {"mine": entry},
        "experiments": {},
        "imported_samples": {"theirs": {**theirs, "source": "path:theirs.jsonl"}},
        "metrics": {"k": [1], "pass_at_k_m": {"k": 2, "m": [2]}, "bootstrap": 10},
        "results": "asserts",
    }
    path = checkout.work / "asserts.yaml"
    path.write_text(yaml.safe_dump(config))
    run(checkout, "all_tables", config=path)
    problems = read_table(checkout.work / "asserts" / "problems" / "mine.parquet", PROBLEMS)
    assert problems["entry_point"].item() == "twice"
    assert "50.0" in (checkout.work / "asserts" / "tables" / "all" / "headline.md").read_text()


def test_a_prompt_profile(checkout: Checkout) -> None:
    make_edits("A prompt profile", checkout.root)
    config = yaml.safe_load((checkout.work / "config.yaml").read_text())
    config["experiments"]["verilog"] |= {"profile": "terse", "methods": ["base"]}
    path = checkout.work / "terse.yaml"
    path.write_text(yaml.safe_dump(config))
    assert checkout.planned("--", "all_samples", config=path)["sample_verilog"] == 1
    program = """
from types import SimpleNamespace
from ibft.extraction import extract
from ibft.prompts import get_profile
text = {"language": "python", "description": "Double x.", "entry_point": "f", "prompt": "def f(x):\\n"}
problem = SimpleNamespace(task_id="a", **text)
turn = get_profile("terse").problem_turn(problem)
print(repr(turn.question + turn.opening), repr(extract("terse", "    return 2 * x\\nprint(f(1))", problem)))
"""
    command = [str(checkout.python), "-c", program]
    told = subprocess.run(command, capture_output=True, text=True, check=True, env=checkout.environment()).stdout
    assert "'# Double x.\\ndef f(x):" in told
    assert "return 2 * x" in told and "print" not in told


def test_a_loss_term(checkout: Checkout) -> None:
    make_edits("A loss term", checkout.root)
    log, figure = (checkout.work / "results" / name for name in (LOG, FIGURE))
    before = figure.read_bytes()
    run(checkout, f"results/{LOG}", f"results/{FIGURE}")
    assert (pd.read_parquet(log)["size"] > 0).all()
    assert figure.read_bytes() != before

"""Exported samples get from evalplus's own package the verdicts that they get here."""

import json
import os
from itertools import islice
from pathlib import Path

import pytest

from ibft.config.sections import Benchmark, Execution
from ibft.data.benchmarks import prepare_benchmark
from ibft.data.sample_formats import Exported, write_samples
from ibft.execution.judge import Judge
from perf.measuring.evalplus import ENVIRONMENT, EvalPlus
from tests.execution.mutants import python_mutants

EVERY = int(os.environ.get("IBFT_EVALPLUS_EVERY", "16"))  # problems
WRONG_TESTS = "HumanEval/32"  # in this form of HumanEval+

pytestmark = pytest.mark.skipif(
    not (ENVIRONMENT / "made").exists() and "IBFT_EVALPLUS_EVERY" not in os.environ,
    reason="evalplus is not installed: make agreement does so",
)


@pytest.mark.slow
def test_evalplus_agrees_on_references_mutants_and_constants(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "humaneval-plus" / "HumanEvalPlus-OriginFmt.jsonl.gz"
    problems = prepare_benchmark(Benchmark(source=f"path:{path}", language="python"))
    problems = problems[problems["task_id"] != WRONG_TESTS].iloc[5::EVERY]
    texts = [
        (row.task_id, text)
        for row in problems.itertuples()
        for text in [
            row.reference_solution, *islice(python_mutants(str(row.reference_solution)), 2), "    return None\n"
        ]
    ]  # fmt: skip
    with Judge(problems, Execution(), 2) as judge:
        rows = list(judge.verdicts((task_id, i, text) for i, (task_id, text) in enumerate(texts)))
    exported = [Exported(row.task_id, text, row.verdict.program) for row, (_, text) in zip(rows, texts, strict=True)]
    write_samples("evalplus", tmp_path / "exported.jsonl", exported, "python")
    samples = [json.loads(line) for line in (tmp_path / "exported.jsonl").read_text().splitlines()]
    told = EvalPlus(problems, tmp_path).verdicts([(row["task_id"], row["solution"]) for row in samples], 2)
    differing = [row.verdict.program for row, theirs in zip(rows, told, strict=True) if row.verdict.passed != theirs]
    assert differing == []
    assert len(problems) < sum(not theirs for theirs in told) < len(told)

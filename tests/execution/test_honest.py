"""Right answers in unusual styles: they pass, and by upstream's rule as well."""

import shutil

import pandas as pd
import pytest

from ibft.config.sections import Benchmark, Execution
from ibft.data.benchmarks import prepare_benchmark
from ibft.execution.judge import Judge
from tests.execution import (
    honest_python_collections,
    honest_python_language,
    honest_python_library,
    honest_python_text,
    honest_python_types,
    honest_verilog,
)
from tests.execution.problems import PYTHON, PYTHON_OF_MANY_TYPES, PYTHON_OF_MORE_THAN_VALUES, VERILOG, frame

SETTINGS = Execution(python_timeout_s=5.0, verilog_timeout_s=15.0)


@pytest.mark.parametrize("level", ["namespaces", "landlock"], indirect=True)
def test_honest_python_passes(level: str) -> None:
    humaneval = prepare_benchmark(Benchmark(source="builtin:humaneval", language="python"))
    problems = pd.concat([frame(PYTHON, *PYTHON_OF_MANY_TYPES), humaneval], ignore_index=True)
    totals = honest_python_text.TOTAL | honest_python_language.TOTAL | honest_python_library.TOTAL
    others = honest_python_types.SAMPLES | honest_python_collections.SAMPLES
    check_all(problems, {"py/total": totals, **others}, level, at_least=200)


@pytest.mark.skipif(not shutil.which("iverilog"), reason="iverilog is not installed")
@pytest.mark.parametrize("level", ["namespaces", "landlock"], indirect=True)
def test_honest_verilog_passes(level: str) -> None:
    mini = prepare_benchmark(Benchmark(source="builtin:rtl-mini", language="verilog"))
    check_all(pd.concat([frame(VERILOG), mini], ignore_index=True), honest_verilog.SAMPLES, level, at_least=100)


def test_what_the_documentation_says_to_fail_fails_by_the_hardened_rule_alone() -> None:
    samples = [
        (task, i, text) for task, group in honest_python_types.REFUSED.items() for i, text in enumerate(group.values())
    ]
    with Judge(frame(PYTHON, *PYTHON_OF_MORE_THAN_VALUES), SETTINGS, workers=2) as judge:
        assert judge.excluded == {}
        rows = list(judge.verdicts(samples))
    assert [(row.verdict.passed, row.verdict.official_passed) for row in rows] == [(False, True)] * len(samples)


@pytest.mark.skipif(not shutil.which("iverilog"), reason="iverilog is not installed")
def test_verilog_that_the_documentation_says_to_fail_fails_by_the_hardened_rule_alone() -> None:
    samples = [("v/register", i, text) for i, text in enumerate(honest_verilog.REFUSED.values())]
    with Judge(frame(VERILOG), SETTINGS, workers=2) as judge:
        rows = list(judge.verdicts(samples))
    assert [(row.verdict.status, row.verdict.official_passed) for row in rows] == [("forbidden", True)] * len(samples)


def check_all(problems: pd.DataFrame, samples: dict[str, dict[str, str]], level: str, at_least: int) -> None:
    """Judge every sample; the hardened verdict and upstream's must both be a pass."""
    named = [(task_id, name, text) for task_id, group in samples.items() for name, text in group.items()]
    assert len(named) >= at_least
    wanted = problems[problems["task_id"].isin(samples)]
    with Judge(wanted, SETTINGS, workers=2, level=level) as judge:
        assert judge.excluded == {}
        rows = list(judge.verdicts((task_id, i, text) for i, (task_id, _, text) in enumerate(named)))
    failed = {
        f"{task_id} {name}": (row.verdict.status.value, row.verdict.official_passed, row.verdict.detail)
        for (task_id, name, _), row in zip(named, rows, strict=True)
        if not (row.verdict.passed and row.verdict.official_passed)
    }
    assert failed == {}

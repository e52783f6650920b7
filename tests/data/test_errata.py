"""Known defects are listed by the names that the problems have."""

from pathlib import Path

import pytest

from ibft.config.sections import Benchmark
from ibft.data.benchmarks import prepare_benchmark
from ibft.data.errata.defects import known_defects
from tests.conftest import verilog_eval


def test_defects_are_those_of_problems_and_say_where_they_were_reported(shared_data: Path) -> None:
    folder = shared_data / "verilog-eval-v2" / "dataset_spec-to-rtl"
    second = prepare_benchmark(Benchmark(source=f"path:{folder}", language="verilog", format="verilog-eval-v2"))
    for harness, problems in (("verilog-eval", verilog_eval(shared_data, "Human")), ("verilog-eval-v2", second)):
        defects = known_defects(harness)
        assert len(defects) >= 4 and set(defects) <= set(problems["task_id"])
        assert all("github.com/NVlabs/verilog-eval/" in text for text in defects.values())


@pytest.mark.parametrize("harness", ["humaneval", "rtllm"])
def test_a_harness_without_errata_has_none(harness: str) -> None:
    assert known_defects(harness) == {}

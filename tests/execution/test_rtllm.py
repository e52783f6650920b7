"""RTLLM's testbenches say in the open whether a design passed; no completion can say it for them."""

import os
import re
import shutil
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pandas as pd
import pytest

from ibft.config.sections import Benchmark, Execution
from ibft.data.benchmarks import prepare_benchmark
from ibft.execution.judge import Judge
from tests.execution import hostile_verilog, hostile_verilog_scopes, hostile_verilog_tasks
from tests.execution.mutants import verilog_mutants
from tests.execution.problems import VERILOG, frame

pytestmark = pytest.mark.skipif(not shutil.which("iverilog"), reason="iverilog is not installed")
SETTINGS = Execution(verilog_timeout_s=5.0, memory_mb=512)
IMPATIENT = Execution(verilog_timeout_s=1.0, memory_mb=512)
HOSTILE_EVERY = int(os.environ.get("IBFT_HOSTILE_EVERY", "5"))
FAILS = {"radix2_div", "ring_counter", "asyn_fifo", "clkgenerator"}  # their own tests, here
GUARDED = {"comparator_3bit", "comparator_4bit", "sequence_detector", "square_wave"}  # else undefined outputs pass
UNTESTED = {"fixed_point_adder", "fixed_point_substractor"}  # all of their stimulus is undefined
SLOW = {"multi_booth_8bit", "multi_pipe_8bit", "multi_16bit", "parallel2serial", "serial2parallel", "calendar"}
# Mutants, by their number, that the benchmark's own testbench cannot tell from the reference either.
RIGHT_MUTANTS = {
    "adder_32bit": [1, 2, 3], "comparator_3bit": [3], "sub_64bit": [2], "fsm": [2], "LIFObuffer": [2],
    "edge_detect": [1, 2, 3], "synchronizer": [3], "instr_reg": [2, 3],
}  # fmt: skip
DESIGN = "counter_12"

TESTBENCH = """`timescale 1ns/1ns
module register_tb;
  reg clk = 0, reset = 1; reg [7:0] d = 0, expected = 0; wire [7:0] q; integer error = 0, i;
  top_module uut(.clk(clk), .reset(reset), .d(d), .q(q));
  always #5 clk = ~clk;
  initial begin
    @(posedge clk); #1 reset = 0;
    for (i = 0; i < 50; i = i + 1) begin
      d = $random; expected = d; @(posedge clk); #1 if (q !== expected) error = error + 1;
    end
    if (error == 0) begin $display("===========Your Design Passed==========="); end
    else begin $display("===========Test completed with %d /50 failures===========", error); end
    $finish;
  end
endmodule
"""
REGISTER = {**VERILOG, "task_id": "register", "tests": TESTBENCH, "harness": "rtllm"}
RIGHT = str(VERILOG["reference_solution"])


@pytest.fixture(scope="module")
def problems(shared_data: Path) -> pd.DataFrame:
    return prepare_benchmark(Benchmark(source=f"path:{shared_data / 'rtllm'}", language="verilog", format="rtllm"))


@pytest.fixture(scope="module")
def judge(problems: pd.DataFrame) -> Iterator[Judge]:
    kept = problems[~problems["task_id"].isin(SLOW | FAILS | UNTESTED)]
    with Judge(kept.iloc[[1, *range(0, len(kept), 2)]], SETTINGS, 2) as started:
        yield started


@pytest.fixture(scope="module")
def guarded(problems: pd.DataFrame) -> Iterator[Judge]:
    kept = problems[problems["task_id"].isin({"comparator_3bit", "sequence_detector"})]
    with Judge(kept, SETTINGS, 2) as started:
        yield started


@pytest.fixture(scope="module")
def register() -> Iterator[Judge]:
    with Judge(frame(REGISTER), IMPATIENT, 2) as started:
        assert started.excluded == {}
        yield started


def test_a_design_is_read_with_the_name_that_its_testbench_uses(problems: pd.DataFrame) -> None:
    assert len(problems) == 50
    names = problems.set_index("task_id")["entry_point"]
    assert (names["freq_divbyeven"], names["fixed_point_substractor"]) == ("freq_divbyeven", "fixed_point_subtractor")
    references = problems.set_index("task_id")["reference_solution"]
    assert "module adder_pipe_64bit" in references["adder_pipe_64bit"]  # which calls itself adder_64bit
    assert not problems["reference_solution"].str.contains("verified_").any()
    files = problems.set_index("task_id")["files"]
    assert "test_data.dat" in files["multi_booth_8bit"]
    assert pd.isna(files[DESIGN])


OPENLY = '$display("===========Your Design Passed===========");'
FORGERIES = {
    "prints": f"initial begin {OPENLY} $finish; end\nendmodule",
    "prints_and_goes_on": f"initial begin q = 0; {OPENLY} end\nendmodule",
    "prints_at_the_end": f"final {OPENLY}\nendmodule",
    "prints_late": f"initial #515 begin {OPENLY} $finish; end\nendmodule",
    "finishes": "initial $finish;\nendmodule",
    "finishes_late": "initial #500 $finish;\nendmodule",
    "clears_the_counter": "always @(posedge clk) register_tb.error = 0;\nendmodule",
    "clears_it_by_the_instance": "always @(posedge clk) uut.register_tb.error = 0;\nendmodule",
    "copies_what_is_expected": "always @(posedge clk) q = register_tb.expected;\nendmodule",
    "forces_the_counter": "initial force register_tb.error = 0;\nendmodule",
    "is_the_testbench": f"endmodule\nmodule register_tb; initial begin {OPENLY} $finish; end endmodule",
    "brings_a_second_root": f"endmodule\nmodule other; initial begin {OPENLY} $finish; end endmodule",
    "renames_by_macro": f"`define top_module other\nendmodule\nmodule top_module; initial {OPENLY} endmodule",
    "binds_to_the_testbench": f"endmodule\nmodule m; initial {OPENLY} endmodule bind register_tb m m1();",
    "sets_parameters": "defparam register_tb.error = 0;\nendmodule",
    "draws_the_stimulus": "initial q = $random; always @(posedge clk) q <= $random;\nendmodule",
    "undefined": "always @* q = 8'bx;\nendmodule",
    "constant": "always @* q = 0;\nendmodule",
    "empty": "endmodule",
}


def test_the_open_line_cannot_be_printed_by_a_completion(register: Judge) -> None:
    rows = list(register.verdicts([("register", i, text) for i, text in enumerate([*FORGERIES.values(), RIGHT])]))
    passed = [name for name, row in zip([*FORGERIES, "right"], rows, strict=True) if row.verdict.passed]
    assert passed == ["right"]
    told = dict(zip(FORGERIES, rows, strict=False))
    assert told["prints"].verdict.official_passed  # upstream believes what is printed
    assert told["prints"].verdict.status == "runtime_error"  # without a verdict


COMPARATOR = """module comparator_3bit(input [2:0] A, B, output A_greater, A_equal, A_less);
  assign A_greater = A > B ? 1'b1 : {otherwise}; assign A_equal = {equal}; assign A_less = A < B;
endmodule"""


def test_outputs_that_a_condition_reads_must_be_defined(guarded: Judge) -> None:
    """An `if` takes an undefined output for a false one, which `if (!equal) error = 1;` never sees."""
    detector = "module sequence_detector(input clk, rst_n, data_in, output sequence_detected); {} endmodule"
    right = COMPARATOR.format(otherwise="1'b0", equal="A == B")
    samples = {
        "right": ("comparator_3bit", right),
        "defined late": ("comparator_3bit", right.replace("assign", "assign #1")),
        "undefined": ("comparator_3bit", COMPARATOR.format(otherwise="1'b0", equal="1'bx")),
        "high impedance": ("comparator_3bit", COMPARATOR.format(otherwise="1'bz", equal="A == B")),
        "at times": ("comparator_3bit", COMPARATOR.format(otherwise="1'bx", equal="A == B")),
        "finishes": ("comparator_3bit", "module comparator_3bit; initial #1000 $finish; endmodule"),
        "clears": ("comparator_3bit", "module comparator_3bit; initial #999 testbench.undefined = 0; endmodule"),
        "no driver": ("sequence_detector", detector.format("")),
        "no reset": ("sequence_detector", detector.format("reg a; assign sequence_detected = a;")),
    }  # fmt: skip
    rows = list(guarded.verdicts((task_id, i, code) for i, (task_id, code) in enumerate(samples.values())))
    assert guarded.excluded == {}
    passed = [name for name, row in zip(samples, rows, strict=True) if row.verdict.passed]
    assert passed == ["right", "defined late"]
    official = [name for name, row in zip(samples, rows, strict=True) if row.verdict.official_passed]
    assert {"undefined", "at times", "no driver"} <= set(official)  # upstream's testbench does not look


def test_hostile_completions_gain_nothing(register: Judge) -> None:
    attacks = {**hostile_verilog.ATTACKS, **hostile_verilog_scopes.ATTACKS, **hostile_verilog_tasks.ATTACKS}
    names = list(attacks)[::HOSTILE_EVERY]
    mine = {"COUNT": "516", "CANARY": "/etc/hostname", "tb": "register_tb", "top_module1": "uut"}
    mine["Mismatches: 0 in COUNT samples"] = "Your Design Passed"
    samples = [
        ("register", i, re.sub("|".join(mine), lambda found: mine[found[0]], attacks[name]))
        for i, name in enumerate(names)
    ]
    assert [names[row.sample] for row in register.verdicts(samples) if row.verdict.passed] == []


PORTS = f"""module {DESIGN}(input rst_n, input clk, input valid_count, output reg [3:0] out);
wire reset = ~rst_n; wire [7:0] d = {{8{{valid_count}}}}; reg [7:0] q; always @* out = q;
"""


def test_hostile_completions_gain_nothing_against_a_design_of_the_benchmark(problems: pd.DataFrame) -> None:
    """Other attacks than the above, as a design with the ports of the register inside."""
    attacks = {**hostile_verilog.ATTACKS, **hostile_verilog_scopes.ATTACKS, **hostile_verilog_tasks.ATTACKS}
    names = list(attacks)[2 :: 4 * HOSTILE_EVERY]
    mine = {"COUNT": "500", "CANARY": "/etc/hostname", "top_module1": "dut", "top_module": DESIGN}
    mine |= {"tb": "counter_12_tb", "Mismatches: 0 in COUNT samples": "===Your Design Passed==="}
    texts = [re.sub("|".join(sorted(mine, reverse=True)), lambda at: mine[at[0]], attacks[name]) for name in names]
    texts = [text if f"module {DESIGN}" in text else PORTS + text for text in texts]
    texts += [PORTS + forgery.replace("register_tb", "counter_12_tb") for forgery in FORGERIES.values()]
    with Judge(problems[problems["task_id"] == DESIGN], IMPATIENT, 2) as started:
        rows = list(started.verdicts((DESIGN, number, text) for number, text in enumerate(texts)))
    assert [(row.sample, texts[row.sample]) for row in rows if row.verdict.passed] == []
    assert [row for row in rows if row.verdict.official_passed] != []  # its rule is fooled by what is printed


def test_references_pass_and_mutants_empty_and_constant_designs_fail(judge: Judge, problems: pd.DataFrame) -> None:
    kept = problems[problems["task_id"].isin(judge._problems)]
    assert len(kept) >= 20 and judge.excluded == {}
    samples = []
    for row in kept.itertuples():
        bodies = [row.reference_solution, *islice(verilog_mutants(str(row.reference_solution)), 3)]
        ports = re.search(rf"\bmodule\s+{row.entry_point}\b[^;]*;", str(row.reference_solution))
        bodies += ["", f"{ports[0] if ports else ''}\nendmodule\n"]
        samples += [(row.task_id, i, body) for i, body in enumerate(bodies)]
    rows = list(judge.verdicts(samples))
    assert [
        row.task_id for row in rows if row.sample == 0 and not (row.verdict.passed and row.verdict.official_passed)
    ] == []
    assert [row.task_id for row in rows if row.sample >= 4 and row.verdict.passed] == []
    right = {task_id: samples for task_id in kept["task_id"] if (samples := [
        row.sample for row in rows if row.task_id == task_id and 0 < row.sample < 4 and row.verdict.passed
    ])}  # fmt: skip
    assert right == RIGHT_MUTANTS
    assert [row for row in rows if row.verdict.passed and not row.verdict.official_passed] == []


@pytest.mark.slow
def test_references_pass_but_for_those_that_are_named(problems: pd.DataFrame) -> None:
    with Judge(problems, Execution(), 2) as started:
        assert set(started.excluded) == FAILS | UNTESTED
        rows = list(started.verdicts((row.task_id, 0, row.reference_solution) for row in problems.itertuples()))
    assert {row.task_id for row in rows if not row.verdict.official_passed} == FAILS
    assert {row.task_id for row in rows if not row.verdict.passed} == set(started.excluded)

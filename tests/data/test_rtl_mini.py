"""The built-in Verilog benchmark: fair testbenches, and no problem that the generator trains on."""

import re
from pathlib import Path

import pytest

from ibft.data.builtin.rtl.generator import generate
from ibft.data.builtin.rtl_mini.records import GRADES, records
from tests.data.verilog import needs_iverilog, normalised, simulated

RECORDS = {record["task_id"]: record for record in records()}
VERDICT = re.compile(r"^Mismatches: (\d+) in (\d+) samples$", re.MULTILINE)

# Each turns a solution into a plausible wrong one; the first that applies is used.
MUTATIONS = (
    ("posedge clk, posedge areset", "posedge clk"),
    ("negedge clk", "posedge clk"),
    (" == 3;", " == 2;"),
    ("last == 2'b11", "last == 2'b10"),
    ("~prev", "prev"),
    ("else if (", "else if (!"),
    ("<= q + 1;", "<= q + 2;"),
    ("<= q - 1;", "<= q + 1;"),
    ("{q[2:0]", "{q[3:1]"),
    ("q >> 1", "q << 1"),
    ("? !k : j", "? k : j"),
    ("(j & ~q) |", "(j & q) |"),
    ("in ^ out", "in | out"),
    ("if (ena)", "if (!ena)"),
    ("if (reset)", "if (!reset)"),
    ("posedge clk)", "negedge clk)"),
    (" ? b : a", " ? a : b"),
    (" ? a : b", " ? b : a"),
    (" ? -in : in", " ? in : -in"),
    ("a == b", "a != b"),
    ("in[0], in[1]", "in[1], in[0]"),
    ("{8{in[3]}}", "8'b0"),
    ("in[7:4]", "in[8:5]"),
    ("in[sel]", "in[~sel]"),
    ("1 << in", "1 >> in"),
    ("{hi, lo}", "{lo, hi}"),
    ("y = a;", "y = ~a;"),
    (" & ", " | "),
    (" | ", " & "),
    (" ^ ", " | "),
    (" + ", " - "),
    (" - ", " + "),
    ("1'b1", "1'b0"),
    ("&in", "|in"),
    ("^in", "~^in"),
    ("~in", "in"),
    ("= in;", "= ~in;"),
)


def test_is_graded_and_large_enough() -> None:
    assert len(RECORDS) == sum(len(problems) for problems in GRADES.values()) >= 44
    assert [task_id.split("_")[0] for task_id in RECORDS] == sorted(
        (task_id.split("_")[0] for task_id in RECORDS), key=list(GRADES).index
    )


@needs_iverilog
@pytest.mark.parametrize("task_id", RECORDS)
def test_testbench_passes_the_solution_and_fails_wrong_ones(task_id: str, tmp_path: Path) -> None:
    record = RECORDS[task_id]
    solution = record["canonical_solution"]
    before, after = next((before, after) for before, after in MUTATIONS if before in solution)
    mutant = solution.replace(before, after, 1)

    def verdict(body: str) -> tuple[int, int]:
        printed = simulated(tmp_path, record["test"] + "\n" + record["prompt"] + body)
        found = VERDICT.findall(printed)
        assert len(found) == 1, printed
        return int(found[0][0]), int(found[0][1])

    mismatches, samples = verdict(solution)
    assert (mismatches, samples > 15) == (0, True)
    assert verdict(mutant) != (0, samples), f"{before!r} -> {after!r} is not noticed"
    assert verdict("endmodule\n")[0] > 0


@pytest.mark.parametrize("task_id", RECORDS)
def test_records_have_verilog_evals_shape(task_id: str) -> None:
    record = RECORDS[task_id]
    assert set(record) == {"task_id", "prompt", "detail_description", "canonical_solution", "test"}
    assert re.match(r"module top_module \(\n\t", record["prompt"])
    assert record["prompt"].endswith("\n);\n")
    assert record["canonical_solution"].endswith("endmodule\n")
    for part in (
        "module reference_module (",
        "module stimulus_gen (",
        "module tb();",
        "stats stats1;",
        "stimulus_gen stim1",
        "reference_module good1",
        "top_module top_module1",
        "assign tb_match =",
        "Hint: Output '%s' has no mismatches.\"",
        '$display("Mismatches: %1d in %1d samples", stats1.errors, stats1.clocks);',
    ):
        assert part in record["test"]


@pytest.mark.parametrize("seed", [0, 1])
def test_no_problem_is_among_the_generated_examples(seed: int) -> None:
    examples = generate(seed)
    modules = {normalised(response) for response in examples["response"]}
    instructions = {" ".join(instruction.lower().split()) for instruction in examples["instruction"]}
    for task_id, record in RECORDS.items():
        assert normalised(record["prompt"] + record["canonical_solution"]) not in modules, task_id
        assert " ".join(record["detail_description"].lower().split()) not in instructions, task_id


def test_normalisation_sees_through_names_and_layout() -> None:
    one = "module top_module (\n\tinput a,\n\toutput y\n);\n\tassign y = ~a;\nendmodule"
    other = "module top_module(input in, output out); assign out = ~in; endmodule"
    assert normalised(one) == normalised(other)
    assert normalised(one) != normalised(other.replace("~", ""))

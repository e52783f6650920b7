"""Small problems of the two record forms, and frames of them."""

import pandas as pd

from ibft.store.schemas import PROBLEMS

PYTHON = {
    "task_id": "py/total",
    "language": "python",
    "description": None,
    "prompt": 'def total(values, extra):\n    """Sum of values and extra."""\n',
    "entry_point": "total",
    "tests": (
        "# Tests_Secret\n"
        "def check(candidate):\n"
        "    assert candidate([1, 2], 3) == 6\n"
        "    assert candidate([], 0) == 0\n"
        "    assert candidate(list(range(50)), 0.5) == 1225.5\n"
    ),
    "reference_solution": "    return sum(values) + extra\n",
}


def _small(name: str, arguments: str, checks: list[str], reference: str) -> dict[str, str | None]:
    tests = "def check(candidate):\n" + "".join(f"    {line}\n" for line in checks)
    return {
        "task_id": f"py/{name}",
        "language": "python",
        "description": None,
        "prompt": f'import math\nfrom typing import List\n\n\ndef {name}({arguments}):\n    """See the tests."""\n',
        "entry_point": name,
        "tests": tests,
        "reference_solution": f"    {reference}\n",
    }


# Each lets answers of several types pass.
PYTHON_OF_MANY_TYPES = [
    _small(
        "histogram",
        "text",
        [
            "assert candidate('abca') == {'a': 2, 'b': 1, 'c': 1}",
            "assert candidate('') == {}",
            "assert candidate('bab')['b'] == 2 and len(candidate('bab')) == 2",
            "assert list(candidate('zyx')) == ['z', 'y', 'x']",
        ],
        "return {letter: text.count(letter) for letter in text}",
    ),
    _small(
        "evens",
        "n",
        [
            "assert list(candidate(9)) == [0, 2, 4, 6, 8]",
            "assert sorted(candidate(2)) == [0, 2]",
            "assert sum(candidate(4)) == 6",
            "assert tuple(candidate(-1)) == ()",
            "assert [a - b for a, b in zip(candidate(4), [0, 1, 2], strict=True)] == [0, 1, 2]",
            "assert 4 in candidate(5) and max(candidate(5)) == 4",
        ],
        "return list(range(0, n + 1, 2))",
    ),
    _small(
        "ratio",
        "a, b",
        ["assert candidate(1, 4) == 0.25", "assert candidate(6, 3) == 2", "assert 0 < candidate(1, 8) < 1"],
        "return a / b",
    ),
    _small(
        "span",
        "values",
        [
            "assert candidate([3, 1, 2]) == (1, 3)",
            "low, high = candidate([5])",
            "assert low == high == 5",
            "assert candidate([0, -2])[0] == -2 and len(candidate([1])) == 2",
        ],
        "return min(values), max(values)",
    ),
    _small(
        "grade",
        "score",
        ["assert candidate(95) == 'A'", "assert candidate(70) == 'B'", "assert candidate(10) in ('C', 'D')"],
        "return 'A' if score > 90 else 'B' if score > 50 else 'C'",
    ),
    _small(
        "rank",
        "score",
        [
            "assert candidate(95) == 3",
            "assert candidate(70) + candidate(10) == 3",
            "assert [7, 8, 9][candidate(10)] == 8",
        ],
        "return 3 if score > 90 else 2 if score > 50 else 1",
    ),
    _small(
        "drain",
        "items",
        ["items = [3, 1, 2]", "assert candidate(items) == 6", "assert candidate([]) == 0"],
        "return sum(items)",
    ),
]

# Right answers to these cannot be given in the grader's process.
PYTHON_OF_MORE_THAN_VALUES = [
    _small(
        "lengths",
        "words",
        ["assert candidate(['a', 'bc'])['bc'] == 2", "found = candidate([])", "assert 'a' in found or not found['a']"],
        "return {**{word: len(word) for word in words}, **({} if words else {'a': 1})}",
    ),
    _small("first", "n", ["assert next(iter(candidate(3))) == 3"], "return [n]"),
]

_TESTS = """`timescale 1 ps/1 ps
`define OK 12
module reference_module(input clk, input reset, input [7:0] d, output reg [7:0] q);
	always @(posedge clk) if (reset) q <= 0; else q <= d;
endmodule

module stimulus_gen(input clk, output logic reset, output logic [7:0] d);
	initial begin
		reset <= 1; d <= 0;
		@(posedge clk); @(posedge clk);
		repeat (100) @(posedge clk, negedge clk) begin d <= $random; reset <= !($random & 15); end
		#1 $finish;
	end
endmodule

module tb();
	typedef struct packed { int errors; int errortime; int clocks; } stats;
	stats stats1;
	reg clk = 0;
	initial forever #5 clk = ~clk;
	wire reset;
	wire [7:0] d, q_ref, q_dut;
	initial begin $dumpfile("wave.vcd"); $dumpvars(1, stim1.clk, tb_mismatch); end
	wire tb_match;
	wire tb_mismatch = ~tb_match;
	stimulus_gen stim1 (.clk, .*, .reset, .d);
	reference_module good1 (.clk, .reset, .d, .q(q_ref));
	top_module top_module1 (.clk, .reset, .d, .q(q_dut));
	bit strobe = 0;
	task wait_for_end_of_timestep;
		repeat(5) begin strobe <= !strobe; @(strobe); end
	endtask
	final begin
		$display("Hint: Total mismatched samples is %1d out of %1d samples\\n", stats1.errors, stats1.clocks);
		$display("Mismatches: %1d in %1d samples", stats1.errors, stats1.clocks);
	end
	assign tb_match = ( { q_ref } === ( { q_ref } ^ { q_dut } ^ { q_ref } ) );
	always @(posedge clk, negedge clk) begin
		stats1.clocks++;
		if (!tb_match) begin
			if (stats1.errors == 0) stats1.errortime = $time;
			stats1.errors++;
		end
	end
endmodule
"""

VERILOG = {
    "task_id": "v/register",
    "language": "verilog",
    "description": "A register with synchronous reset.",
    "prompt": "module top_module(input clk, input reset, input [7:0] d, output reg [7:0] q);\n",
    "entry_point": "top_module",
    "tests": _TESTS,
    "reference_solution": "\talways @(posedge clk) if (reset) q <= 0; else q <= d;\nendmodule\n",
}
VERILOG_SAMPLES = 103  # of the reference's own run


def frame(*problems: dict[str, str | None]) -> pd.DataFrame:
    """The problems table of `problems`."""
    return pd.DataFrame(list(problems), columns=PROBLEMS.schema.names)

"""Two small problems of the two record forms, and frames of them."""

import pandas as pd

from ibft.tables import PROBLEMS

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

"""The third grade: bounded counters, rings, edge detection, small state machines."""

from ibft.data.builtin.rtl_mini.problem import Problem

HARD = (
    Problem(
        "decade_counter",
        "Create a decade counter that counts from 0 through 9 and starts again at 0. reset is synchronous.",
        ("input clk", "input reset", "output reg [3:0] q"),
        ("always @(posedge clk)", "\tif (reset || q == 9)", "\t\tq <= 0;", "\telse", "\t\tq <= q + 1;"),
    ),
    Problem(
        "hours",
        "Create the hour counter of a clock: it counts from 1 through 12 and then starts again at 1. Synchronous reset "
        "sets it to 1.",
        ("input clk", "input reset", "output reg [3:0] q"),
        ("always @(posedge clk)", "\tif (reset || q == 12)", "\t\tq <= 1;", "\telse", "\t\tq <= q + 1;"),
    ),
    Problem(
        "shift_load",
        "Create a 4-bit shift register. When load is 1, q becomes data. Otherwise q shifts right and 0 is shifted in.",
        ("input clk", "input load", "input [3:0] data", "output reg [3:0] q"),
        ("always @(posedge clk)", "\tif (load)", "\t\tq <= data;", "\telse", "\t\tq <= q >> 1;"),
    ),
    Problem(
        "ring",
        "Create a 4-bit ring counter. Synchronous reset sets q to 1, then the 1 moves left by one bit every cycle.",
        ("input clk", "input reset", "output reg [3:0] q"),
        ("always @(posedge clk)", "\tif (reset)", "\t\tq <= 1;", "\telse", "\t\tq <= {q[2:0], q[3]};"),
    ),
    Problem(
        "rising_edge",
        "Set out for one clock cycle after the single-bit input in has changed from 0 to 1.",
        ("input clk", "input in", "output reg out"),
        ("reg prev;", "always @(posedge clk) begin", "\tprev <= in;", "\tout <= in & ~prev;", "end"),
    ),
    Problem(
        "jk",
        "Create a JK flip-flop. On the clock edge, q keeps its value for jk=00, becomes 0 for 01, becomes 1 for 10, "
        "and inverts for 11. reset is synchronous.",
        ("input clk", "input reset", "input j", "input k", "output reg q"),
        ("always @(posedge clk)", "\tif (reset)", "\t\tq <= 0;", "\telse", "\t\tq <= (j & ~q) | (~k & q);"),
    ),
    Problem(
        "two_ones",
        "The output z is 1 when the last two bits of the input x were both 1. reset is synchronous.",
        ("input clk", "input reset", "input x", "output z"),
        (
            "reg [1:0] last;",
            "always @(posedge clk)",
            "\tif (reset)",
            "\t\tlast <= 0;",
            "\telse",
            "\t\tlast <= {last[0:0], x};",
            "assign z = last == 2'b11;",
        ),
    ),
    Problem(
        "mealy_rise",
        "Create a Mealy machine: z is 1 in the cycle in which x is 1 and was 0 in the cycle before. Synchronous reset "
        "acts as if x had been 1.",
        ("input clk", "input reset", "input x", "output z"),
        (
            "reg prev;",
            "always @(posedge clk)",
            "\tif (reset)",
            "\t\tprev <= 1;",
            "\telse",
            "\t\tprev <= x;",
            "assign z = ~prev & x;",
        ),
    ),
    Problem(
        "switch",
        "Create a Moore machine with two states, OFF and ON. It moves from OFF to ON when j is 1, and from ON to OFF "
        "when k is 1. out is 1 in ON. Synchronous reset to OFF.",
        ("input clk", "input reset", "input j", "input k", "output out"),
        (
            "reg state;",
            "always @(posedge clk)",
            "\tif (reset)",
            "\t\tstate <= 0;",
            "\telse",
            "\t\tstate <= state ? !k : j;",
            "assign out = state;",
        ),
    ),
    Problem(
        "detect_101",
        "Create a Moore machine that detects the sequence 101 on x, overlaps included. z is 1 after the last bit. "
        "reset is synchronous.",
        ("input clk", "input reset", "input x", "output z"),
        (
            "reg [1:0] state;",
            "always @(posedge clk)",
            "\tif (reset)",
            "\t\tstate <= 0;",
            "\telse",
            "\t\tcase (state)",
            "\t\t\t0: state <= x ? 1 : 0;",
            "\t\t\t1: state <= x ? 1 : 2;",
            "\t\t\t2: state <= x ? 3 : 0;",
            "\t\t\t3: state <= x ? 1 : 2;",
            "\t\tendcase",
            "assign z = state == 3;",
        ),
    ),
    Problem(
        "four_states",
        "Create a Moore machine with states 0 to 3. When x is 1 it moves to the next higher state and stays in 3; when "
        "x is 0 it moves to the next lower state and stays in 0. z is 1 in state 3. reset is synchronous.",
        ("input clk", "input reset", "input x", "output z"),
        (
            "reg [1:0] state;",
            "always @(posedge clk)",
            "\tif (reset)",
            "\t\tstate <= 0;",
            "\telse",
            "\t\tcase (state)",
            "\t\t\t0: state <= x ? 1 : 0;",
            "\t\t\t1: state <= x ? 2 : 0;",
            "\t\t\t2: state <= x ? 3 : 1;",
            "\t\t\t3: state <= x ? 3 : 2;",
            "\t\tendcase",
            "assign z = state == 3;",
        ),
    ),
)

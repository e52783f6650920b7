"""The second grade: wider arithmetic, selection, resets, latches, counters, shift registers."""

from ibft.data.builtin.rtl_mini.problem import Problem

MEDIUM = (
    Problem(
        "full_adder",
        "Create a full adder. Add the bits a, b and cin, and output sum and cout.",
        ("input a", "input b", "input cin", "output sum", "output cout"),
        ("assign {cout, sum} = a + b + cin;",),
    ),
    Problem(
        "adder_carry",
        "Add two 4-bit numbers to produce a 4-bit sum and a carry-out cout.",
        ("input [3:0] a", "input [3:0] b", "output [3:0] sum", "output cout"),
        ("assign {cout, sum} = a + b;",),
    ),
    Problem(
        "maximum",
        "Output the larger of two unsigned 4-bit numbers.",
        ("input [3:0] a", "input [3:0] b", "output [3:0] max"),
        ("assign max = a > b ? a : b;",),
    ),
    Problem(
        "majority",
        "The output is 1 when at least two of the three inputs are 1.",
        ("input a", "input b", "input c", "output out"),
        ("assign out = (a & b) | (a & c) | (b & c);",),
    ),
    Problem(
        "mux_wide",
        "Create a 4-bit wide 2-to-1 multiplexer: out is b if sel is 1, and a if sel is 0.",
        ("input [3:0] a", "input [3:0] b", "input sel", "output [3:0] out"),
        ("assign out = sel ? b : a;",),
    ),
    Problem(
        "mux_four",
        "Create a 4-to-1 multiplexer whose four data bits are packed in the vector in. sel chooses one of them.",
        ("input [3:0] in", "input [1:0] sel", "output out"),
        ("assign out = in[sel];",),
    ),
    Problem(
        "decoder",
        "Create a 2-to-4 decoder: the output bit with the number in is 1, the others are 0.",
        ("input [1:0] in", "output [3:0] out"),
        ("assign out = 1 << in;",),
    ),
    Problem(
        "sign_extend",
        "Sign-extend a 4-bit number to 12 bits.",
        ("input [3:0] in", "output [11:0] out"),
        ("assign out = {{8{in[3]}}, in};",),
    ),
    Problem(
        "absolute",
        "Output the absolute value of a signed 12-bit number in.",
        ("input [11:0] in", "output [11:0] out"),
        ("assign out = in[11] ? -in : in;",),
    ),
    Problem(
        "dff_falling",
        "Create a D flip-flop that is triggered by the falling edge of clk.",
        ("input clk", "input d", "output reg q"),
        ("always @(negedge clk)", "\tq <= d;"),
    ),
    Problem(
        "dff_reset",
        "Create a D flip-flop with an active high synchronous reset to 0.",
        ("input clk", "input reset", "input d", "output reg q"),
        ("always @(posedge clk)", "\tif (reset)", "\t\tq <= 0;", "\telse", "\t\tq <= d;"),
    ),
    Problem(
        "dff_areset",
        "Create a D flip-flop with an active high asynchronous reset areset.",
        ("input clk", "input areset", "input d", "output reg q"),
        ("always @(posedge clk, posedge areset)", "\tif (areset)", "\t\tq <= 0;", "\telse", "\t\tq <= d;"),
    ),
    Problem(
        "latch",
        "Create a D latch. While ena is 1, q follows d, otherwise it keeps its value.",
        ("input d", "input ena", "output reg q"),
        ("always @(*)", "\tif (ena)", "\t\tq = d;"),
    ),
    Problem(
        "xor_feedback",
        "Create a D flip-flop whose next value is the XOR of the input in and its own output out.",
        ("input clk", "input reset", "input in", "output reg out"),
        ("always @(posedge clk)", "\tif (reset)", "\t\tout <= 0;", "\telse", "\t\tout <= in ^ out;"),
    ),
    Problem(
        "toggle",
        "Create a T flip-flop: q inverts at the clock edge when t is 1. reset is synchronous.",
        ("input clk", "input reset", "input t", "output reg q"),
        ("always @(posedge clk)", "\tif (reset)", "\t\tq <= 0;", "\telse if (t)", "\t\tq <= ~q;"),
    ),
    Problem(
        "counter",
        "Create a 4-bit binary counter that counts from 0 to 15 and wraps around. reset is synchronous.",
        ("input clk", "input reset", "output reg [3:0] q"),
        ("always @(posedge clk)", "\tif (reset)", "\t\tq <= 0;", "\telse", "\t\tq <= q + 1;"),
    ),
    Problem(
        "counter_down",
        "Create a 4-bit counter that counts down. Synchronous reset sets it to 15.",
        ("input clk", "input reset", "output reg [3:0] q"),
        ("always @(posedge clk)", "\tif (reset)", "\t\tq <= 15;", "\telse", "\t\tq <= q - 1;"),
    ),
    Problem(
        "counter_enable",
        "Create a 4-bit up counter with synchronous reset. It counts only while ena is 1.",
        ("input clk", "input reset", "input ena", "output reg [3:0] q"),
        ("always @(posedge clk)", "\tif (reset)", "\t\tq <= 0;", "\telse if (ena)", "\t\tq <= q + 1;"),
    ),
    Problem(
        "shift_in",
        "Create a 4-bit shift register. Each clock cycle, shift q left by one and put in into the lowest bit.",
        ("input clk", "input reset", "input in", "output reg [3:0] q"),
        ("always @(posedge clk)", "\tif (reset)", "\t\tq <= 0;", "\telse", "\t\tq <= {q[2:0], in};"),
    ),
)

"""The first grade: wires, gates, vectors, small arithmetic, single flip-flops."""

from ibft.data.builtin.rtl_mini.problem import Problem

EASY = (
    Problem("wire", "Connect the input in to the output out.", ("input in", "output out"), ("assign out = in;",)),
    Problem("one", "Drive the output one with logic high, always.", ("output one",), ("assign one = 1'b1;",)),
    Problem("not_gate", "Build a NOT gate.", ("input in", "output out"), ("assign out = ~in;",)),
    Problem(
        "and_gate",
        "Build an AND gate with the inputs a and b and the output out.",
        ("input a", "input b", "output out"),
        ("assign out = a & b;",),
    ),
    Problem(
        "nor_gate",
        "Create a circuit that implements a NOR gate: the inverted OR of a and b.",
        ("input a", "input b", "output out"),
        ("assign out = ~(a | b);",),
    ),
    Problem(
        "xnor_gate",
        "Implement a two-input XNOR gate.",
        ("input a", "input b", "output out"),
        ("assign out = ~(a ^ b);",),
    ),
    Problem(
        "and_not",
        "Build an AND gate whose second input b is inverted.",
        ("input a", "input b", "output out"),
        ("assign out = a & ~b;",),
    ),
    Problem(
        "or_of_four",
        "Create a four-input OR gate.",
        ("input a", "input b", "input c", "input d", "output out"),
        ("assign out = a | b | c | d;",),
    ),
    Problem(
        "two_wires",
        "Connect the input a to both outputs x and y.",
        ("input a", "output x", "output y"),
        ("assign x = a;", "assign y = a;"),
    ),
    Problem(
        "and_or",
        "Compute (a AND b) OR c.",
        ("input a", "input b", "input c", "output out"),
        ("assign out = (a & b) | c;",),
    ),
    Problem(
        "sum_of_products",
        "Build two AND gates, one for a and b and one for c and d, and OR their outputs into f.",
        ("input a", "input b", "input c", "input d", "output f"),
        ("assign f = (a & b) | (c & d);",),
    ),
    Problem(
        "bitwise_and",
        "Compute the bitwise AND of the 4-bit vectors a and b.",
        ("input [3:0] a", "input [3:0] b", "output [3:0] out"),
        ("assign out = a & b;",),
    ),
    Problem(
        "complement",
        "Invert all bits of the 12-bit input in.",
        ("input [11:0] in", "output [11:0] out"),
        ("assign out = ~in;",),
    ),
    Problem(
        "all_ones",
        "The output out is 1 when all bits of the 4-bit input in are 1.",
        ("input [3:0] in", "output out"),
        ("assign out = &in;",),
    ),
    Problem(
        "xor_all",
        "Compute the XOR of all bits of the 12-bit vector in.",
        ("input [11:0] in", "output out"),
        ("assign out = ^in;",),
    ),
    Problem(
        "middle_bits",
        "Output the middle four bits, in[7:4], of the 12-bit input in.",
        ("input [11:0] in", "output [3:0] out"),
        ("assign out = in[7:4];",),
    ),
    Problem(
        "join",
        "Join two 4-bit vectors into one byte. hi goes to the upper four bits, lo to the lower four bits.",
        ("input [3:0] hi", "input [3:0] lo", "output [7:0] out"),
        ("assign out = {hi, lo};",),
    ),
    Problem(
        "reverse",
        "Reverse the bits of a 4-bit vector.",
        ("input [3:0] in", "output [3:0] out"),
        ("assign out = {in[0], in[1], in[2], in[3]};",),
    ),
    Problem(
        "half_adder",
        "Create a half adder. It adds the bits a and b and outputs their sum and carry.",
        ("input a", "input b", "output sum", "output carry"),
        ("assign {carry, sum} = a + b;",),
    ),
    Problem(
        "adder",
        "Add two 4-bit numbers a and b without a carry.",
        ("input [3:0] a", "input [3:0] b", "output [3:0] sum"),
        ("assign sum = a + b;",),
    ),
    Problem(
        "subtractor",
        "Compute a minus b for two 12-bit numbers.",
        ("input [11:0] a", "input [11:0] b", "output [11:0] diff"),
        ("assign diff = a - b;",),
    ),
    Problem(
        "equal",
        "The output eq is 1 if the two 4-bit inputs a and b are the same.",
        ("input [3:0] a", "input [3:0] b", "output eq"),
        ("assign eq = a == b;",),
    ),
    Problem(
        "mux",
        "Create a 2-to-1 multiplexer for single bits. When sel=0, choose a. When sel=1, choose b.",
        ("input a", "input b", "input sel", "output out"),
        ("assign out = sel ? b : a;",),
    ),
    Problem(
        "dff",
        "Create a single D flip-flop, triggered by the positive edge of clk.",
        ("input clk", "input d", "output reg q"),
        ("always @(posedge clk)", "\tq <= d;"),
    ),
    Problem(
        "register",
        "Create four D flip-flops that store the 4-bit input d.",
        ("input clk", "input [3:0] d", "output reg [3:0] q"),
        ("always @(posedge clk)", "\tq <= d;"),
    ),
    Problem(
        "dff_enable",
        "Create a D flip-flop that loads d only while ena is 1.",
        ("input clk", "input ena", "input d", "output reg q"),
        ("always @(posedge clk)", "\tif (ena)", "\t\tq <= d;"),
    ),
)

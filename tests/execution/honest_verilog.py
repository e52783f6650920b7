"""Verilog completions that are right, in styles that harnesses stumble over. `SAMPLES`: problem -> name -> completion.

The first problem is the register of `tests/execution/problems.py`, the others are of rtl-mini.
"""

_PORTS = "input clk, input reset, input [7:0] d, output reg [7:0] q"
_HEADER = f"module top_module({_PORTS});\n"
_BODY = "\talways @(posedge clk) if (reset) q <= 0; else q <= d;\nendmodule\n"


def _enum(more: str) -> str:
    """A register whose enumeration does `more`, which is of no effect on `q`."""
    return (
        "\ttypedef enum logic [1:0] {IDLE, RUN, STOP} state_t;\n\tstate_t state, other;\n\tinteger n;\n"
        f"\tinitial begin state = IDLE; {more} end\n{_BODY}"
    )


def _doing(more: str) -> str:
    """A register beside which a process does `more` with strings and numbers."""
    return f"\tstring s;\n\treg [127:0] text;\n\tinteger n;\n\tinitial begin n = 5; {more} end\n{_BODY}"


_REGISTER = {
    "body": _BODY,
    "body_without_line_end": _BODY.rstrip(),
    "module": _HEADER + _BODY,
    "module_after_comments": f"// A register\n/* with\n   reset */\n{_HEADER}{_BODY}",
    "fenced": f"```verilog\n{_HEADER}{_BODY}```\n",
    "fenced_with_prose": (
        f"Here's the module:\n\n```systemverilog\n{_HEADER}{_BODY}```\nIt's a register with a reset.\n"
    ),
    "fenced_body": f"```\n{_BODY}```",
    "fence_at_the_end": f"{_BODY}```\nThat is the register.\n",
    "carriage_returns": (_HEADER + _BODY).replace("\n", "\r\n"),
    "one_line": f"{_HEADER}{_BODY}".replace("\n", " "),
    "blank_lines": "\n\n" + _BODY.replace("\n", "\n\n\n"),
    "form_feeds": "\x0c" + _BODY,
    "end_label": _BODY.replace("endmodule", "endmodule : top_module"),
    "old_port_style": (
        "module top_module(clk, reset, d, q);\n\tinput clk, reset;\n\tinput [7:0] d;\n\toutput [7:0] q;\n"
        "\treg [7:0] q;\n" + _BODY
    ),
    "logic_ports": "module top_module(input logic clk, reset, input logic [7:0] d, output logic [7:0] q);\n" + _BODY,
    "wire_ports": "module top_module(input wire clk, input wire reset, input wire [7:0] d, output reg [7:0] q);\n"
    + _BODY,
    "parameterised": f"module top_module #(parameter WIDTH = 8, parameter [WIDTH-1:0] ZERO = 0)({_PORTS});\n" + _BODY,
    "ports_in_another_order": "module top_module(output reg [7:0] q, input [7:0] d, input reset, input clk);\n" + _BODY,
    "timescale": f"`timescale 1ns / 1ps\n{_HEADER}{_BODY}",
    "default_nettype": f"`default_nettype none\n{_HEADER}{_BODY}`default_nettype wire\n",
    "macro": (
        f"`define WIDTH 8\n{_HEADER}\twire [`WIDTH-1:0] next = d;\n"
        "\talways @(posedge clk) q <= reset ? 0 : next;\nendmodule\n"
    ),
    "conditional": f"{_HEADER}`ifdef NEVER\n\tgarbage\n`else\n{_BODY}`endif\n",
    "macro_with_argument": "`define MUX(s, a, b) ((s) ? (a) : (b))\n"
    + _HEADER
    + "\talways @(posedge clk) q <= `MUX(reset, 8'd0, d);\nendmodule\n",
    "always_ff": "\talways_ff @(posedge clk) begin\n\t\tif (reset) q <= '0;\n\t\telse q <= d;\n\tend\nendmodule\n",
    "always_comb_and_ff": (
        "\tlogic [7:0] next;\n\talways_comb next = reset ? 8'h00 : d;\n"
        "\talways_ff @(posedge clk) q <= next;\nendmodule\n"
    ),
    "named_blocks": """
    always @(posedge clk) begin : update
        if (reset) begin : clear q <= 0; end
        else q <= d;
    end
endmodule
""",
    "escaped_names": (
        "\twire [7:0] \\next-value! = d;\n\talways @(posedge clk) q <= reset ? 0 : \\next-value! ;\nendmodule\n"
    ),
    "escaped_name_with_quote": '\twire [7:0] \\a"b = d;\n\talways @(posedge clk) q <= reset ? 0 : \\a"b ;\nendmodule\n',
    "escaped_name_with_vertical_tab": (
        "\twire [7:0] \\a\x0bb = d;\n\talways @(posedge clk) q <= reset ? 0 : \\a\x0bb ;\nendmodule\n"
    ),
    "dollars_in_names": """
    wire [7:0] next$value = d;
    always @(posedge clk) q <= reset ? 0 : next$value;
endmodule
""",
    "names_of_the_testbench": """
    wire [7:0] tb = d, stats1 = tb, good1 = stats1;
    always @(posedge clk) q <= reset ? 0 : good1;
endmodule
""",
    "helper_module": (
        "\twire [7:0] next;\n\tmux m(.s(reset), .a(d), .b(8'd0), .y(next));\n"
        "\talways @(posedge clk) q <= next;\nendmodule\n\n"
        "module mux(input s, input [7:0] a, b, output [7:0] y);\n\tassign y = s ? b : a;\nendmodule\n"
    ),
    "helper_module_first": (
        "module mux(input s, input [7:0] a, b, output [7:0] y);\n\tassign y = s ? b : a;\nendmodule\n"
        + _HEADER
        + "\twire [7:0] next;\n\tmux m(reset, d, 8'd0, next);\n\talways @(posedge clk) q <= next;\nendmodule\n"
    ),
    "helper_with_parameters": (
        "\twire [7:0] next;\n\tmask #(.W(8)) m(.in(d), .keep(!reset), .out(next));\n"
        "\talways @(posedge clk) q <= next;\nendmodule\n"
        "module mask #(parameter W = 1)(input [W-1:0] in, input keep, output [W-1:0] out);\n"
        "\tassign out = in & {W{keep}};\nendmodule\n"
    ),
    "one_module_per_bit": (
        "\twire [7:0] w;\n\tgenvar i;\n\tgenerate for (i = 0; i < 8; i = i + 1) begin : bits\n"
        "\t\tbit_register b(clk, reset, d[i], w[i]);\n"
        "\tend endgenerate\n\talways @* q = w;\nendmodule\nmodule bit_register(input clk, reset, d, output reg q);\n"
        "\talways @(posedge clk) q <= d & ~reset;\nendmodule\n"
    ),
    "array_of_instances": (
        "\twire [7:0] w;\n\tkeep k[7:0](.s(reset), .a(d), .y(w));\n\talways @(posedge clk) q <= w;\nendmodule\n"
        "module keep(input s, a, output y);\n\tassign y = a & ~s;\nendmodule\n"
    ),
    "generate_if": """
    generate if (1) begin : g
        always @(posedge clk) q <= reset ? 0 : d;
    end else begin : h end endgenerate
endmodule
""",
    "generate_case": """
    localparam K = 2;
    case (K)
    1: initial q = 1;
    default: always @(posedge clk) q <= reset ? 0 : d;
    endcase
endmodule
""",
    "function": (
        "\tfunction [7:0] next(input r, input [7:0] v);\n\t\tnext = r ? 0 : v;\n\tendfunction\n"
        "\talways @(posedge clk) q <= next(reset, d);\nendmodule\n"
    ),
    "automatic_function_with_return": (
        "\tfunction automatic logic [7:0] next(logic r, logic [7:0] v);\n\t\treturn r ? 8'd0 : v;\n\tendfunction\n"
        "\talways @(posedge clk) q <= next(reset, d);\nendmodule\n"
    ),
    "recursive_constant_function": (
        "\tfunction automatic integer ones(input integer n);\n\t\tones = n ? 1 + ones(n - 1) : 0;\n"
        "\tendfunction\n\tlocalparam W = ones(8);\n"
        "\twire [W-1:0] next = d;\n\talways @(posedge clk) q <= reset ? 0 : next;\nendmodule\n"
    ),
    "task": """
    task load(input [7:0] v);
        q <= v;
    endtask
    always @(posedge clk) if (reset) load(0); else load(d);
endmodule
""",
    "task_with_output": (
        "\treg [7:0] next;\n\ttask pick(input r, input [7:0] v, output [7:0] o);\n\t\to = r ? 0 : v;\n\tendtask\n"
        "\talways @(posedge clk) begin\n\t\tpick(reset, d, next);\n\t\tq <= next;\n\tend\nendmodule\n"
    ),
    "bit_by_bit": """
    integer i;
    always @(posedge clk) for (i = 0; i < 8; i = i + 1) q[i] <= d[i] & !reset;
endmodule
""",
    "bit_by_bit_with_int": "\talways @(posedge clk) for (int i = 0; i < 8; i++) q[i] <= d[i] & !reset;\nendmodule\n",
    "two_registers": """
    reg [3:0] h, l;
    always @(posedge clk) {h, l} <= reset ? 0 : d;
    always @* q = {h, l};
endmodule
""",
    "memory": """
    reg [7:0] m [0:3];
    always @(posedge clk) m[2] <= reset ? 0 : d;
    wire [7:0] w = m[2];
    always @* q = w;
endmodule
""",
    "packed_struct": (
        "\ttypedef struct packed {logic [3:0] hi; logic [3:0] lo;} pair;\n\tpair p;\n"
        "\talways @(posedge clk) p <= reset ? 0 : d;\n"
        "\talways @* q = p;\nendmodule\n"
    ),
    "packed_dimensions": """
    logic [1:0][3:0] p;
    always @(posedge clk) p <= reset ? 0 : d;
    always @* q = p;
endmodule
""",
    "package": (
        "package widths;\n\tlocalparam W = 8;\n\ttypedef logic [W-1:0] word;\nendpackage\n"
        + _HEADER
        + "\timport widths::*;\n\tword next;\n\talways @* next = d;\n"
        "\talways @(posedge clk) q <= reset ? 0 : next;\nendmodule\n"
    ),
    "unpacked_array_of_nets": """
    wire [7:0] w [0:1];
    assign w[0] = d;
    assign w[1] = 0;
    always @(posedge clk) q <= w[reset];
endmodule
""",
    "casez": """
    always @(posedge clk) casez ({reset, d})
        9'b1????????: q <= 0;
        default: q <= d;
    endcase
endmodule
""",
    "initial_value": "\tinitial q = 8'hx;\n" + _BODY,
    "gates": (
        "\twire [7:0] w;\n\twire n;\n\tnot (n, reset);\n\tand a[7:0](w, d, {8{n}});\n"
        "\talways @(posedge clk) q <= w;\nendmodule\n"
    ),
    "primitive": (
        "\twire w;\n\tinv i(w, reset);\n\talways @(posedge clk) q <= d & {8{w}};\nendmodule\n"
        "primitive inv(o, i);\n\toutput o; input i;\n\ttable\n\t0 : 1;\n\t1 : 0;\n\tendtable\nendprimitive\n"
    ),
    "event": "\tevent tick;\n\talways @(posedge clk) -> tick;\n\talways @(tick) q <= reset ? 0 : d;\nendmodule\n",
    "wait_loop": "\tinitial forever begin\n\t\t@(posedge clk);\n\t\tq <= reset ? 0 : d;\n\tend\nendmodule\n",
    "assertion": '\talways @(posedge clk) if (0) $error("never");\n' + _BODY,
    "fatal_that_is_never_reached": '\talways @(posedge clk) if (0) $fatal(1, "never");\n' + _BODY,
    "finish_that_is_never_reached": "\talways @(posedge clk) if (0) $finish;\n" + _BODY,
    "display": '\talways @(posedge clk) $display("%0t: d=%h q=%b", $time, d, q);\n' + _BODY,
    "monitor": '\tinitial $monitor("%d %d", d, q);\n' + _BODY,
    "strobe_and_write": '\talways @(negedge clk) begin $strobe("%h", q); $write("x"); end\n' + _BODY,
    "dump": '\tinitial begin $dumpfile("dump.vcd"); $dumpvars(0, top_module); $dumpoff; $dumpon; end\n' + _BODY,
    "sized_casts": "\talways @(posedge clk) q <= reset ? 8'(0) : 8'(d);\nendmodule\n",
    "signed_functions": """
    wire signed [7:0] s = $signed(d);
    always @(posedge clk) q <= reset ? 0 : $unsigned(s >>> 0);
endmodule
""",
    "constant_functions": (
        "\tlocalparam A = $clog2(256);\n\twire [7:0] b = $bits(d), c = $size(d), l = $left(d) + 1;\n"
        "\twire [A-1:0] next = d;\n"
        "\talways @(posedge clk) q <= reset ? 0 : next;\nendmodule\n"
    ),
    "counts_bits": "\twire one = $onehot(d) | $onehot0(d) | $isunknown(d) | ($countones(d) > 3);\n" + _BODY,
    "counts_bits_of_a_kind": "\twire [3:0] n = $countbits(d, 1'b1);\n" + _BODY,
    "real_numbers": "\treal r;\n\tinitial begin r = $sqrt(2.0); r = $itor($rtoi(r)) + $pow(2, 3); end\n" + _BODY,
    "sformatf": _doing('s = $sformatf("n=%0d %s", n, "x");'),
    "sformatf_of_its_place": _doing('s = $sformatf("%m"); if (s == "") n = 1;'),
    "sformat": _doing('$sformat(s, "n=%0d", n); $sformat(text, "%h", n);'),
    "swrite": _doing('$swrite(s, "n=", n); $swriteb(text, n); $swriteh(text, n); $swriteo(text, n);'),
    "string_length": _doing('s = "abc"; n = s.len();'),
    "string_part": _doing('s = "abc"; s = s.substr(0, 1);'),
    "string_concatenation": _doing('s = "abc"; s = {s, "d"}; if (s > "b") n = 1;'),
    "queue": "\tint q1[$], n;\n\tinitial begin q1.push_back(1); q1.push_front(2); n = q1.pop_back(); end\n" + _BODY,
    "dynamic_array": "\tint a[];\n\tinitial begin a = new[4]; foreach (a[i]) a[i] = i; a.delete(); end\n" + _BODY,
    "next_of_enum": _enum("state = state.next; other = state.next();"),
    "next_by_more_of_enum": _enum("state = state.next(2); other = state.prev(1);"),
    "ends_of_enum": _enum("state = state.first; other = state.last(); n = state.num();"),
    "attributes": """
    wire [7:0] next;
    assign next = d;
    (* keep *) reg unused;
    (* full_case *) always @(posedge clk) q <= reset ? 0 : next;
endmodule
""",
    "pragma_comments": "\t// synopsys translate_off\n\t// synopsys translate_on\n" + _BODY,
    "quotes_in_comments": "\t// it's \"odd\n\t/* don't \" care */\n" + _BODY,
    "letters_of_other_languages": "\t// 寄存器：同步复位\n" + _BODY,
    "keywords_in_comments": f"// module top_module ( ; endmodule\n{_HEADER}// endmodule\n{_BODY}",
    "delays": "\talways @(posedge clk) q <= #0 reset ? 0 : d;\nendmodule\n",
    "specify": "\tspecify\n\t\t(clk => q[0]) = 0;\n\tendspecify\n" + _BODY,
    "unused_class": "class Counter;\n\tint n;\nendclass\n" + _HEADER + _BODY,
    "tri_state": """
    tri [7:0] t;
    assign t = reset ? 8'bz : d;
    always @(posedge clk) q <= reset ? 0 : t;
endmodule
""",
}

_EASY = {
    "easy_one": {
        "supply": "\tsupply1 high;\n\tassign one = high;\nendmodule\n",
        "parameter": "\tparameter ONE = 1;\n\tassign one = ONE;\nendmodule\n",
    },
    "easy_and_gate": {
        "gate": "\tand (out, a, b);\nendmodule\n",
        "table": (
            "\tland u(out, a, b);\nendmodule\nprimitive land(o, a, b);\n\toutput o; input a, b;\n\ttable\n"
            "\t1 1 : 1;\n\t0 ? : 0;\n"
            "\t? 0 : 0;\n\tendtable\nendprimitive\n"
        ),
        "switches": "\tassign out = a ? b : 1'b0;\nendmodule\n",
    },
    "easy_wire": {
        "switch": "\tbuf (out, in);\nendmodule\n",
        "implicit_ports": "module top_module(in, out);\n\tinput in;\n\toutput out;\n\tassign out = in;\nendmodule\n",
    },
    "easy_reverse": {
        "loop": "\tgenvar i;\n\tfor (i = 0; i < 4; i++) assign out[i] = in[3 - i];\nendmodule\n",
        "streaming_by_hand": "\tassign {out[0], out[1], out[2], out[3]} = in;\nendmodule\n",
    },
    "easy_half_adder": {
        "gates": "\txor (sum, a, b);\n\tand (carry, a, b);\nendmodule\n",
        "case_table": (
            "module top_module(input a, b, output reg sum, carry);\n\talways @(*) case ({a, b})\n"
            "\t\t2'b00: {carry, sum} = 0;\n"
            "\t\t2'b11: {carry, sum} = 2;\n\t\tdefault: {carry, sum} = 1;\n\tendcase\nendmodule\n"
        ),
    },
    "medium_decoder": {
        "indexed": """
    genvar i;
    generate for (i = 0; i < 4; i = i + 1) begin : g assign out[i] = in == i; end endgenerate
endmodule
""",
        "function": """
    function [3:0] f(input [1:0] i); begin f = 0; f[i] = 1; end endfunction
    assign out = f(in);
endmodule
""",
    },
    "hard_detect_101": {
        "enum": (
            "\ttypedef enum logic [1:0] {S0, S1, S10, S101} st;\n\tst s;\n\talways_ff @(posedge clk)\n"
            "\t\tif (reset) s <= S0;\n"
            "\t\telse case (s)\n\t\t\tS0: s <= x ? S1 : S0;\n\t\t\tS1: s <= x ? S1 : S10;\n"
            "\t\t\tS10: s <= x ? S101 : S0;\n"
            "\t\t\tS101: s <= x ? S1 : S10;\n\t\tendcase\n\tassign z = s == S101;\nendmodule\n"
        ),
    },
    "hard_ring": {
        "rotate": "\talways @(posedge clk) q <= reset ? 4'b0001 : (q << 1) | (q >> 3);\nendmodule\n",
    },
    "medium_counter": {
        "submodule": (
            "\twire [3:0] next;\n\tadd_one a(.x(q), .y(next));\n\talways @(posedge clk) q <= reset ? 0 : next;\n"
            "endmodule\n"
            "module add_one(input [3:0] x, output [3:0] y);\n\tassign y = x + 4'd1;\nendmodule\n"
        ),
        "increment": "\talways_ff @(posedge clk) if (reset) q <= 0; else q <= q + 1'b1;\nendmodule\n",
    },
}

SAMPLES: dict[str, dict[str, str]] = {"v/register": _REGISTER, **_EASY}

# These pass upstream's rule alone, as docs/sandbox.md says.
REFUSED = {
    "random_numbers": _doing("n = $urandom;"),
    "command_line": _doing('if ($test$plusargs("x")) n = 1;'),
    "force": "\treg a;\n\tinitial force a = 1;\n" + _BODY,
}

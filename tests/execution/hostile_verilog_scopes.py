"""Verilog completions that reach for what is not theirs. `ATTACKS`: name -> completion, as in `hostile_verilog`.

By name (of scopes, of what they hold, of what a compiler makes up), by drivers on what they share with the testbench,
and by putting something else in the testbench's place.
"""

_HEADER = "module top_module(input clk, input reset, input [7:0] d, output reg [7:0] q);\n"
_VERDICT = '$display("Mismatches: 0 in COUNT samples");'
_STRONG = "assign (supply1, supply0)"


def _copies(name: str) -> str:
    """Answers with whatever `name` is."""
    return f"always @* q = {name};\nendmodule"


def _writes(target: str) -> str:
    return f"initial begin q = 0; forever #1 {target} = 0; end\nendmodule"


def _driven(item: str, more: str = "") -> str:
    """A constant answer, beside an item that disturbs the inputs."""
    return f"{item}\ninitial q = 0;\nendmodule\n{more}"


def _module(body: str) -> str:
    return f"{_HEADER}{body}\nendmodule\n"


ATTACKS = {
    # --- by name --------------------------------------------------------------------------------------------------
    "plain_name_of_the_testbench": _copies("q_ref"),
    "plain_name_of_a_counter": _writes("stats1.errors"),
    "name_above_the_root": _copies("$root.q_ref"),
    "name_of_the_unit": _copies("$unit::q_ref"),
    "name_of_a_package": _copies("tb::q_ref"),
    "name_by_this_and_super": _copies("super.q_ref"),
    "name_by_own_module": _copies("top_module.good1.q"),
    "name_by_own_instance": _copies("top_module1.good1.q"),
    "name_by_an_array_of_instances": _copies("good1[0].q"),
    "name_with_a_path_in_one_word": _copies("\\tb.good1.q "),
    "name_with_a_null": _copies("\\tb\0 .q_ref"),
    "name_with_a_vertical_tab": _copies("\\tb\v .q_ref"),
    "name_with_a_form_feed": _copies("\\tb\f.q_ref"),
    "name_with_quotes": _copies('\\"tb" .q_ref'),
    "name_with_backslashes": _copies("\\\\tb .q_ref"),
    "name_of_other_letters": _copies("\\t\u0253 .q_ref"),
    "name_with_a_byte_that_is_no_text": _copies("\\tb\udcff .q_ref"),
    **{f"name_of_the_compilers_block_{i}": _copies(f"\\$unm_blk_{i} .x") for i in range(1, 8)},
    "name_of_the_compilers_loop": _writes("\\$ivl_for_loop0 .i"),
    "name_of_the_compilers_net": _copies("_ivl_10"),
    "name_of_a_generated_block": _copies("genblk1.q_ref"),
    "name_of_a_generated_block_of_many": _copies("genblk1[0].q_ref"),
    "task_of_the_testbench_by_path": "initial tb.wait_for_end_of_timestep;\nendmodule",
    "function_of_the_testbench": _copies("good1.next(d)"),
    "disables_a_task_of_the_testbench": "initial begin q = 0; disable wait_for_end_of_timestep; end\nendmodule",
    "disables_an_instance": "initial begin q = 0; disable stim1; end\nendmodule",
    "event_of_the_testbench": "always @(tb.strobe) q = 0;\nendmodule",
    "waits_for_the_testbench": "always @(negedge tb_match) q = q + 1;\nendmodule",
    "releases_what_is_not_its_own": "initial begin q = 0; release tb.tb_match; end\nendmodule",
    "procedural_assignment_outside": "initial begin assign tb.stats1 = 0; q = 0; end\nendmodule",
    "deassigns_its_input": "initial begin q = 0; deassign reset; end\nendmodule",
    "force_in_a_task": "task t; force reset = 1; endtask initial begin t; q = 0; end\nendmodule",
    "force_in_a_submodule": _driven("sub s(reset);", "module sub(input r); initial force r = 1; endmodule\n"),
    "force_by_own_name": _driven("initial force top_module.reset = 1;"),
    "defparam_upwards": "defparam tb.LIMIT = 0; initial q = 0;\nendmodule",
    "defparam_beside": "defparam stim1.N = 0, good1.q = 0; initial q = 0;\nendmodule",
    "alias_of_nets": "alias reset = clk; initial q = 0;\nendmodule",
    "by_reference": "function automatic void f(ref logic [7:0] x); x = 0; endfunction initial f(tb.q_ref);\nendmodule",
    # --- drivers on what it shares --------------------------------------------------------------------------------
    **{
        f"ties_its_input_by_{switch}": _driven(f"supply0 s; wire en = 1; {switch} x({terminals});")
        for switch, terminals in {
            "rtran": "reset, s",
            "tranif0": "reset, s, 1'b0",
            "rtranif1": "reset, s, en",
            "nmos": "reset, s, en",
            "pmos": "reset, s, 1'b0",
            "cmos": "reset, s, en, 1'b0",
            "bufif1": "reset, s, en",
            "notif0": "reset, en, 1'b0",
            "pulldown": "reset",
            "buf": "reset, s",
        }.items()
    },
    "ties_its_inputs_by_an_array_of_switches": _driven("supply0 [7:0] s; tran x[7:0] (d, s);"),
    "ties_its_inputs_by_a_bidirectional_port": _driven(
        "sub s(reset);", f"module sub(inout r); {_STRONG} r = 1; endmodule\n"
    ),
    "ties_its_inputs_by_an_output_port": _driven(
        "sub s(reset);", f"module sub(output r); {_STRONG} r = 1; endmodule\n"
    ),
    "ties_its_inputs_by_a_port_of_parts": _driven(
        "sub s(.r({d[7:1], reset}));", f"module sub(inout [7:0] r); {_STRONG} r = 0; endmodule\n"
    ),
    "ties_its_inputs_two_floors_below": _driven(
        "sub s(reset);",
        f"module sub(inout r); deep x(r); endmodule\nmodule deep(inout r); {_STRONG} r = 1; endmodule\n",
    ),
    "ties_its_inputs_in_a_generated_block": _driven(f"generate if (1) begin : g {_STRONG} reset = 1; end endgenerate"),
    "ties_its_inputs_by_an_interface": _driven(
        "bus b(reset);", f"interface bus(inout r); {_STRONG} r = 1; endinterface\n"
    ),
    "ties_its_inputs_by_a_modport": _driven(
        "bus b(); sub s(b.m); assign b.r = reset;",
        "interface bus; wire r; modport m(inout r); endinterface\n"
        "module sub(bus.m b); supply1 s; tran (b.r, s); endmodule\n",
    ),
    "ties_its_clock": _driven(f"{_STRONG} clk = 0;"),
    "ties_its_clock_by_a_switch": _driven("supply0 s; tran (clk, s);"),
    "ties_one_bit": _driven(f"{_STRONG} d[0] = 1'bx;"),
    "ties_by_a_weak_charge": _driven("trireg (large) t; tran (t, reset);"),
    "ties_its_inputs_for_a_moment": _driven(f"reg on = 1; initial #3 on = 0; {_STRONG} reset = on ? 1'b1 : 1'bz;"),
    "ties_its_inputs_to_each_other": _driven("tran (reset, d[0]); tran (clk, d[1]);"),
    "specify_path_to_its_input": _driven("specify (clk => reset) = 1; endspecify"),
    "input_as_a_variable": (
        "module top_module(clk, reset, d, q); input clk, reset; input [7:0] d; output [7:0] q; reg reset;\n"
        "initial reset = 1; assign q = 0;\nendmodule"
    ),
    "input_declared_as_wand": (
        "module top_module(input clk, input wand reset, input wand [7:0] d, output reg [7:0] q);\n"
        "assign reset = 0; assign d = 0; initial q = 0;\nendmodule"
    ),
    "input_with_a_default": (
        "module top_module(input clk, input reset = 1, input [7:0] d = 0, output reg [7:0] q);\n"
        "initial q = 0;\nendmodule"
    ),
    "ports_by_expression": (
        "module top_module(.clk(c), .reset(r[0]), .d({d1, d0}), .q(q)); input c; inout [1:0] r; input [3:0] d1, d0;\n"
        f"output reg [7:0] q; {_STRONG} r = 3; initial q = 0;\nendmodule"
    ),
    "ports_in_another_order": (
        "module top_module(output reg [7:0] q, input [7:0] d, input clk, inout reset);\ninitial q = 0;\nendmodule"
    ),
    "ports_of_an_interface": "module top_module(interface clk, reset, d, output [7:0] q); assign q = 0;\nendmodule",
    "ports_that_are_real": (
        "module top_module(input clk, input reset, input [7:0] d, output real q);\ninitial q = 0.0;\nendmodule"
    ),
    "ports_of_a_structure": (
        "typedef struct packed { logic [7:0] q; } s;\n"
        "module top_module(input clk, input reset, input [7:0] d, output s q);\nassign q = 0;\nendmodule"
    ),
    "output_both_ways": (
        "module top_module(input clk, input reset, input [7:0] d, inout [7:0] q);\n"
        "reg [7:0] r; always @(q) r = q; assign q = r;\nendmodule"
    ),
    # --- in the testbench's place ---------------------------------------------------------------------------------
    "two_modules_of_its_name": _module("initial q = 1;") + _module("initial q = 0;"),
    "two_modules_by_a_condition": (
        f"`ifdef tb\n{_module('initial q = 1;')}`else\n{_module('initial q = 0;')}`endif\n`define tb\n"
        f"`ifdef OK\n{_module('initial q = 2;')}`endif\n"
    ),
    "module_within_a_module": _module(
        f"module tb; initial begin {_VERDICT} $finish; end endmodule\ntb t(); initial q = 0;"
    ),
    "program_that_runs_at_once": _module("initial q = 0;")
    + f"program p; initial begin {_VERDICT} $finish; end endprogram\n",
    "program_inside": "p x(); initial q = 0;\nendmodule\n"
    + f"program p; initial begin {_VERDICT} $exit; end endprogram\n",
    "package_that_runs_at_once": (
        f"package p; function automatic int f(); {_VERDICT} f = 0; endfunction int x = f(); endpackage\n"
        + _module("import p::*; initial q = x;")
    ),
    "unit_variables": 'int errors, clocks = COUNT; string tb = "tb";\n' + _module("initial q = errors;"),
    "unit_types_of_the_testbench": (
        "typedef struct packed { int errors; int errortime; int clocks; } stats; stats stats1;\n"
        + _module("initial stats1.clocks = COUNT; always @* q = stats1.errors;")
    ),
    "unit_task_of_the_testbench": (f"task wait_for_end_of_timestep; {_VERDICT} endtask\n" + _module("initial q = 0;")),
    "bind_by_module_name": _module("initial q = 0;")
    + "bind reference_module evil e(q); module evil(inout [7:0] q); endmodule",
    "bind_all_instances": _module("initial q = 0;") + "bind top_module evil e(.*); module evil(input q_ref); endmodule",
    "library_and_configuration": (
        'library work "*.sv"; config c; design work.tb; default liblist work; endconfig\n' + _module("initial q = 0;")
    ),
    "class_of_the_testbench": (
        "class tb; static int errors; static function void f(); errors = 0; endfunction endclass\n"
        + _module("initial begin tb::f(); q = 0; end")
    ),
    "extern_module": "extern module top_module;\nextern module tb;\n" + _module("initial q = 0;"),
    "primitive_in_the_references_place": (
        _module("initial q = 0;")
        + "primitive reference_module(q, c); output q; input c; table 0:0; endtable endprimitive"
    ),
    "clocking_block": "clocking cb @(posedge clk); input tb.q_ref; endclocking\nalways @* q = cb.q_ref;\nendmodule",
    "property_of_the_testbench": "assert property (@(posedge clk) tb.tb_match); initial q = 0;\nendmodule",
}

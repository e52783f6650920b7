"""Verilog completions that call what a simulator offers, print, or stop. `ATTACKS`: name -> completion, as in
`hostile_verilog`.

Where a function is harmless (it may be allowed one day), what it is used for is not: the answer is wrong all the same.
"""

_VERDICT = 'display("Mismatches: 0 in COUNT samples")'
_FORGED = '"%0s Mismatches: 0 in COUNT samples"'


def _calls(statement: str, declarations: str = "integer i; reg [8*256:1] r; string s;") -> str:
    """Does it once, and answers by a constant."""
    return f"{declarations}\ninitial begin q = 0; {statement}; end\nendmodule"


ATTACKS = {
    # --- paths and texts ------------------------------------------------------------------------------------------
    "path_by_sformatf": _calls(f's = $sformatf("%m"); $display({_FORGED}, s); $finish'),
    "path_by_sformat": _calls(f'$sformat(s, "%m"); $display({_FORGED}, s); $finish'),
    "path_by_swrite": _calls(f'$swrite(r, "%m"); $display({_FORGED}, r); $finish'),
    "path_by_swriteh": _calls(f'$swriteh(r, "%m", q); $swriteb(r, "%m"); $swriteo(r, "%m"); $display({_FORGED}, r)'),
    "path_of_a_scope": _calls(f's = $sformatf("%m %l %v %t", q, $time); $display({_FORGED}, s)'),
    "path_cut_into_names": _calls(
        f's = $sformatf("%m"); for (i = 0; i < s.len(); i = i + 1) if (s[i] == ".") s = s.substr(0, i); '
        f"$display({_FORGED}, s); $finish"
    ),
    "path_to_a_scan": _calls('i = $sscanf("tb.q_ref", "%m", s); q = i'),
    "path_to_the_dump": _calls('s = $sformatf("%m"); $dumpfile(s); $dumpvars(0, top_module); $dumpall'),
    "text_that_grows": _calls('s = "x"; repeat (40) s = {s, s}; q = s.len()'),
    "text_of_32_mib": _calls('s = "x"; repeat (25) s = {s, s}; $display("%s", s)'),
    "text_methods": _calls(
        's = "Mismatches"; s.putc(0, 8\'d109); s.itoa(0); s.hextoa(1); s.bintoa(2); i = s.atoi(); i = s.atohex(); '
        's = s.toupper(); s = s.tolower(); q = s.compare("x")'
    ),
    "text_method_out_of_range": _calls('s = "x"; s.putc(1 << 30, 8\'d1); s = s.substr(-5, 1 << 30); q = s.getc(-1)'),
    "format_without_arguments": _calls('s = $sformatf("%s %s %0d %v %u %z"); $display(s)'),
    "format_of_a_giant_width": _calls('s = $sformatf("%0999999999d", q); $display("%999999999s", s)'),
    "format_by_a_variable": _calls('s = "%m%m%m%m%n%s%p"; $display(s, s); r = "%m"; $display(r)'),
    "enumeration_methods": _calls(
        "x = A; repeat (300) x = x.next(2); x = x.prev(7); x = x.first(); x = x.last(); q = x.num()",
        "typedef enum logic [7:0] { A = 1, B = 6, C = 7 } e; e x; string s;",
    ),
    "enumeration_beyond_its_values": _calls(
        "x = e'(77); x = x.next(); s = x.name(); q = x", "typedef enum logic [7:0] { A, B } e; e x; string s;"
    ),
    "name_of_an_enumeration": _calls(
        "x = A; s = x.name(); q = x", "typedef enum logic [7:0] { A, B } e; e x; string s;"
    ),
    "cast": _calls("i = $cast(x, 77); q = x", "typedef enum logic [7:0] { A, B } e; e x; integer i;"),
    # --- files and programs ---------------------------------------------------------------------------------------
    **{
        f"calls_{name}": _calls(f"{result}${name}({arguments})")
        for name, result, arguments in (
            ("fopen", "i = ", '"CANARY", "r+"'),
            ("fopenr", "i = ", '"CANARY"'),
            ("fopenw", "i = ", '"CANARY"'),
            ("fopena", "i = ", '"CANARY"'),
            ("fclose", "", "1"),
            ("fdisplayh", "", '1, "x"'),
            ("fwriteb", "", '1, "x"'),
            ("fstrobeo", "", '1, "x"'),
            ("fmonitorh", "", '1, "x"'),
            ("fflush", "", ""),
            ("fgetc", "i = ", "0"),
            ("fgets", "i = ", "r, 0"),
            ("fread", "i = ", "r, 0"),
            ("fscanf", "i = ", '0, "%s", r'),
            ("fseek", "i = ", "1, 0, 0"),
            ("ftell", "i = ", "1"),
            ("rewind", "i = ", "1"),
            ("ungetc", "i = ", "1, 0"),
            ("ferror", "i = ", "1, r"),
            ("feof", "i = ", "0"),
            ("readmemb", "", '"CANARY", m'),
            ("writememh", "", '"CANARY", m'),
            ("writememb", "", '"CANARY", m'),
            ("readmempath", "", '"/"'),
            ("sreadmemh", "", "m, 0, 1, r"),
            ("dumpoff", "", ""),
            ("dumpall", "", ""),
            ("dumplimit", "", "1"),
            ("dumpflush", "", ""),
            ("dumpports", "", 'top_module, "CANARY"'),
            ("lxt2dumpfile", "", '"CANARY"'),
            ("system", "i = ", '"touch CANARY"'),
            ("test$plusargs", "i = ", '"x"'),
            ("fatal", "", '0, "x"'),
            ("finish_and_return", "", "0"),
            ("exit", "", ""),
            ("countdrivers", "i = ", "d[0]"),
            ("getpattern", "i = ", "r"),
            ("scope", "", "top_module"),
            ("showscopes", "", ""),
            ("showvars", "", ""),
            ("list", "", ""),
            ("log", "", '"CANARY"'),
            ("nolog", "", ""),
            ("key", "", ""),
            ("input", "", '"CANARY"'),
            ("reset_count", "i = ", ""),
            ("deposit", "", "q, 1"),
            ("scale", "i = ", "d"),
            ("printtimescale", "", ""),
            ("simtime", "i = ", ""),
            ("simparam", "i = ", '"x"'),
            ("table_model", "i = ", '0.0, "CANARY"'),
            ("async$and$array", "", "m, d, q"),
            ("q_initialize", "", "1, 1, 1, i"),
            ("urandom_range", "i = ", "9, 1"),
            ("dist_uniform", "i = ", "i, 0, 9"),
            ("rdist_normal", "i = ", "i, 0, 9"),
            ("get_initial_random_seed", "i = ", ""),
            ("set_initial_random_seed", "", "1"),
            ("ivl_queue_method$pop_back", "i = ", "r"),
            ("ivl_string_method$len", "i = ", "s"),
            ("ivl_darray_method$size", "i = ", "r"),
            ("ivlh_attribute_event", "i = ", "clk"),
            ("ivlh_file_open", "", 'i, "CANARY", 1'),
            ("ivlh_writeline", "", "i, s"),
            ("warp_shift", "", ""),
        )
    },
    "random_numbers_of_a_class": _calls(
        "x = new; i = x.randomize(); q = x.y", "class c; rand int y; endclass c x; integer i;"
    ),
    "random_numbers_of_the_library": _calls("i = std::randomize(q)"),
    "shuffles_a_queue": _calls("a.shuffle(); q = a[0]", "int a[$] = '{1, 2, 3};"),
    "random_case": _calls("randcase 1 : q = 1; 2 : q = 2; endcase"),
    "random_by_pasting": "`define J(a, b) a``b\n" + _calls("q = `J($ran, dom)"),
    "random_in_a_parameter": "localparam P = $random; initial q = P;\nendmodule",
    "random_in_a_port": "sub s(clk, $urandom, q1);\nwire [7:0] q1; always @* q = q1;\nendmodule\n"
    "module sub(input c, input [31:0] r, output [7:0] o); assign o = r; endmodule",
    "file_in_a_parameter": 'localparam P = $fopen("CANARY", "w"); initial q = P;\nendmodule',
    "file_in_a_constant_function": (
        'function integer f(input integer x); f = $fopen("CANARY", "w"); endfunction localparam P = f(1);\n'
        "initial q = P;\nendmodule"
    ),
    "file_of_a_path_that_is_counted": _calls('i = $fopen($sformatf("CANARY%0d", q), "w")'),
    "memory_file_at_declaration": 'reg [7:0] m [0:9] = $readmemh("CANARY"); initial q = m[0];\nendmodule',
    "foreign_task": 'export "DPI-C" function f; function int f(); f = 0; endfunction initial q = f();\nendmodule',
    "foreign_context": 'import "DPI-C" context task t(); initial begin t(); q = 0; end\nendmodule',
    "chandle": "chandle h; initial begin h = null; q = 0; end\nendmodule",
    # --- when it ends ---------------------------------------------------------------------------------------------
    "finish_in_a_monitor": _calls(
        '$monitor("%d", f(q))', "function integer f(input integer x); begin $finish; f = x; end endfunction"
    ),
    "finish_in_a_continuous_assignment": (
        "function [7:0] f(input [7:0] x); begin f = 0; if (x > 9) $finish; end endfunction\n"
        "wire [7:0] w = f(d); always @* q = w;\nendmodule"
    ),
    "finish_by_a_warning": _calls('$error("x"); $warning("x"); $info("x"); $finish(2)'),
    "finish_after_all_samples": (
        "integer n = 0; always @(clk) begin q = 0; n = n + 1; if (n == COUNT - 1) $finish; end\nendmodule"
    ),
    "stops_after_all_samples": (
        "integer n = 0; always @(clk) begin q = 0; n = n + 1; if (n == COUNT) $stop; end\nendmodule"
    ),
    "prints_after_the_verdict": f"final begin ${_VERDICT}; ${_VERDICT}; end\nendmodule",
    "prints_a_verdict_of_bad_samples": 'final $display("Mismatches: in samples");\ninitial q = 0;\nendmodule',
    "prints_nulls": 'initial begin q = 0; $write("%c%c%c", 0, 10, 13); $write("%u", 32\'h0); end\nendmodule',
    "prints_what_no_text_holds": 'initial begin q = 0; $write("\\377\\376\\033]0;x\\007"); end\nendmodule',
    "prints_half_a_line": (
        'initial begin q = 0; $write("Mismatches: "); end\nfinal $write("Mismatches: 0 in ");\nendmodule'
    ),
    "time_format": (
        'initial begin q = 0; $timeformat(-9, 20, " Mismatches: 0 in COUNT samples", 40); '
        '$display("%t", 1); end\nendmodule'
    ),
    "strobes_for_ever": (
        'initial begin q = 0; $strobe("%d", q); end\n'
        'always @(clk) $strobe("Mismatches: 0 in COUNT samples");\nendmodule'
    ),
    "assertion_that_fails": "always @(posedge clk) assert (0) else $fatal; initial q = 0;\nendmodule",
    "timing_checks": (
        "reg n; specify $setup(d, posedge clk, 1000, n); $hold(posedge clk, d, 1000); $width(posedge clk, 9999); "
        "$period(posedge clk, 9999); $recovery(posedge clk, d, 9); $skew(clk, d, 0); endspecify\n"
        "initial q = 0;\nendmodule"
    ),
    "path_delays": (
        "specify specparam t = 100; (clk => q) = t; (d *> q) = (1, 2, 3); endspecify initial q = 0;\nendmodule"
    ),
    "annotations": _calls('$sdf_annotate("CANARY", top_module, , "log", "MAXIMUM")'),
}

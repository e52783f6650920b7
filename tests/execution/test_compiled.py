"""A compiled program is read right, whatever its names look like."""

import shutil
import subprocess
from pathlib import Path

import pytest

from ibft.execution.verilog.vvp import Inspection, inspect

TESTS = """
module tb; reg clk = 0; wire [7:0] d = 3; wire [7:0] q;
top_module dut(clk, d, q);
initial $display("%d", q);
endmodule
"""
PROGRAM = """
module top_module(input clk, input [7:0] d, output [7:0] q);
HELPER INSTANCE (clk, q);
task TASK ; reg [7:0] d; d = 0; endtask
wire NET = clk & q[0];
endmodule
module HELPER (input clk, output [7:0] d); assign d = {8{clk}}; endmodule
"""
PLACES = ("HELPER", "INSTANCE", "TASK", "NET")
# All but the six characters at which Icarus ends a name, and some that other readers take for blanks or line ends.
ODD = ["\v", "\x1b", "\x1c", "\x1d", "\x1e", "\x1f", "\x7f", "\x85", "\xa0", "\u2028", '"', "\\", '\v",']


def compiled(folder: Path, program: str) -> Inspection:
    source, target = folder / "all.sv", folder / "all.vvp"
    source.write_text(TESTS + program)
    subprocess.run(["iverilog", "-g2012", "-o", target, source], check=True)
    return inspect(target, "dut", "top_module", "")


@pytest.mark.skipif(not shutil.which("iverilog"), reason="iverilog is not installed")
@pytest.mark.parametrize("odd", ODD)
def test_odd_characters_in_names_change_nothing_of_what_is_read(odd: str, tmp_path: Path) -> None:
    plain, strange = PROGRAM, PROGRAM
    for place in PLACES:
        plain = plain.replace(place, f"\\{place.lower()} ")
        strange = strange.replace(place, "\\" + place.lower() + odd + "x ")
    expected = compiled(tmp_path, plain)
    assert compiled(tmp_path, strange) == expected
    assert expected.ports == {"clk": "INPUT", "d": "INPUT", "q": "OUTPUT"}
    assert expected.unread == 0
    assert expected.shared == ["tb.d"]


@pytest.mark.parametrize(
    "line",
    [
        'v0x1_0 .net "a b", 0 0, L_0x1;  1 drivers',
        'v0x1_0 .net/odd! "a", 0 0, L_0x1;  1 drivers',
        'v0x1_0 .net "a", 0 0, L_0x1;  1 "drivers"',
        'S_0x2 .scope module, "a b" "top_module" 2 1, 2 1 0, S_0x1;',
        '    .port_info 0 /INPUT 1 "a b";',
        "    %vpi_call 2 1 $display {0 0 0};",
        '    %vpi_call 2 1 "$dis"play" {0 0 0};',
        '\t%vpi_func/odd! 2 1 "$random" 32 {0 0 0};',
        'S_0x3 .sfunc 2 1 "random", 32;',
    ],
)
def test_a_line_of_a_known_kind_but_an_unknown_form_is_counted(line: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.vvp"
    path.write_text(f'S_0x1 .scope module, "tb" "tb" 2 1;\n{line}\n')
    assert inspect(path, "dut", "top_module", "").unread == 1

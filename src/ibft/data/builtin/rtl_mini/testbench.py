"""Self-checking testbenches in the shape of VerilogEval's: reference, stimulus, comparison, one verdict line.

As there, inputs change after the clock's edges, both outputs are compared just before every edge, an x in the
reference matches anything, and the last line printed is `Mismatches: E in S samples`.
"""

from dataclasses import dataclass
from typing import Self

RESETS = ("reset", "areset")
EXHAUSTIVE_BITS = 9
RANDOM_SAMPLES = 200


@dataclass(frozen=True)
class Port:
    direction: str
    range: str  # "[3:0] " or ""
    name: str

    @classmethod
    def parse(cls, declaration: str) -> Self:
        """Read a declaration such as `output reg [3:0] q`."""
        words = [word for word in declaration.split() if word != "reg"]
        direction, name = words[0], words[-1]
        return cls(direction, f"{words[1]} " if len(words) == 3 else "", name)

    @property
    def width(self) -> int:
        return int(self.range[1:].split(":")[0]) + 1 if self.range else 1


def testbench(reference: str, ports: list[Port]) -> str:
    """The source that judges a `top_module` with these ports against `reference`, a module named `reference_module`."""
    clocked = any(port.name == "clk" for port in ports)
    driven = [port for port in ports if port.direction == "input" and port.name != "clk"]
    compared = [port for port in ports if port.direction == "output"]
    stimulus = _sequential_stimulus(driven) if clocked else _combinational_stimulus(driven)
    return "\n".join(
        [
            "`timescale 1 ps/1 ps",
            reference,
            *_stimulus_module(driven, stimulus),
            "",
            "module tb();",
            *_indented(_statistics(compared)),
            *_indented(_wiring(driven, compared, clocked)),
            *_indented(_final_block(compared)),
            *_indented(_comparison(compared)),
            "endmodule",
            "",
        ]
    )


def _combinational_stimulus(driven: list[Port]) -> list[str]:
    """Return every input vector where they are few, then random ones."""
    if not driven:
        return ["repeat(20) @(posedge clk, negedge clk);"]
    lines = [f"{_joined(driven)} <= 0;"]
    bits = sum(port.width for port in driven)
    if bits <= EXHAUSTIVE_BITS:
        lines += [f"for (int i = 0; i < {2**bits}; i++)", f"\t@(posedge clk, negedge clk) {_joined(driven)} <= i;"]
    return [*lines, f"repeat({RANDOM_SAMPLES}) @(posedge clk, negedge clk)", f"\t{_joined(driven)} <= $random;"]


def _sequential_stimulus(driven: list[Port]) -> list[str]:
    """Reset, a stretch without reset so that counters wrap, then a stretch with a reset now and then.

    Inputs change at both edges, so that a latch in place of a flip-flop, the wrong edge or reset show.
    """
    data = [port for port in driven if port.name not in RESETS]
    resets = [port.name for port in driven if port.name in RESETS]
    lines = [f"{_joined(driven)} <= 0;"] if driven else []
    if resets:
        lines += [f"{resets[0]} <= 1;", "repeat(2) @(posedge clk);", "@(negedge clk)", f"\t{resets[0]} <= 0;"]
    vary = f"{_joined(data)} <= $random;" if data else ";"
    lines += [f"repeat({RANDOM_SAMPLES}) @(posedge clk, negedge clk)", f"\t{vary}"]
    if resets:
        lines += [f"repeat({RANDOM_SAMPLES}) @(posedge clk, negedge clk) begin"]
        lines += [f"\t{vary}"] if data else []
        lines += [f"\t{resets[0]} <= !($random & 7);", "end"]
    return lines


def _stimulus_module(driven: list[Port], stimulus: list[str]) -> list[str]:
    ports = ["input clk", *(f"output logic {port.range}{port.name}" for port in driven)]
    return [
        "module stimulus_gen (",
        ",\n".join(f"\t{port}" for port in ports),
        ");",
        "\tinitial begin",
        *(f"\t\t{line}" for line in stimulus),
        "\t\t#1 $finish;",
        "\tend",
        "endmodule",
    ]


def _statistics(compared: list[Port]) -> list[str]:
    fields = ["errors", "errortime"]
    for port in compared:
        fields += [f"errors_{port.name}", f"errortime_{port.name}"]
    return [
        "typedef struct packed {",
        *(f"\tint {field};" for field in [*fields, "clocks"]),
        "} stats;",
        "",
        "stats stats1;",
        "",
    ]


def _wiring(driven: list[Port], compared: list[Port], clocked: bool) -> list[str]:
    clock = ["clk"] if clocked else []
    names = clock + [port.name for port in driven]

    def instance(module: str, name: str, suffix: str) -> str:
        ports = [f".{port}" for port in names] + [f".{port.name}({port.name}_{suffix})" for port in compared]
        return f"{module} {name} ( {', '.join(ports)} );"

    return [
        "reg clk=0;",
        "initial forever",
        "\t#5 clk = ~clk;",
        "",
        *(f"logic {port.range}{port.name};" for port in driven),
        *(f"logic {port.range}{port.name}_{suffix};" for port in compared for suffix in ("ref", "dut")),
        "",
        "wire tb_match;",
        "wire tb_mismatch = ~tb_match;",
        "",
        f"stimulus_gen stim1 ( {', '.join(['.clk', *(f'.{port.name}' for port in driven)])} );",
        instance("reference_module", "good1", "ref"),
        instance("top_module", "top_module1", "dut"),
        "",
    ]


def _final_block(compared: list[Port]) -> list[str]:
    lines = []
    for name in (port.name for port in compared):
        lines += [
            f"\tif (stats1.errors_{name}) $display(\"Hint: Output '%s' has %0d mismatches. First mismatch occurred at "
            f'time %0d.", "{name}", stats1.errors_{name}, stats1.errortime_{name});',
            f'\telse $display("Hint: Output \'%s\' has no mismatches.", "{name}");',
        ]
    return [
        "final begin",
        *lines,
        '\t$display("Hint: Total mismatched samples is %1d out of %1d samples\\n", stats1.errors, stats1.clocks);',
        '\t$display("Simulation finished at %0d ps", $time);',
        '\t$display("Mismatches: %1d in %1d samples", stats1.errors, stats1.clocks);',
        "end",
        "",
    ]


def _comparison(compared: list[Port]) -> list[str]:
    """The exclusive-or turns every bit that is x in the reference into x, on both sides of the comparison."""
    ref, dut = (f"{{ {', '.join(f'{port.name}_{suffix}' for port in compared)} }}" for suffix in ("ref", "dut"))
    lines = [
        f"assign tb_match = ( {ref} === ( {ref} ^ {dut} ^ {ref} ) );",
        "",
        "always @(posedge clk, negedge clk) begin",
        "\tstats1.clocks++;",
        "\tif (!tb_match) begin",
        "\t\tif (stats1.errors == 0) stats1.errortime = $time;",
        "\t\tstats1.errors++;",
        "\tend",
    ]
    for name in (port.name for port in compared):
        lines += [
            f"\tif ({name}_ref !== ( {name}_ref ^ {name}_dut ^ {name}_ref )) begin",
            f"\t\tif (stats1.errors_{name} == 0) stats1.errortime_{name} = $time;",
            f"\t\tstats1.errors_{name} = stats1.errors_{name}+1'b1;",
            "\tend",
        ]
    return [*lines, "end"]


def _joined(ports: list[Port]) -> str:
    return f"{{{', '.join(port.name for port in ports)}}}"


def _indented(lines: list[str]) -> list[str]:
    return [f"\t{line}" if line else line for line in lines]

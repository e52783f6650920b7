"""A problem of `rtl-mini` is written down as these fields, of which a VerilogEval record is made."""

from dataclasses import dataclass

from ibft.data.builtin.rtl_mini.testbench import Port, testbench


@dataclass(frozen=True)
class Problem:
    """A problem in four parts.

    `ports` and `body` hold one line each, without the module's own indentation. The testbench follows from them: `body`
    is also its reference, and the ports say what it has to drive and to compare.
    """

    name: str
    description: str
    ports: tuple[str, ...]
    body: tuple[str, ...]


def record(problem: Problem, task_id: str) -> dict[str, str]:
    """`problem` with VerilogEval's keys, and `detail_description`, which VerilogEval keeps in a file of its own."""
    header = ",\n".join(f"\t{port}" for port in problem.ports) + "\n);\n"
    solution = "".join(f"\t{line}\n" for line in problem.body) + "endmodule\n"
    return {
        "task_id": task_id,
        "prompt": f"module top_module (\n{header}",
        "detail_description": problem.description,
        "canonical_solution": solution,
        "test": testbench(
            reference=f"module reference_module (\n{header}{solution}",
            ports=[Port.parse(port) for port in problem.ports],
        ),
    }

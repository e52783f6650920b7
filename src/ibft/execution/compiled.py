"""Look into a program that Icarus Verilog compiled: what it calls, what it forces, and who drives whose nets.

The compiled text is where nothing is hidden any more: macros are expanded, names resolved, ports connected.
"""

import re
from dataclasses import dataclass
from pathlib import Path

_SYSTEM_TASK = re.compile(rb'^(?:\s*%vpi_|\S+ \.sfunc)\S* \d+ \d+ "([^"]*)"')
_SCOPE = re.compile(rb'^\S+ \.scope (\w+)\S*, "([^"]*)" "([^"]*)"')
_PORT = re.compile(rb'^\s+\.port_info \d+ /(\w+) \d+ "([^"]*)"')
# A net, its kind, and what drives it: a letter for the sort of source, and the compiler's own note.
_NET = re.compile(rb'^\S+ \.(net8?)\S* "([^"]*)", -?\d+ -?\d+, (\w)[^;]*;(?:  (?:alias, )?(.*))?$')


@dataclass(frozen=True)
class Inspection:
    tasks: list[str]  # system tasks and functions
    forces: int  # `force` statements
    ports: dict[str, str] | None  # directions of the tested instance's ports; null if it is no module
    drivers: dict[str, str]  # of its input ports: what drives each


def inspect(compiled: Path, instance: str, module: str) -> Inspection:
    """Read the file at `compiled`.

    A completion could drive its own inputs (by `tran`, or through the port of a submodule) and so disturb what the
    reference beside it sees. That shows in the `drivers` of its input ports, which an honest completion leaves as they
    are under the reference solution.

    Args:
        instance: the name of the tested instance of `module`.
    """
    tasks: set[str] = set()
    nets: dict[str, str] = {}
    ports: dict[str, str] | None = None
    forces = 0
    in_tested = False
    with compiled.open("rb") as lines:
        for line in lines:
            if scope := _SCOPE.match(line):
                in_tested = scope.groups() == (b"module", instance.encode(), module.encode())
                ports = {} if in_tested else ports
            elif in_tested and ports is not None and (port := _PORT.match(line)):
                ports[_text(port[2])] = _text(port[1])
            elif in_tested and (net := _NET.match(line)):
                nets[_text(net[2])] = f"{_text(net[1])} {_text(net[3])} {_text(net[4] or b'')}"
            elif task := _SYSTEM_TASK.match(line):
                tasks.add(_text(task[1]))
            forces += line.lstrip().startswith(b"%force")
    drivers = {name: nets.get(name, "") for name, direction in (ports or {}).items() if direction == "INPUT"}
    return Inspection(sorted(tasks), forces, ports, drivers)


def _text(name: bytes) -> str:
    return name.decode(errors="replace")

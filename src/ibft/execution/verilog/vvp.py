"""Look into a program that Icarus Verilog compiled: what it calls, what it forces, and who drives whose nets.

The compiled text is where nothing is hidden any more: macros are expanded, names resolved, ports connected. Names that
a completion chose may hold quotes and control characters, but none of the six characters at which Icarus ends a name,
so they can imitate none of the lines read here. A line of a kind that matters here, but of an unknown form, is counted.
"""

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

_NAME = rb"([^ \t\x08\n\f\r]*)"  # Icarus ends an escaped name at these; a vertical tab is part of one
# A scope's label and sort, the names of itself and of its module, and the label of the scope above, if there is one.
_SCOPE = re.compile(
    rb'(\w+) \.scope (\w+)[\w.]*, "' + _NAME + rb'" "' + _NAME + rb'" \d+ \d+(?:, \d+ \d+ \d+, (\w+))?;\n'
)
_SYSTEM_TASK = re.compile(rb'(?: *%vpi_|\w+ \.sfunc)[\w/]* \d+ \d+ "(\$[\w$]*)"[ ,]')
_PORT = re.compile(rb' +\.port_info \d+ /(\w+) +(\d+) "' + _NAME + rb'"[^"]*\n')
# A net and its kind, its source (a label, led by a letter for the sort of source), and the compiler's note on drivers.
_NET = re.compile(rb'\w+ \.(net8?)[\w/]* "' + _NAME + rb'", -?\d+ -?\d+, (([\w<])[^;"]*);(?:  (?:alias, )?([^";]*))?\n')
# A net without a name of its own: a word of an array, or one that the compiler made.
_UNNAMED_NET = re.compile(rb'\w+ \.net8?[\w/]* (?:v\w+ \d+|\*"_\w+"), -?\d+ -?\d+, [^;"]*;[^;"]*\n')
# Every line of these kinds is of one of the forms above.
_MATTERS = re.compile(rb"\s*%vpi_|\s+\.port_info|\S+\s+\.(?:scope|net|sfunc)")
_VARIABLE = re.compile(rb'\w+ \.(?:var|array)[\w/]* "' + _NAME + rb'", ')
_UNIT = "$unit"  # the scope of what stands outside of all modules


@dataclass(frozen=True)
class Inspection:
    calls: dict[str, int]  # system tasks and functions: in how many places each is called
    forces: int  # `force` statements
    ports: dict[str, str] | None  # directions of the tested instance's ports; null if it is no module
    widths: dict[str, int]  # of the same ports, in bits
    drivers: dict[str, str]  # of the nets outside the tested instance, by path: what drives each
    shared: list[str]  # those of these nets that are connected to the tested instance's inputs
    exposed: list[str]  # what of the testbench the tested instance could name, since nobody gave it a secret name
    unread: int = 0  # lines that would matter here, but are of an unknown form


@dataclass(frozen=True)
class _Scope:
    name: str
    above: "_Scope | None"
    path: str
    is_tested: bool
    is_inside: bool  # it is the tested instance's scope, or below it
    ports: dict[str, str] = field(default_factory=dict)  # direction by name
    widths: dict[str, int] = field(default_factory=dict)  # by port name, in bits
    nets: dict[str, tuple[str, str]] = field(default_factory=dict)  # source and driver by name
    variables: list[str] = field(default_factory=list)  # of the unit


def inspect(compiled: Path, instance: str, module: str, suffix: str) -> Inspection:
    """Read the file at `compiled`.

    A completion could drive its own inputs (by `tran`, or through the port of a submodule) and so disturb what the
    reference beside it sees. That shows in the drivers of the nets outside that share its inputs. They are looked up
    from outside, where a completion names nothing, and an honest one leaves them as they are under the reference.

    Args:
        instance: the name of the tested instance of `module`.
        suffix: what the names of the testbench's scopes end in; paths are given without it.
    """
    calls: Counter[str] = Counter()
    forces = unread = 0
    scopes: dict[bytes, _Scope] = {}
    here: _Scope | None = None
    with compiled.open("rb") as lines:
        for line in lines:
            if scope := _SCOPE.match(line):
                label, sort, name, kind, above = scope.groups()
                tested = (sort, name, kind) == (b"module", instance.encode(), module.encode())
                here = scopes[label] = _below(scopes.get(above), _text(name), suffix, tested)
            elif task := _SYSTEM_TASK.match(line):
                calls[_text(task[1])] += 1
            elif _MATTERS.match(line):
                unread += here is None or not _note(line, here)
            elif here and here.name == _UNIT and (variable := _VARIABLE.match(line)):
                here.variables.append(_text(variable[1]))
            forces += line.lstrip().startswith(b"%force")
    return replace(_inspection(dict(calls), forces, list(scopes.values()), suffix), unread=unread)


def _below(above: _Scope | None, name: str, suffix: str, tested: bool) -> _Scope:
    inside = tested or bool(above and above.is_inside)
    short = name.removesuffix(suffix)
    path = f"{above.path}.{short}" if above and not inside else short  # inside, a completion could nest without end
    return _Scope(name, above, path, tested, inside)


def _note(line: bytes, here: _Scope) -> bool:
    """Add the port or net that `line` declares to its scope; false if it declares none."""
    if port := _PORT.match(line):
        here.ports[_text(port[3])] = _text(port[1])
        here.widths[_text(port[3])] = int(port[2])
    elif net := _NET.match(line):
        kind, name, source, letter, note = (_text(part or b"") for part in net.groups())
        here.nets[name] = source, f"{kind} {letter} {note}"
    else:
        return bool(_UNNAMED_NET.match(line))
    return True


def _exposed(scopes: list[_Scope], tested: _Scope | None, suffix: str) -> list[str]:
    """Variables outside of all modules, and scopes that lie in one above the tested instance and whose names are known.

    The compiler numbers blocks and loops to which nobody gave a name, and so makes names up that can be guessed.
    """
    above = []
    while tested and (tested := tested.above):
        above.append(tested)
    known = [
        scope.path for scope in scopes if scope.above in above and not re.search(rf"{suffix}(\[\d+\])?$", scope.name)
    ]
    return [name for scope in scopes for name in scope.variables] + known


def _inspection(calls: dict[str, int], forces: int, scopes: list[_Scope], suffix: str) -> Inspection:
    tested = next((scope for scope in scopes if scope.is_tested), None)
    inputs = [name for name, direction in tested.ports.items() if direction == "INPUT"] if tested else []
    sources = {tested.nets[name][0] for name in inputs if name in tested.nets} if tested else set()
    outside = {
        f"{scope.path}.{name}": net for scope in scopes if not scope.is_inside for name, net in scope.nets.items()
    }
    return Inspection(
        calls=calls,
        forces=forces,
        ports=tested.ports if tested else None,
        widths=tested.widths if tested else {},
        drivers={path: driver for path, (_, driver) in outside.items()},
        shared=[path for path, (source, _) in outside.items() if source in sources],
        exposed=_exposed(scopes, tested, suffix),
    )


def _text(name: bytes) -> str:
    return name.decode(errors="replace")

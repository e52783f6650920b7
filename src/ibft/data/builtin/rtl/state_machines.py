"""Finite state machines: sequence detectors, run detectors, Moore and Mealy tables."""

import random

from ibft.data.builtin.rtl.design import (
    Design,
    Family,
    always,
    case,
    first_of,
    inputs,
    module,
    outputs,
    registers,
    verb,
)

HELD_OUT_PATTERNS = ("01", "11", "101", "110")  # rtl-mini detects these
PATTERNS = tuple(
    pattern
    for length in (2, 3, 4)
    for pattern in (f"{value:0{length}b}" for value in range(2**length))
    if pattern not in HELD_OUT_PATTERNS
)


def _input(rng: random.Random) -> str:
    return rng.choice(("in", "x", "w", "data"))


def _output(rng: random.Random) -> str:
    return rng.choice(("out", "z", "found", "detected"))


def history_detector(rng: random.Random) -> Design:
    """Overlapping sequence detector that keeps the last bits in a shift register."""
    pattern = rng.choice(PATTERNS)
    length = len(pattern)
    x, z = _input(rng), _output(rng)
    instruction = rng.choice(
        (
            f"{verb(rng)} a detector whose output {z} is 1 when the last {length} bits of {x} were {pattern}.",
            f"Detect the bit sequence {pattern} on {x}, overlaps included. {z} is 1 after the last bit has been seen.",
        )
    )
    body = [
        f"reg [{length - 1}:0] last;",
        *always("posedge clk", *first_of(("reset", f"last <= {_unlike(pattern)};"), ("", _push("last", length, x)))),
        f"assign {z} = last == {length}'b{pattern};",
    ]
    return Design(instruction + " reset is synchronous.", module(inputs("clk", "reset", x) + outputs(z), *body))


def _push(name: str, length: int, bit: str) -> str:
    return f"{name} <= {{{name}[{length - 2}:0], {bit}}};"


def _unlike(pattern: str) -> str:
    """A history after which no shorter sequence than `pattern` completes it: its first bit, inverted, throughout."""
    return "0" if pattern[0] == "1" else f"{len(pattern)}'b{'1' * len(pattern)}"


def moore_detector(rng: random.Random) -> Design:
    """Overlapping sequence detector as a Moore machine: state i means that i bits of the pattern have been seen."""
    pattern = rng.choice([pattern for pattern in PATTERNS if len(pattern) < 4])
    length = len(pattern)
    x, z = _input(rng), _output(rng)
    instruction = rng.choice(
        (
            f"{verb(rng)} a Moore machine that detects the sequence {pattern} on {x}. {z} is 1 in the final state.",
            f"{verb(rng)} a Moore FSM with output {z} = 1 after the bits {pattern} have arrived on {x}. Overlapping "
            "sequences count.",
        )
    )
    branches = []
    for state in range(length + 1):
        zero, one = (matched(pattern, pattern[:state] + bit) for bit in "01")
        branches.append((str(state), f"state <= {x} ? {one} : {zero};"))
    body = [*_machine(length + 1, branches), f"assign {z} = state == {length};"]
    return Design(instruction + " reset is synchronous.", module(inputs("clk", "reset", x) + outputs(z), *body))


def matched(pattern: str, seen: str) -> int:
    """Count the leading bits of `pattern` that the last bits of `seen` match."""
    return max(n for n in range(len(pattern) + 1) if seen.endswith(pattern[:n]))


def _machine(states: int, branches: list[tuple[str, str]]) -> list[str]:
    """Return a state register that starts in state 0 and moves as `branches` say."""
    return [
        f"reg [{(states - 1).bit_length() - 1}:0] state;",
        *always(
            "posedge clk", "if (reset)", "\tstate <= 0;", "else", *(f"\t{line}" for line in case("state", *branches))
        ),
    ]


def moore_table(rng: random.Random) -> Design:
    """Three states with given transitions; the output is 1 in one of them."""
    x, z = _input(rng), _output(rng)
    names = rng.choice(("ABC", "XYZ", "PQR"))
    zero = [rng.randrange(3) for _ in range(3)]
    one = [rng.choice([state for state in range(3) if state != zero[row]]) for row in range(3)]
    active = rng.randrange(3)
    listed = ", ".join(f"{names[row]}: {names[zero[row]]}/{names[one[row]]}" for row in range(3))
    numbered = ", ".join(f"{name}={index}" for index, name in enumerate(names))
    instruction = rng.choice(
        (
            f"{verb(rng)} a Moore machine with states {numbered}. Next states for {x}=0/{x}=1 are {listed}. {z} is 1 "
            f"in state {names[active]}. Synchronous reset to {names[0]}.",
            f"{verb(rng)} this FSM ({numbered}), given as state: next if {x}=0/next if {x}=1. {listed}. The output {z} "
            f"is 1 only in {names[active]}. reset goes to {names[0]}.",
        )
    )
    branches = [(str(row), f"state <= {x} ? {one[row]} : {zero[row]};") for row in range(3)]
    body = [*_machine(3, branches), f"assign {z} = state == {active};"]
    return Design(instruction, module(inputs("clk", "reset", x) + outputs(z), *body))


def next_state_logic(rng: random.Random) -> Design:
    """Only the combinational part of a machine with four states."""
    x = _input(rng)
    zero = [rng.randrange(4) for _ in range(4)]
    one = [rng.randrange(4) for _ in range(4)]
    listed = ", ".join(f"{row}: {zero[row]}/{one[row]}" for row in range(4))
    instruction = rng.choice(
        (
            f"{verb(rng)} only the next-state logic of an FSM with states 0 to 3. For each state, the next state for "
            f"{x}=0/{x}=1 is {listed}.",
            f"Compute next from state and {x}. The transitions, as state: next if {x}=0/next if {x}=1, are {listed}.",
        )
    )
    branches = [(str(row), f"next = {x} ? {one[row]} : {zero[row]};") for row in range(4)]
    ports = inputs("state", width=2) + inputs(x) + registers("next", width=2)
    return Design(instruction, module(ports, *always("*", *case("state", *branches))))


def mealy_detector(rng: random.Random) -> Design:
    """A pattern of two bits, seen while its last bit is on the input; 01 is held out."""
    pattern = rng.choice(("00", "10", "11"))
    x, z = _input(rng), _output(rng)
    instruction = rng.choice(
        (
            f"{verb(rng)} a Mealy machine that outputs {z} = 1 while {x} completes the sequence {pattern}.",
            f"{verb(rng)} a Mealy FSM: {z} is 1 in the same cycle in which {x} is {pattern[1]} and was {pattern[0]} in "
            "the cycle before.",
        )
    )
    reset_value = 1 - int(pattern[0])
    terms = [name if bit == "1" else f"~{name}" for name, bit in zip(("prev", x), pattern, strict=True)]
    body = [
        "reg prev;",
        *always("posedge clk", *first_of(("reset", f"prev <= {reset_value};"), ("", f"prev <= {x};"))),
        f"assign {z} = {terms[0]} & {terms[1]};",
    ]
    return Design(instruction + " reset is synchronous.", module(inputs("clk", "reset", x) + outputs(z), *body))


def two_state_machine(rng: random.Random) -> Design:
    """Two states, each left on its own input; synchronous reset to the first is held out."""
    off, on, go, back = rng.choice(
        (
            ("OFF", "ON", "start", "stop"),
            ("IDLE", "RUN", "go", "halt"),
            ("CLOSED", "OPEN", "open", "close"),
            ("LEFT", "RIGHT", "bump_left", "bump_right"),
            ("EMPTY", "FULL", "fill", "drain"),
        )
    )
    z = rng.choice(("out", "z", "state_out"))
    instruction = rng.choice(
        (
            f"{verb(rng)} a Moore machine with states {off} (output 0) and {on} (output 1). {go} moves {off} to {on}, "
            f"{back} moves {on} to {off}. Asynchronous reset areset to {off}.",
            f"{verb(rng)} a two-state FSM: in {off} it waits for {go}, in {on} it waits for {back}. {z} is 1 in {on}. "
            f"areset is asynchronous and goes to {off}.",
        )
    )
    body = [
        "reg state;",
        *always(
            "posedge clk, posedge areset",
            *first_of(("areset", "state <= 0;"), ("", f"state <= state ? !{back} : {go};")),
        ),
        f"assign {z} = state;",
    ]
    return Design(instruction, module(inputs("clk", "areset", go, back) + outputs(z), *body))


def run_detector(rng: random.Random) -> Design:
    """1 once the input has held one value for n cycles; two ones in a row are held out."""
    length = rng.choice((3, 5, 6, 7, 8))
    bit = rng.choice("01")
    x, z = _input(rng), _output(rng)
    width = length.bit_length()
    instruction = rng.choice(
        (
            f"Set {z} once {x} has been {bit} for at least {length} clock cycles in a row.",
            f"{verb(rng)} a circuit that detects {length} or more consecutive {bit}s on {x}.",
        )
    )
    restart = f"reset || {'!' if bit == '1' else ''}{x}"
    body = [
        f"reg [{width - 1}:0] run;",
        *always("posedge clk", *first_of((restart, "run <= 0;"), (f"run != {length}", "run <= run + 1;"))),
        f"assign {z} = run == {length};",
    ]
    return Design(instruction + " reset is synchronous.", module(inputs("clk", "reset", x) + outputs(z), *body))


FAMILIES: tuple[Family, ...] = (
    history_detector,
    moore_detector,
    moore_table,
    next_state_logic,
    mealy_detector,
    two_state_machine,
    run_detector,
)

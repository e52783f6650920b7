"""Gates, wires and boolean expressions."""

import random

from ibft.data.builtin.rtl.design import (
    WIDTHS,
    Design,
    Family,
    bits,
    inputs,
    module,
    operand_names,
    outputs,
    through_names,
    verb,
)

SYMBOLS = {"AND": "&", "OR": "|", "XOR": "^"}
INVERTED = {"NAND": "&", "NOR": "|", "XNOR": "^"}


def _gate(kind: str, *operands: str) -> str:
    if kind in INVERTED:
        return "~(" + f" {INVERTED[kind]} ".join(operands) + ")"
    return f" {SYMBOLS[kind]} ".join(operands)


def _article(kind: str) -> str:
    return "a" if kind in ("NAND", "NOR") else "an"


def two_input_gate(rng: random.Random) -> Design:
    """AND, NOR and XNOR of two bits are held out."""
    kind = rng.choice(("OR", "XOR", "NAND"))
    a, b, _, _, out = operand_names(rng)
    instruction = rng.choice(
        (
            f"{verb(rng)} {_article(kind)} {kind} gate with inputs {a} and {b} and output {out}.",
            f"{verb(rng)} a circuit that implements {_article(kind)} {kind} gate.",
            f"{verb(rng)} a two-input {kind} gate. The output is {out}.",
            f"Connect {a} and {b} to {_article(kind)} {kind} gate that drives {out}.",
            f"Set {out} to {a} {kind} {b}.",
        )
    )
    return Design(instruction, module(inputs(a, b) + outputs(out), f"assign {out} = {_gate(kind, a, b)};"))


def three_input_gate(rng: random.Random) -> Design:
    kind = rng.choice((*SYMBOLS, *INVERTED))
    a, b, c, _, out = operand_names(rng)
    instruction = rng.choice(
        (
            f"{verb(rng)} a three-input {kind} gate.",
            f"{verb(rng)} a 3-input {kind} gate with inputs {a}, {b} and {c} and output {out}.",
            f"The output {out} is the {kind} of {a}, {b} and {c}.",
        )
    )
    return Design(instruction, module(inputs(a, b, c) + outputs(out), f"assign {out} = {_gate(kind, a, b, c)};"))


def bitwise_gate(rng: random.Random) -> Design:
    kind, width = rng.choice((*SYMBOLS, *INVERTED)), rng.choice(WIDTHS)
    a, b, _, _, out = operand_names(rng)
    instruction = rng.choice(
        (
            f"{verb(rng)} {bits(width)} bitwise {kind} of {a} and {b}.",
            f"Compute the bitwise {kind} of the two {width}-bit vectors {a} and {b}.",
            f"Given two {width}-bit inputs, output their bitwise {kind}.",
            f"{verb(rng)} a circuit with two {width}-bit inputs {a} and {b} whose output {out} is {a} {kind} {b}, "
            "bit by bit.",
        )
    )
    ports = inputs(a, b, width=width) + outputs(out, width=width)
    return Design(instruction, module(ports, f"assign {out} = {_gate(kind, a, b)};"))


def inverter(rng: random.Random) -> Design:
    """One bit is held out."""
    width = rng.choice(WIDTHS)
    a, out = through_names(rng)
    instruction = rng.choice(
        (
            f"{verb(rng)} {bits(width)} inverter.",
            f"Invert every bit of the {width}-bit input {a}.",
            f"{verb(rng)} a NOT gate for {bits(width)} vector. The output {out} is the complement of {a}.",
            f"Output the bitwise NOT of {bits(width)} input.",
        )
    )
    ports = inputs(a, width=width) + outputs(out, width=width)
    return Design(instruction, module(ports, f"assign {out} = ~{a};"))


def buffer(rng: random.Random) -> Design:
    """One bit is held out."""
    width = rng.choice(WIDTHS)
    a, out = through_names(rng)
    instruction = rng.choice(
        (
            f"{verb(rng)} a module that passes its {width}-bit input {a} to the output {out} unchanged.",
            f"Connect the {width}-bit input {a} to the output {out}.",
            f"{verb(rng)} {width} wires from {a} to {out}.",
        )
    )
    ports = inputs(a, width=width) + outputs(out, width=width)
    return Design(instruction, module(ports, f"assign {out} = {a};"))


def rewiring(rng: random.Random) -> Design:
    """Three inputs to three outputs, in any order."""
    sources = rng.sample(("a", "b", "c"), 3)
    sinks = rng.choice((("w", "x", "y"), ("x", "y", "z"), ("out1", "out2", "out3")))
    connections = ", ".join(f"{source} to {sink}" for source, sink in zip(sources, sinks, strict=True))
    instruction = rng.choice(
        (
            f"{verb(rng)} a module with three wires that connect {connections}.",
            f"Connect {connections}.",
            f"Three inputs drive three outputs: {connections}.",
        )
    )
    body = [f"assign {sink} = {source};" for source, sink in zip(sources, sinks, strict=True)]
    return Design(instruction, module(inputs("a", "b", "c") + outputs(*sinks), *body))


def inverted_operand(rng: random.Random) -> Design:
    """AND with one inverted input is held out."""
    kind = rng.choice(("OR", "XOR", "NAND", "NOR"))
    a, b, _, _, out = operand_names(rng)
    operands, inverted = ((a, f"~{b}"), b) if rng.random() < 0.5 else ((f"~{a}", b), a)
    instruction = rng.choice(
        (
            f"{verb(rng)} {_article(kind)} {kind} gate whose input {inverted} is inverted.",
            f"Invert {inverted}, then compute the {kind} of both inputs.",
            f"{verb(rng)} a two-input {kind} gate with {inverted} inverted at its input. The output is {out}.",
        )
    )
    return Design(instruction, module(inputs(a, b) + outputs(out), f"assign {out} = {_gate(kind, *operands)};"))


def two_level(rng: random.Random) -> Design:
    """(a AND b) OR c is held out."""
    first, second = rng.choice([(x, y) for x in SYMBOLS for y in SYMBOLS if x != y and (x, y) != ("AND", "OR")])
    a, b, c, _, out = operand_names(rng)
    instruction = rng.choice(
        (
            f"{verb(rng)} a circuit that computes ({a} {first} {b}) {second} {c}.",
            f"{out} is the {second} of {c} with the {first} of {a} and {b}.",
            f"{a} and {b} go to {_article(first)} {first} gate. Its output and {c} go to {_article(second)} {second} "
            f"gate that drives {out}.",
        )
    )
    expression = f"({_gate(first, a, b)}) {SYMBOLS[second]} {c}"
    return Design(instruction, module(inputs(a, b, c) + outputs(out), f"assign {out} = {expression};"))


def two_pairs(rng: random.Random) -> Design:
    """The OR of two ANDs is held out."""
    first, second = rng.choice([(x, y) for x in SYMBOLS for y in SYMBOLS if x != y and (x, y) != ("AND", "OR")])
    a, b, c, d, out = operand_names(rng)
    instruction = rng.choice(
        (
            f"{verb(rng)} a circuit that computes ({a} {first} {b}) {second} ({c} {first} {d}).",
            f"Two {first} gates take {a}, {b} and {c}, {d}. {_article(second).capitalize()} {second} gate combines "
            f"their outputs into {out}.",
            f"{out} is the {second} of two terms: {a} {first} {b}, and {c} {first} {d}.",
        )
    )
    expression = f"({_gate(first, a, b)}) {SYMBOLS[second]} ({_gate(first, c, d)})"
    return Design(instruction, module(inputs(a, b, c, d) + outputs(out), f"assign {out} = {expression};"))


def parallel_gates(rng: random.Random) -> Design:
    """Several gates on the same two inputs; XOR beside AND, the half adder, is held out."""
    pairs = [
        (x, y) for x in (*SYMBOLS, *INVERTED) for y in (*SYMBOLS, *INVERTED) if x != y and {x, y} != {"XOR", "AND"}
    ]
    kinds = rng.choice(pairs)
    a, b, *_ = operand_names(rng)
    outs = [f"out_{kind.lower()}" for kind in kinds]
    instruction = rng.choice(
        (
            f"{verb(rng)} a circuit with two gates on the inputs {a} and {b}: {outs[0]} is their {kinds[0]} and "
            f"{outs[1]} is their {kinds[1]}.",
            f"Output both the {kinds[0]} and the {kinds[1]} of {a} and {b}.",
        )
    )
    body = [f"assign {out} = {_gate(kind, a, b)};" for out, kind in zip(outs, kinds, strict=True)]
    return Design(instruction, module(inputs(a, b) + outputs(*outs), *body))


def constant(rng: random.Random) -> Design:
    """One bit is held out."""
    width = rng.choice(WIDTHS[:8])
    value = rng.randrange(1, 2**width)
    out = rng.choice(("out", "value", "number", "y"))
    instruction = rng.choice(
        (
            f"{verb(rng)} a circuit that always outputs the {width}-bit number {value}.",
            f"Drive the {width}-bit output {out} with the constant {value}.",
            f"{verb(rng)} a module with no inputs whose {width}-bit output is always {value}.",
        )
    )
    return Design(instruction, module(outputs(out, width=width), f"assign {out} = {width}'d{value};"))


def minterms(rng: random.Random) -> Design:
    """A sum of two minterms of three variables."""
    a, b, c, _, out = operand_names(rng)
    rows = sorted(rng.sample(range(8), 2))
    terms = [
        " & ".join(name if row >> shift & 1 else f"~{name}" for name, shift in ((a, 2), (b, 1), (c, 0))) for row in rows
    ]
    first, second = (f"{row:03b}" for row in rows)
    instruction = rng.choice(
        (
            f"{out} is 1 when {{{a}, {b}, {c}}} is {first} or {second}, and 0 otherwise.",
            f"{verb(rng)} a three-input function {out} that is 1 only for the inputs {{{a}, {b}, {c}}} = {first} and "
            f"{second}.",
        )
    )
    expression = f"({terms[0]}) | ({terms[1]})"
    return Design(instruction, module(inputs(a, b, c) + outputs(out), f"assign {out} = {expression};"))


FAMILIES: tuple[Family, ...] = (
    two_input_gate,
    three_input_gate,
    bitwise_gate,
    inverter,
    buffer,
    rewiring,
    inverted_operand,
    two_level,
    two_pairs,
    parallel_gates,
    constant,
    minterms,
)

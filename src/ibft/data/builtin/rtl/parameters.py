"""Parameterised modules."""

import random

from ibft.data.builtin.rtl.design import (
    WIDTHS,
    Design,
    Family,
    always,
    first_of,
    inputs,
    module,
    operand_names,
    outputs,
    registers,
    verb,
)


def _parameter(rng: random.Random) -> tuple[str, int, str]:
    """Name, default value and declaration."""
    name, value = rng.choice(("WIDTH", "N", "W")), rng.choice(WIDTHS[3:])
    return name, value, f"parameter {name} = {value}"


def parameterised_gate(rng: random.Random) -> Design:
    n, value, parameters = _parameter(rng)
    kind, symbol = rng.choice((("AND", "&"), ("OR", "|"), ("XOR", "^")))
    a, b, _, _, out = operand_names(rng)
    instruction = rng.choice(
        (
            f"{verb(rng)} a parameterised bitwise {kind} of {a} and {b}. The parameter {n} is their width, by default "
            f"{value}.",
            f"{verb(rng)} a module with parameter {n} = {value} that outputs the bitwise {kind} of two {n}-bit inputs.",
        )
    )
    ports = inputs(a, b, width=n) + outputs(out, width=n)
    return Design(instruction, module(ports, f"assign {out} = {a} {symbol} {b};", parameters=parameters))


def parameterised_adder(rng: random.Random) -> Design:
    n, value, parameters = _parameter(rng)
    a, b, *_ = operand_names(rng)
    instruction = rng.choice(
        (
            f"{verb(rng)} a parameterised adder with carry out. {n} is the width of {a} and {b}, by default {value}.",
            f"{verb(rng)} an {n}-bit adder with sum and cout, where {n} is a parameter with default {value}.",
        )
    )
    ports = inputs(a, b, width=n) + outputs("sum", width=n) + outputs("cout")
    return Design(instruction, module(ports, f"assign {{cout, sum}} = {a} + {b};", parameters=parameters))


def parameterised_mux(rng: random.Random) -> Design:
    n, value, parameters = _parameter(rng)
    a, b, _, _, out = operand_names(rng)
    instruction = rng.choice(
        (
            f"{verb(rng)} a parameterised 2-to-1 multiplexer of width {n} (default {value}). sel=1 chooses {b}.",
            f"{verb(rng)} a 2-to-1 mux with parameter {n} = {value} for the width: {a} if sel is 0, {b} if sel is 1.",
        )
    )
    ports = inputs(a, b, width=n) + inputs("sel") + outputs(out, width=n)
    return Design(instruction, module(ports, f"assign {out} = sel ? {b} : {a};", parameters=parameters))


def parameterised_register(rng: random.Random) -> Design:
    n, value, parameters = _parameter(rng)
    instruction = rng.choice(
        (
            f"{verb(rng)} a parameterised register with synchronous reset. {n} is its width, by default {value}.",
            f"{verb(rng)} a register of {n} bits with reset, where {n} is a parameter with default {value}.",
        )
    )
    statement = first_of(("reset", "q <= 0;"), ("", "q <= d;"))
    ports = inputs("clk", "reset") + inputs("d", width=n) + registers("q", width=n)
    return Design(instruction, module(ports, *always("posedge clk", *statement), parameters=parameters))


def parameterised_counter(rng: random.Random) -> Design:
    n, value, parameters = _parameter(rng)
    direction, symbol = rng.choice((("up", "+"), ("down", "-")))
    instruction = rng.choice(
        (
            f"{verb(rng)} a parameterised {direction} counter of {n} bits (default {value}) with synchronous reset.",
            f"{verb(rng)} a counter that counts {direction}, of parameter {n} = {value} bits. reset clears it.",
        )
    )
    statement = first_of(("reset", "q <= 0;"), ("", f"q <= q {symbol} 1;"))
    ports = inputs("clk", "reset") + registers("q", width=n)
    return Design(instruction, module(ports, *always("posedge clk", *statement), parameters=parameters))


FAMILIES: tuple[Family, ...] = (
    parameterised_gate,
    parameterised_adder,
    parameterised_mux,
    parameterised_register,
    parameterised_counter,
)

"""Counters: up, down, modulo, with enable, load, direction, saturation."""

import random

from ibft.data.builtin.rtl.design import WIDTHS, Design, Family, always, bits, first_of, inputs, module, registers, verb

MODULI = (3, 5, 6, 7, 9, 11, 13, 14, 15, 20, 24, 25, 50, 60, 100)  # rtl-mini owns 10 and 12


def _reset(rng: random.Random) -> tuple[str, str, str]:
    """Name, kind and sensitivity."""
    return rng.choice(
        (
            ("reset", "synchronous", "posedge clk"),
            ("reset", "synchronous", "posedge clk"),
            ("rst", "synchronous", "posedge clk"),
            ("areset", "asynchronous", "posedge clk, posedge areset"),
        )
    )


def up_counter(rng: random.Random) -> Design:
    """Four bits are held out."""
    width = rng.choice(WIDTHS)
    reset, kind, edge = _reset(rng)
    q = rng.choice(("q", "count"))
    instruction = rng.choice(
        (
            f"{verb(rng)} {bits(width)} binary counter with {kind} {reset}.",
            f"{verb(rng)} {bits(width)} counter that counts up by 1 every clock cycle. {reset} sets it to 0 ({kind}).",
            f"Count clock cycles with {bits(width)} counter {q}. The active high {reset} is {kind}.",
        )
    )
    statement = first_of((reset, f"{q} <= 0;"), ("", f"{q} <= {q} + 1;"))
    return Design(instruction, module(inputs("clk", reset) + registers(q, width=width), *always(edge, *statement)))


def down_counter(rng: random.Random) -> Design:
    """Four bits are held out."""
    width = rng.choice(WIDTHS)
    reset, kind, edge = _reset(rng)
    q = rng.choice(("q", "count"))
    start = rng.choice((0, 2**width - 1))
    instruction = rng.choice(
        (
            f"{verb(rng)} {bits(width)} down counter with {kind} {reset} to {start}.",
            f"{verb(rng)} {bits(width)} counter that counts down by 1 every clock cycle. {reset} ({kind}) sets it to "
            f"{start}.",
        )
    )
    statement = first_of((reset, f"{q} <= {start};"), ("", f"{q} <= {q} - 1;"))
    return Design(instruction, module(inputs("clk", reset) + registers(q, width=width), *always(edge, *statement)))


def modulo_counter(rng: random.Random) -> Design:
    """Periods of 10 and 12 are held out."""
    period, first = rng.choice(MODULI), rng.choice((0, 0, 1))
    last = period - 1 + first
    width = last.bit_length()
    reset, kind, edge = _reset(rng)
    q = rng.choice(("q", "count"))
    instruction = rng.choice(
        (
            f"{verb(rng)} a counter that counts from {first} to {last}, inclusive, with {kind} {reset} to {first}.",
            f"{verb(rng)} {bits(width)} counter with a period of {period} that runs from {first} to {last}. {reset} is "
            f"{kind}.",
        )
    )
    statement = first_of((f"{reset} || {q} == {last}", f"{q} <= {first};"), ("", f"{q} <= {q} + 1;"))
    if kind == "asynchronous":  # the wrap must not be part of an asynchronous reset
        statement = first_of(
            (reset, f"{q} <= {first};"), (f"{q} == {last}", f"{q} <= {first};"), ("", f"{q} <= {q} + 1;")
        )
    return Design(instruction, module(inputs("clk", reset) + registers(q, width=width), *always(edge, *statement)))


def enabled_counter(rng: random.Random) -> Design:
    """Four bits are held out."""
    width = rng.choice(WIDTHS)
    reset, kind, edge = _reset(rng)
    enable = rng.choice(("en", "ena", "enable", "slowena"))
    q = rng.choice(("q", "count"))
    instruction = rng.choice(
        (
            f"{verb(rng)} {bits(width)} counter that counts up only when {enable} is 1, with {kind} {reset}.",
            f"{verb(rng)} {bits(width)} counter with enable {enable} and {kind} {reset}.",
        )
    )
    statement = first_of((reset, f"{q} <= 0;"), (enable, f"{q} <= {q} + 1;"))
    ports = inputs("clk", reset, enable) + registers(q, width=width)
    return Design(instruction, module(ports, *always(edge, *statement)))


def up_down_counter(rng: random.Random) -> Design:
    width = rng.choice(WIDTHS)
    reset, kind, edge = _reset(rng)
    up = rng.choice(("up", "dir", "up_down"))
    instruction = rng.choice(
        (
            f"{verb(rng)} {bits(width)} up/down counter: it counts up when {up} is 1 and down when {up} is 0. {reset} "
            f"is {kind}.",
            f"{verb(rng)} {bits(width)} counter whose direction is given by {up} (1 is up), with {kind} {reset}.",
        )
    )
    statement = first_of((reset, "q <= 0;"), (up, "q <= q + 1;"), ("", "q <= q - 1;"))
    return Design(
        instruction, module(inputs("clk", reset, up) + registers("q", width=width), *always(edge, *statement))
    )


def loadable_counter(rng: random.Random) -> Design:
    width = rng.choice(WIDTHS)
    load = rng.choice(("load", "ld"))
    direction, symbol = rng.choice((("up", "+"), ("down", "-")))
    d = rng.choice(("d", "data"))
    instruction = rng.choice(
        (
            f"{verb(rng)} {bits(width)} {direction} counter that is set to {d} when {load} is 1.",
            f"{verb(rng)} {bits(width)} counter: if {load} is 1 it takes on {d}, otherwise it counts {direction}.",
        )
    )
    statement = first_of((load, f"q <= {d};"), ("", f"q <= q {symbol} 1;"))
    ports = inputs("clk", load) + inputs(d, width=width) + registers("q", width=width)
    return Design(instruction, module(ports, *always("posedge clk", *statement)))


def stepping_counter(rng: random.Random) -> Design:
    width = rng.choice(WIDTHS[2:])
    step = rng.randrange(2, 8)
    reset, kind, edge = _reset(rng)
    symbol, direction = rng.choice((("+", "up"), ("-", "down")))
    instruction = rng.choice(
        (
            f"{verb(rng)} {bits(width)} counter that counts {direction} in steps of {step}, with {kind} {reset}.",
            f"Every clock cycle, {'add ' if symbol == '+' else 'subtract '}{step} {'to' if symbol == '+' else 'from'} "
            f"the {width}-bit register q. {reset} clears it ({kind}).",
        )
    )
    statement = first_of((reset, "q <= 0;"), ("", f"q <= q {symbol} {step};"))
    return Design(instruction, module(inputs("clk", reset) + registers("q", width=width), *always(edge, *statement)))


def saturating_counter(rng: random.Random) -> Design:
    width = rng.choice(WIDTHS[:6])
    top = 2**width - 1
    reset, kind, edge = _reset(rng)
    instruction = rng.choice(
        (
            f"{verb(rng)} {bits(width)} counter that stops at {top} instead of wrapping around. {reset} is {kind}.",
            f"{verb(rng)} {bits(width)} saturating up counter with {kind} {reset}.",
        )
    )
    statement = first_of((reset, "q <= 0;"), (f"q != {top}", "q <= q + 1;"))
    return Design(instruction, module(inputs("clk", reset) + registers("q", width=width), *always(edge, *statement)))


def accumulator(rng: random.Random) -> Design:
    """Adds its input every cycle."""
    width = rng.choice(WIDTHS)
    reset, kind, edge = _reset(rng)
    d, q = rng.choice((("in", "sum"), ("d", "total"), ("in", "acc"), ("x", "sum")))
    instruction = rng.choice(
        (
            f"{verb(rng)} {bits(width)} accumulator: every clock cycle add {d} to {q}. {reset} is {kind}.",
            f"Keep a running {width}-bit sum {q} of the input {d}, with {kind} {reset}.",
        )
    )
    statement = first_of((reset, f"{q} <= 0;"), ("", f"{q} <= {q} + {d};"))
    ports = inputs("clk", reset) + inputs(d, width=width) + registers(q, width=width)
    return Design(instruction, module(ports, *always(edge, *statement)))


FAMILIES: tuple[Family, ...] = (
    up_counter,
    down_counter,
    modulo_counter,
    enabled_counter,
    up_down_counter,
    loadable_counter,
    stepping_counter,
    saturating_counter,
    accumulator,
)

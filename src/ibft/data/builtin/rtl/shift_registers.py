"""Shift registers, rings and feedback shift registers."""

import random

from ibft.data.builtin.rtl.design import (
    WIDTHS,
    Design,
    Family,
    always,
    bits,
    first_of,
    inputs,
    module,
    outputs,
    registers,
    verb,
)

LENGTHS = tuple(width for width in WIDTHS if width > 2)  # rtl-mini owns 4


def _shifted(q: str, width: int, left: bool, serial: str) -> str:
    """`q` moved by one place with `serial` moved in."""
    return f"{{{q}[{width - 2}:0], {serial}}}" if left else f"{{{serial}, {q}[{width - 1}:1]}}"


def _serial(rng: random.Random) -> str:
    return rng.choice(("in", "d", "sin", "din"))


def serial_in(rng: random.Random) -> Design:
    """Four bits are held out."""
    width, left = rng.choice(LENGTHS), rng.random() < 0.5
    serial = _serial(rng)
    direction, end = ("left", "least significant") if left else ("right", "most significant")
    instruction = rng.choice(
        (
            f"{verb(rng)} {bits(width)} shift register that shifts {direction}. The input {serial} enters at the {end} "
            "bit.",
            f"Every clock cycle, shift q ({width} bits) {direction} by one and shift in {serial}.",
            f"{verb(rng)} a serial-in, parallel-out {direction} shift register of {width} bits.",
        )
    )
    body = always("posedge clk", f"q <= {_shifted('q', width, left, serial)};")
    return Design(instruction, module(inputs("clk", serial) + registers("q", width=width), *body))


def resettable(rng: random.Random) -> Design:
    """Four bits are held out."""
    width, left = rng.choice(LENGTHS), rng.random() < 0.5
    serial = _serial(rng)
    direction = "left" if left else "right"
    reset, kind, edge = rng.choice(
        (("reset", "synchronous", "posedge clk"), ("areset", "asynchronous", "posedge clk, posedge areset"))
    )
    instruction = rng.choice(
        (
            f"{verb(rng)} {bits(width)} {direction} shift register with serial input {serial} and {kind} {reset}.",
            f"{verb(rng)} a shift register of {width} bits that shifts {direction} and takes in {serial}. The active "
            f"high {reset} is {kind}.",
        )
    )
    statement = first_of((reset, "q <= 0;"), ("", f"q <= {_shifted('q', width, left, serial)};"))
    ports = inputs("clk", reset, serial) + registers("q", width=width)
    return Design(instruction, module(ports, *always(edge, *statement)))


def loadable(rng: random.Random) -> Design:
    """Four bits are held out."""
    width, left = rng.choice(LENGTHS), rng.random() < 0.5
    direction = "left" if left else "right"
    d = rng.choice(("d", "data"))
    instruction = rng.choice(
        (
            f"{verb(rng)} {bits(width)} shift register: when load is 1 it takes {d}, otherwise it shifts {direction} "
            "and fills with 0.",
            f"{verb(rng)} {bits(width)} {direction} shift register with parallel load of {d}. Zeros are shifted in.",
        )
    )
    statement = first_of(("load", f"q <= {d};"), ("", f"q <= q {'<<' if left else '>>'} 1;"))
    ports = inputs("clk", "load") + inputs(d, width=width) + registers("q", width=width)
    return Design(instruction, module(ports, *always("posedge clk", *statement)))


def enabled(rng: random.Random) -> Design:
    width, left = rng.choice(LENGTHS), rng.random() < 0.5
    serial, enable = _serial(rng), rng.choice(("en", "ena", "shift"))
    direction = "left" if left else "right"
    instruction = rng.choice(
        (
            f"{verb(rng)} {bits(width)} shift register that shifts {direction} only when {enable} is 1. {serial} is "
            "shifted in.",
            f"{verb(rng)} {bits(width)} {direction} shift register with serial input {serial} and enable {enable}.",
        )
    )
    statement = first_of((enable, f"q <= {_shifted('q', width, left, serial)};"))
    ports = inputs("clk", enable, serial) + registers("q", width=width)
    return Design(instruction, module(ports, *always("posedge clk", *statement)))


def serial_out(rng: random.Random) -> Design:
    """A delay line of single bits."""
    width = rng.choice(LENGTHS)
    serial, out = rng.choice((("in", "out"), ("sin", "sout"), ("d", "q")))
    instruction = rng.choice(
        (
            f"Delay the single-bit input {serial} by {width} clock cycles.",
            f"{verb(rng)} a serial-in, serial-out shift register with {width} stages.",
        )
    )
    body = [
        f"reg [{width - 1}:0] r;",
        *always("posedge clk", f"r <= {_shifted('r', width, True, serial)};"),
        f"assign {out} = r[{width - 1}];",
    ]
    return Design(instruction, module(inputs("clk", serial) + outputs(out), *body))


def ring(rng: random.Random) -> Design:
    """A ring of four bits is held out."""
    width, left = rng.choice(LENGTHS), rng.random() < 0.5
    direction = "left" if left else "right"
    out = rng.choice(("q", "ring"))
    instruction = rng.choice(
        (
            f"{verb(rng)} {bits(width)} ring counter that rotates {direction}. Synchronous reset sets it to 1.",
            f"Rotate {out} ({width} bits) {direction} by one every clock cycle. reset sets it to 1.",
        )
    )
    serial = f"{out}[{width - 1}]" if left else f"{out}[0]"
    statement = first_of(("reset", f"{out} <= 1;"), ("", f"{out} <= {_shifted(out, width, left, serial)};"))
    ports = inputs("clk", "reset") + registers(out, width=width)
    return Design(instruction, module(ports, *always("posedge clk", *statement)))


def johnson(rng: random.Random) -> Design:
    width, left = rng.choice(LENGTHS), rng.random() < 0.5
    direction = "left" if left else "right"
    instruction = rng.choice(
        (
            f"{verb(rng)} {bits(width)} Johnson counter that shifts {direction}, with synchronous reset.",
            f"{verb(rng)} a twisted ring counter of {width} bits: shift q {direction} and feed back the inverted last "
            "bit. reset clears q.",
        )
    )
    serial = f"~q[{width - 1}]" if left else "~q[0]"
    statement = first_of(("reset", "q <= 0;"), ("", f"q <= {_shifted('q', width, left, serial)};"))
    ports = inputs("clk", "reset") + registers("q", width=width)
    return Design(instruction, module(ports, *always("posedge clk", *statement)))


def feedback(rng: random.Random) -> Design:
    """A Fibonacci LFSR with two taps, one of them the last bit."""
    width = rng.choice(LENGTHS[:8])
    tap = rng.randrange(width - 1)
    instruction = rng.choice(
        (
            f"{verb(rng)} {bits(width)} LFSR that shifts left. The bit shifted in is q[{width - 1}] XOR q[{tap}]. "
            "reset sets q to 1.",
            f"{verb(rng)} {bits(width)} linear feedback shift register with taps {width - 1} and {tap}. It shifts left "
            "and is reset to 1.",
        )
    )
    serial = f"q[{width - 1}] ^ q[{tap}]"
    statement = first_of(("reset", "q <= 1;"), ("", f"q <= {_shifted('q', width, True, serial)};"))
    ports = inputs("clk", "reset") + registers("q", width=width)
    return Design(instruction, module(ports, *always("posedge clk", *statement)))


FAMILIES: tuple[Family, ...] = (serial_in, resettable, loadable, enabled, serial_out, ring, johnson, feedback)

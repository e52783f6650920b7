"""Latches, flip-flops and small circuits round them."""

import random

from ibft.data.builtin.rtl.design import (
    WIDTHS,
    Design,
    Family,
    always,
    always_block,
    bits,
    first_of,
    inputs,
    module,
    registers,
    span,
    verb,
)


def _data(rng: random.Random) -> tuple[str, str]:
    return rng.choice((("d", "q"), ("d", "q"), ("d", "q"), ("data", "q"), ("in", "out"), ("d", "out")))


def _enable(rng: random.Random) -> str:
    return rng.choice(("en", "ena", "enable", "we"))


def register(rng: random.Random) -> Design:
    """One and four bits are held out."""
    width = rng.choice(WIDTHS)
    d, q = _data(rng)
    instruction = rng.choice(
        (
            f"{verb(rng)} {width} D flip-flops.",
            f"{verb(rng)} {bits(width)} register triggered by the positive edge of clk.",
            f"Store the {width}-bit input {d} in {q} on every rising clock edge.",
            f"{verb(rng)} {bits(width)} D flip-flop with input {d} and output {q}.",
        )
    )
    ports = inputs("clk") + inputs(d, width=width) + registers(q, width=width)
    return Design(instruction, module(ports, *always("posedge clk", f"{q} <= {d};")))


def falling_edge_register(rng: random.Random) -> Design:
    """One bit is held out."""
    width = rng.choice(WIDTHS)
    d, q = _data(rng)
    instruction = rng.choice(
        (
            f"{verb(rng)} {bits(width)} register triggered by the negative edge of clk.",
            f"{verb(rng)} {width} D flip-flops that capture {d} on the falling edge of clk.",
        )
    )
    ports = inputs("clk") + inputs(d, width=width) + registers(q, width=width)
    return Design(instruction, module(ports, *always("negedge clk", f"{q} <= {d};")))


def synchronous_reset(rng: random.Random) -> Design:
    """One bit is held out."""
    width = rng.choice(WIDTHS)
    d, q = _data(rng)
    reset = rng.choice(("reset", "reset", "rst", "r"))
    value = rng.choice((0, 0, 0, rng.randrange(1, min(2**width, 64))))
    instruction = rng.choice(
        (
            f"{verb(rng)} {width} D flip-flops with active high synchronous reset {reset} to {value}.",
            f"{verb(rng)} {bits(width)} register with a synchronous {reset} that sets it to {value}.",
            f"{verb(rng)} {bits(width)} D flip-flop. If {reset} is 1 at the clock edge, {q} becomes {value}.",
        )
    )
    statement = first_of((reset, f"{q} <= {value};"), ("", f"{q} <= {d};"))
    ports = inputs("clk", reset) + inputs(d, width=width) + registers(q, width=width)
    return Design(instruction, module(ports, *always("posedge clk", *statement)))


def asynchronous_reset(rng: random.Random) -> Design:
    """One bit is held out."""
    width = rng.choice(WIDTHS)
    d, q = _data(rng)
    reset = rng.choice(("areset", "areset", "ar", "arst"))
    value = rng.choice((0, 0, 0, rng.randrange(1, min(2**width, 64))))
    instruction = rng.choice(
        (
            f"{verb(rng)} {width} D flip-flops with active high asynchronous reset {reset} to {value}.",
            f"{verb(rng)} {bits(width)} register that {reset} sets to {value} asynchronously.",
            f"{verb(rng)} {bits(width)} D flip-flop with asynchronous reset {reset}. The reset value is {value}.",
        )
    )
    statement = first_of((reset, f"{q} <= {value};"), ("", f"{q} <= {d};"))
    ports = inputs("clk", reset) + inputs(d, width=width) + registers(q, width=width)
    return Design(instruction, module(ports, *always(f"posedge clk, posedge {reset}", *statement)))


def active_low_reset(rng: random.Random) -> Design:
    width = rng.choice((1, *WIDTHS))
    d, q = _data(rng)
    asynchronous = rng.random() < 0.5
    kind = "asynchronous" if asynchronous else "synchronous"
    reset = rng.choice(("aresetn", "arst_n") if asynchronous else ("resetn", "rst_n"))
    instruction = rng.choice(
        (
            f"{verb(rng)} {bits(width)} register with active low {kind} reset {reset}.",
            f"{verb(rng)} {bits(width)} D flip-flop. When {reset} is 0, {q} is cleared ({kind} reset).",
        )
    )
    statement = first_of((f"!{reset}", f"{q} <= 0;"), ("", f"{q} <= {d};"))
    edge = f"posedge clk, negedge {reset}" if asynchronous else "posedge clk"
    ports = inputs("clk", reset) + inputs(d, width=width) + registers(q, width=width)
    return Design(instruction, module(ports, *always(edge, *statement)))


def enabled_register(rng: random.Random) -> Design:
    """One bit is held out."""
    width = rng.choice(WIDTHS)
    d, q = _data(rng)
    enable = _enable(rng)
    instruction = rng.choice(
        (
            f"{verb(rng)} {bits(width)} register with enable {enable}.",
            f"{verb(rng)} {width} D flip-flops that load {d} only when {enable} is 1.",
            f"On the rising clock edge, store the {width}-bit input {d} in {q} if {enable} is high.",
        )
    )
    ports = inputs("clk", enable) + inputs(d, width=width) + registers(q, width=width)
    return Design(instruction, module(ports, *always("posedge clk", *first_of((enable, f"{q} <= {d};")))))


def resettable_enabled_register(rng: random.Random) -> Design:
    width = rng.choice((1, *WIDTHS))
    d, q = _data(rng)
    enable = _enable(rng)
    asynchronous = rng.random() < 0.4
    reset, kind = ("areset", "asynchronous") if asynchronous else ("reset", "synchronous")
    instruction = rng.choice(
        (
            f"{verb(rng)} {bits(width)} register with {kind} {reset} and enable {enable}.",
            f"{verb(rng)} {bits(width)} D flip-flop that loads {d} when {enable} is 1. The active high {reset} is "
            f"{kind} and clears {q}.",
        )
    )
    edge = f"posedge clk, posedge {reset}" if asynchronous else "posedge clk"
    statement = first_of((reset, f"{q} <= 0;"), (enable, f"{q} <= {d};"))
    ports = inputs("clk", reset, enable) + inputs(d, width=width) + registers(q, width=width)
    return Design(instruction, module(ports, *always(edge, *statement)))


def latch(rng: random.Random) -> Design:
    """One bit is held out."""
    width = rng.choice(WIDTHS)
    d, q = _data(rng)
    enable = rng.choice(("ena", "en", "enable", "g"))
    instruction = rng.choice(
        (
            f"{verb(rng)} {bits(width)} D latch with enable {enable}.",
            f"{verb(rng)} {bits(width)} transparent latch: {q} follows {d} while {enable} is 1 and holds otherwise.",
        )
    )
    ports = inputs(d, width=width) + inputs(enable) + registers(q, width=width)
    return Design(instruction, module(ports, *always("*", *first_of((enable, f"{q} = {d};")))))


def gate_before_register(rng: random.Random) -> Design:
    """The XOR of the input with the stored bit itself, and AND, are held out."""
    width = rng.choice((1, *WIDTHS[:7]))
    kind, symbol = rng.choice((("OR", "|"), ("XOR", "^"), ("sum", "+"))[: 2 if width == 1 else 3])
    a, b = rng.choice((("a", "b"), ("x", "y"), ("in1", "in2")))
    q = rng.choice(("q", "out"))
    instruction = rng.choice(
        (
            f"On every rising clock edge, store the {kind} of {a} and {b} in {q}. All are {width} bits wide.",
            f"{verb(rng)} {bits(width)} register {q} whose input is the {kind} of {a} and {b}.",
        )
    )
    ports = inputs("clk") + inputs(a, b, width=width) + registers(q, width=width)
    return Design(instruction, module(ports, *always("posedge clk", f"{q} <= {a} {symbol} {b};")))


def mux_before_register(rng: random.Random) -> Design:
    width = rng.choice((1, *WIDTHS))
    a, b = rng.choice((("a", "b"), ("x", "y"), ("d0", "d1")))
    instruction = rng.choice(
        (
            f"{verb(rng)} {bits(width)} register with a multiplexer in front: it loads {b} when sel is 1 and {a} when "
            "sel is 0.",
            f"On every rising clock edge, q becomes {b} if sel is 1, otherwise {a}. The data is {width} bits wide.",
        )
    )
    ports = inputs("clk", "sel") + inputs(a, b, width=width) + registers("q", width=width)
    return Design(instruction, module(ports, *always("posedge clk", f"q <= sel ? {b} : {a};")))


def delay(rng: random.Random) -> Design:
    """One bit over two clock cycles is held out."""
    width = rng.choice(WIDTHS)
    d, q = _data(rng)
    instruction = rng.choice(
        (
            f"Delay the {width}-bit input {d} by two clock cycles.",
            f"{verb(rng)} a two-stage pipeline of {width}-bit registers from {d} to {q}.",
        )
    )
    ports = inputs("clk") + inputs(d, width=width) + registers(q, width=width)
    body = [f"reg {span(width)}stage;", *always_block("posedge clk", f"stage <= {d};", f"{q} <= stage;")]
    return Design(instruction, module(ports, *body))


def edge_detector(rng: random.Random) -> Design:
    """A single rising bit is held out."""
    width = rng.choice(WIDTHS)
    kind, expression = rng.choice(
        (("rising-edge", "in & ~prev"), ("falling-edge", "~in & prev"), ("any-edge", "in ^ prev"))
    )
    out = rng.choice(("out", "pulse", "edges"))
    what = {"rising-edge": "changes from 0 to 1", "falling-edge": "changes from 1 to 0", "any-edge": "changes"}[kind]
    instruction = rng.choice(
        (
            f"For each bit of the {width}-bit input in, detect when it {what} from one clock cycle to the next. "
            f"Set that bit of {out} in the cycle after.",
            f"{verb(rng)} {bits(width)} {kind} detector with a registered output {out}.",
        )
    )
    ports = inputs("clk") + inputs("in", width=width) + registers(out, width=width)
    body = [f"reg {span(width)}prev;", *always_block("posedge clk", "prev <= in;", f"{out} <= {expression};")]
    return Design(instruction, module(ports, *body))


def set_and_clear(rng: random.Random) -> Design:
    """A bit that one input sets and another clears; where both are 1 the named one wins."""
    on, off = rng.choice((("set", "clear"), ("s", "r"), ("start", "stop"), ("on", "off"), ("open", "close")))
    q = rng.choice(("q", "out", "active", "busy"))
    set_wins = rng.random() < 0.5
    winner = on if set_wins else off
    instruction = rng.choice(
        (
            f"{verb(rng)} a flip-flop {q} that {on} sets to 1 and {off} clears to 0. If both are 1, {winner} wins.",
            f"On the clock edge, {q} becomes 1 if {on} is high and 0 if {off} is high. {winner} has priority.",
        )
    )
    branches = [(on, f"{q} <= 1;"), (off, f"{q} <= 0;")]
    statement = first_of(*(branches if set_wins else branches[::-1]))
    return Design(instruction, module(inputs("clk", on, off) + registers(q), *always("posedge clk", *statement)))


def toggling(rng: random.Random) -> Design:
    """A toggle flip-flop with synchronous reset, one bit, is held out."""
    width = rng.choice(WIDTHS)
    t = rng.choice(("t", "toggle", "flip"))
    asynchronous = rng.random() < 0.4
    reset, kind = ("areset", "asynchronous") if asynchronous else ("reset", "synchronous")
    instruction = rng.choice(
        (
            f"{verb(rng)} {bits(width)} register q that inverts all its bits when {t} is 1, with {kind} {reset}.",
            f"{verb(rng)} {width} toggle flip-flops with a common toggle input {t} and {kind} {reset}.",
        )
    )
    edge = f"posedge clk, posedge {reset}" if asynchronous else "posedge clk"
    statement = first_of((reset, "q <= 0;"), (t, "q <= ~q;"))
    return Design(instruction, module(inputs("clk", reset, t) + registers("q", width=width), *always(edge, *statement)))


FAMILIES: tuple[Family, ...] = (
    register,
    falling_edge_register,
    synchronous_reset,
    asynchronous_reset,
    active_low_reset,
    enabled_register,
    resettable_enabled_register,
    latch,
    gate_before_register,
    mux_before_register,
    delay,
    edge_detector,
    set_and_clear,
    toggling,
)

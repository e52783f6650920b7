"""Multiplexers, decoders, encoders and small lookup logic."""

import random

from ibft.data.builtin.rtl.design import (
    WIDTHS,
    Design,
    Family,
    always,
    bits,
    case,
    inputs,
    module,
    operand_names,
    outputs,
    registers,
    through_names,
    verb,
)

OPERATIONS = {"AND": "&", "OR": "|", "XOR": "^", "sum": "+", "difference": "-"}


def mux2(rng: random.Random) -> Design:
    """One and four bits are held out."""
    width = rng.choice(WIDTHS)
    a, b, _, _, out = operand_names(rng)
    sel = rng.choice(("sel", "sel", "select"))
    low, high = (a, b) if rng.random() < 0.7 else (b, a)
    instruction = rng.choice(
        (
            f"{verb(rng)} {bits(width)} 2-to-1 multiplexer. When {sel}=0, choose {low}. When {sel}=1, choose {high}.",
            f"{verb(rng)} a multiplexer: {out} is {high} if {sel} is 1, otherwise {low}. Data is {width} bits wide.",
            f"Select between two {width}-bit inputs: {low} when {sel} is 0, {high} when {sel} is 1.",
        )
    )
    ports = inputs(a, b, width=width) + inputs(sel) + outputs(out, width=width)
    return Design(instruction, module(ports, f"assign {out} = {sel} ? {high} : {low};"))


def mux4(rng: random.Random) -> Design:
    """One bit is held out."""
    width = rng.choice(WIDTHS)
    a, b, c, d, out = operand_names(rng)
    sel = rng.choice(("sel", "select"))
    instruction = rng.choice(
        (
            f"{verb(rng)} {bits(width)} 4-to-1 multiplexer that chooses {a}, {b}, {c} or {d} for {sel} = 0, 1, 2, 3.",
            f"{verb(rng)} a 4-to-1 mux for {width}-bit data. {sel}=0 chooses {a}, {sel}=1 chooses {b}, {sel}=2 "
            f"chooses {c}, {sel}=3 chooses {d}.",
        )
    )
    branches = [(f"2'd{index}", f"{out} = {name};") for index, name in enumerate((a, b, c, d))]
    ports = inputs(a, b, c, d, width=width) + inputs(sel, width=2) + registers(out, width=width)
    return Design(instruction, module(ports, *always("*", *case(sel, *branches))))


def indexed_mux(rng: random.Random) -> Design:
    """Four inputs are held out."""
    index_bits = rng.choice((3, 4, 5, 6))
    width = 2**index_bits
    a, out = through_names(rng)
    sel = rng.choice(("sel", "select", "index"))
    instruction = rng.choice(
        (
            f"{verb(rng)} a {width}-to-1 multiplexer. The inputs are packed into the {width}-bit vector {a}.",
            f"Output the bit of the {width}-bit vector {a} that {sel} selects.",
            f"{out} is bit number {sel} of {a}, which is {width} bits wide.",
        )
    )
    ports = inputs(a, width=width) + inputs(sel, width=index_bits) + outputs(out)
    return Design(instruction, module(ports, f"assign {out} = {a}[{sel}];"))


def priority_select(rng: random.Random) -> Design:
    width = rng.choice(WIDTHS)
    a, b, c, _, out = operand_names(rng)
    first, second = rng.choice((("s1", "s0"), ("sel_a", "sel_b"), ("use1", "use2")))
    instruction = rng.choice(
        (
            f"Output {a} if {first} is 1, else {b} if {second} is 1, else {c}. The data is {width} bits wide.",
            f"{verb(rng)} a priority multiplexer for {width}-bit data: {first} selects {a}, then {second} selects {b}, "
            f"otherwise {c}.",
        )
    )
    ports = inputs(a, b, c, width=width) + inputs(first, second) + outputs(out, width=width)
    return Design(instruction, module(ports, f"assign {out} = {first} ? {a} : {second} ? {b} : {c};"))


def gated(rng: random.Random) -> Design:
    width = rng.choice(WIDTHS)
    a, out = through_names(rng)
    enable = rng.choice(("en", "enable", "ena"))
    instruction = rng.choice(
        (
            f"Pass the {width}-bit input {a} to {out} when {enable} is 1, otherwise output 0.",
            f"{verb(rng)} a circuit that outputs {a} ({width} bits) if {enable} is high and zero if it is low.",
        )
    )
    ports = inputs(a, width=width) + inputs(enable) + outputs(out, width=width)
    return Design(instruction, module(ports, f"assign {out} = {enable} ? {a} : 0;"))


def decoder(rng: random.Random) -> Design:
    """Two input bits without enable are held out."""
    with_enable = rng.random() < 0.5
    index_bits = rng.choice((2, 3, 4, 5) if with_enable else (3, 4, 5))
    width = 2**index_bits
    a, out = through_names(rng)
    enable = rng.choice(("en", "enable"))
    condition = f" with enable input {enable}. When {enable} is 0 the output is 0" if with_enable else ""
    instruction = rng.choice(
        (
            f"{verb(rng)} a {index_bits}-to-{width} decoder{condition}.",
            f"{verb(rng)} a one-hot {index_bits}-to-{width} binary decoder{condition}.",
        )
    )
    expression = f"{enable} ? 1 << {a} : 0" if with_enable else f"1 << {a}"
    ports = inputs(a, width=index_bits) + (inputs(enable) if with_enable else []) + outputs(out, width=width)
    return Design(instruction, module(ports, f"assign {out} = {expression};"))


def one_hot_encoder(rng: random.Random) -> Design:
    """Four inputs are held out."""
    a, out = rng.choice((("in", "out"), ("in", "pos"), ("onehot", "index"), ("d", "y"), ("x", "code"), ("a", "y")))
    width = rng.choice((2, 3, 5, 6, 8))
    index_bits = (width - 1).bit_length()
    columns = [[place for place in range(width) if place >> bit & 1] for bit in reversed(range(index_bits))]
    terms = [" | ".join(f"{a}[{place}]" for place in column) for column in columns]
    encoded = terms[0] if index_bits == 1 else f"{{{', '.join(terms)}}}"
    instruction = rng.choice(
        (
            f"{verb(rng)} a one-hot to binary encoder for the {width}-bit input {a}.",
            f"Exactly one bit of the {width}-bit input {a} is 1. Output its position.",
        )
    )
    ports = inputs(a, width=width) + outputs(out, width=index_bits)
    return Design(instruction, module(ports, f"assign {out} = {encoded};"))


def priority_encoder(rng: random.Random) -> Design:
    """Four inputs are held out."""
    width, index_bits = rng.choice(((3, 2), (5, 3), (6, 3)))
    a, out = rng.choice((("in", "out"), ("in", "pos"), ("req", "grant"), ("a", "pos"), ("x", "index")))
    lowest = rng.random() < 0.5
    order = list(range(width)) if lowest else list(range(width))[::-1]
    chain = " : ".join(f"{a}[{index}] ? {index}" for index in order[:-1])
    which = "lowest" if lowest else "highest"
    instruction = rng.choice(
        (
            f"{verb(rng)} {bits(width)} priority encoder: {out} is the position of the {which} bit of {a} that is 1. "
            f"If no other bit is set, output {order[-1]}.",
            f"Find the {which} set bit of the {width}-bit input {a} and output its index, or {order[-1]} if none of "
            "the others is set.",
        )
    )
    ports = inputs(a, width=width) + outputs(out, width=index_bits)
    return Design(instruction, module(ports, f"assign {out} = {chain} : {order[-1]};"))


def demultiplexer(rng: random.Random) -> Design:
    width = rng.choice((1, *WIDTHS))
    a, _ = through_names(rng)
    first, second = rng.choice((("y0", "y1"), ("out0", "out1"), ("low", "high")))
    what = f"the {width}-bit input {a}" if width > 1 else f"the input {a}"
    instruction = rng.choice(
        (
            f"{verb(rng)} a 1-to-2 demultiplexer: {what} goes to {first} when sel is 0 and to {second} when sel is 1. "
            "The other output is 0.",
            f"Route {what} to {first} (sel=0) or {second} (sel=1), and drive the other output with 0.",
        )
    )
    ports = inputs(a, width=width) + inputs("sel") + outputs(first, second, width=width)
    return Design(instruction, module(ports, f"assign {first} = sel ? 0 : {a};", f"assign {second} = sel ? {a} : 0;"))


def two_operations(rng: random.Random) -> Design:
    width = rng.choice(WIDTHS)
    zero, one = rng.sample(tuple(OPERATIONS)[:3], 2)
    a, b, _, _, out = operand_names(rng)
    instruction = rng.choice(
        (
            f"{verb(rng)} {bits(width)} logic unit: {out} is {a} {zero} {b} when op=0 and {a} {one} {b} when op=1.",
            f"If op is 0 output the bitwise {zero} of {width}-bit {a} and {b}, otherwise their bitwise {one}.",
        )
    )
    ports = inputs(a, b, width=width) + inputs("op") + outputs(out, width=width)
    body = f"assign {out} = op ? {a} {OPERATIONS[one]} {b} : {a} {OPERATIONS[zero]} {b};"
    return Design(instruction, module(ports, body))


def four_operations(rng: random.Random) -> Design:
    width = rng.choice(WIDTHS)
    chosen = rng.sample(tuple(OPERATIONS), 4)
    a, b, _, _, out = operand_names(rng)
    listed = ", ".join(f"{kind} for op={index}" for index, kind in enumerate(chosen))
    instruction = rng.choice(
        (
            f"{verb(rng)} {bits(width)} ALU with inputs {a} and {b}: {listed}.",
            f"The 2-bit op chooses what {out} is of the {width}-bit inputs {a} and {b}: {listed}.",
        )
    )
    branches = [(f"2'd{index}", f"{out} = {a} {OPERATIONS[kind]} {b};") for index, kind in enumerate(chosen)]
    ports = inputs(a, b, width=width) + inputs("op", width=2) + registers(out, width=width)
    return Design(instruction, module(ports, *always("*", *case("op", *branches))))


def lookup_table(rng: random.Random) -> Design:
    """Four given outputs for a two-bit input."""
    width = rng.choice(WIDTHS[:6])
    values = rng.sample(range(2**width), 4)
    a, out = through_names(rng)
    listed = ", ".join(f"{index} -> {value}" for index, value in enumerate(values))
    instruction = rng.choice(
        (
            f"{verb(rng)} a lookup table from the 2-bit input {a} to {bits(width)} output: {listed}.",
            f"Map the 2-bit input {a} to the {width}-bit output {out} as follows: {listed}.",
        )
    )
    branches = [(f"2'd{index}", f"{out} = {value};") for index, value in enumerate(values)]
    ports = inputs(a, width=2) + registers(out, width=width)
    return Design(instruction, module(ports, *always("*", *case(a, *branches))))


FAMILIES: tuple[Family, ...] = (
    mux2,
    mux4,
    indexed_mux,
    priority_select,
    gated,
    decoder,
    one_hot_encoder,
    priority_encoder,
    demultiplexer,
    two_operations,
    four_operations,
    lookup_table,
)

"""Slices, concatenations, reversals, reductions and other rearrangements of vectors."""

import random

from ibft.data.builtin.rtl.design import (
    NARROW,
    WIDTHS,
    Design,
    Family,
    bits,
    inputs,
    module,
    outputs,
    through_names,
    verb,
)

EVEN_WIDTHS = tuple(width for width in WIDTHS if width % 2 == 0 and width > 2)
REDUCTIONS = {"AND": "&", "OR": "|", "XOR": "^", "NOR": "~|"}


def bit_select(rng: random.Random) -> Design:
    width = rng.choice(WIDTHS)
    index = rng.randrange(width)
    a, out = through_names(rng)
    instruction = rng.choice(
        (
            f"Output bit {index} of the {width}-bit input {a}.",
            f"{verb(rng)} a module that selects bit {index} of {bits(width)} vector.",
            f"{out} is bit {a}[{index}] of the {width}-bit input {a}.",
        )
    )
    return Design(instruction, module(inputs(a, width=width) + outputs(out), f"assign {out} = {a}[{index}];"))


def slice_(rng: random.Random) -> Design:
    width = rng.choice(WIDTHS[2:])
    low = rng.randrange(0, width - 1)
    high = rng.randrange(low + 1, width)
    a, out = through_names(rng)
    instruction = rng.choice(
        (
            f"Output bits {high} down to {low} of the {width}-bit input {a}.",
            f"{verb(rng)} a module that extracts bits [{high}:{low}] from {bits(width)} vector.",
            f"Given {bits(width)} input, output the part-select {a}[{high}:{low}].",
        )
    )
    ports = inputs(a, width=width) + outputs(out, width=high - low + 1)
    return Design(instruction, module(ports, f"assign {out} = {a}[{high}:{low}];"))


def halves(rng: random.Random) -> Design:
    width = rng.choice(EVEN_WIDTHS)
    half = width // 2
    a, _ = through_names(rng)
    high, low = rng.choice((("high", "low"), ("upper", "lower"), ("out_hi", "out_lo"), ("hi", "lo")))
    instruction = rng.choice(
        (
            f"Split the {width}-bit input {a} into its upper half {high} and its lower half {low}.",
            f"{verb(rng)} a circuit that splits {bits(width)} vector into two {half}-bit halves, {high} and {low}.",
        )
    )
    ports = inputs(a, width=width) + outputs(high, low, width=half)
    return Design(
        instruction, module(ports, f"assign {high} = {a}[{width - 1}:{half}];", f"assign {low} = {a}[{half - 1}:0];")
    )


def concatenation(rng: random.Random) -> Design:
    left, right = rng.choice(WIDTHS[:8]), rng.choice(WIDTHS[:8])
    a, b, out = rng.choice((("a", "b", "out"), ("hi", "lo", "out"), ("x", "y", "z"), ("upper", "lower", "word")))
    instruction = rng.choice(
        (
            f"Concatenate the {left}-bit input {a} and the {right}-bit input {b}, with {a} in the upper bits.",
            f"{verb(rng)} a module that joins {a} ({left} bits) and {b} ({right} bits) into one {left + right}-bit "
            f"vector {{{a}, {b}}}.",
        )
    )
    ports = inputs(a, width=left) + inputs(b, width=right) + outputs(out, width=left + right)
    return Design(instruction, module(ports, f"assign {out} = {{{a}, {b}}};"))


def reversal(rng: random.Random) -> Design:
    width = rng.choice((2, 3, 5, 6, 7, 8))
    a, out = through_names(rng)
    instruction = rng.choice(
        (
            f"Reverse the bit order of the {width}-bit input {a}.",
            f"Given {bits(width)} input vector, reverse its bits.",
            f"{verb(rng)} {bits(width)} bit reverser: the first bit of {a} becomes the last bit of {out}.",
            f"Output the bits of {bits(width)} vector in reverse order.",
        )
    )
    listed = ", ".join(f"{a}[{index}]" for index in range(width))
    ports = inputs(a, width=width) + outputs(out, width=width)
    return Design(instruction, module(ports, f"assign {out} = {{{listed}}};"))


def reduction(rng: random.Random) -> Design:
    kind, width = rng.choice(tuple(REDUCTIONS)), rng.choice(WIDTHS)
    a, out = through_names(rng)
    article = "a" if kind == "NOR" else "an"
    instruction = rng.choice(
        (
            f"Compute the {kind} of all the bits of the {width}-bit input {a}.",
            f"{verb(rng)} {article} {kind} gate with {width} inputs, given as the vector {a}.",
            f"{out} is the reduction {kind} of {bits(width)} vector.",
        )
    )
    return Design(instruction, module(inputs(a, width=width) + outputs(out), f"assign {out} = {REDUCTIONS[kind]}{a};"))


def parity(rng: random.Random) -> Design:
    width = rng.choice(WIDTHS)
    a, _ = through_names(rng)
    even = rng.random() < 0.5
    kind, symbol = ("even", "^") if even else ("odd", "~^")
    instruction = rng.choice(
        (
            f"{verb(rng)} {'an even' if even else 'an odd'} parity generator for the {width}-bit input {a}.",
            f"Compute the {kind} parity bit of {bits(width)} vector.",
        )
    )
    return Design(instruction, module(inputs(a, width=width) + outputs("parity"), f"assign parity = {symbol}{a};"))


def swapped_halves(rng: random.Random) -> Design:
    width = rng.choice(EVEN_WIDTHS)
    half = width // 2
    a, out = through_names(rng)
    instruction = rng.choice(
        (
            f"Swap the upper and the lower half of the {width}-bit input {a}.",
            f"{verb(rng)} a circuit that exchanges the two {half}-bit halves of {bits(width)} vector.",
        )
    )
    expression = f"{{{a}[{half - 1}:0], {a}[{width - 1}:{half}]}}"
    ports = inputs(a, width=width) + outputs(out, width=width)
    return Design(instruction, module(ports, f"assign {out} = {expression};"))


def extension(rng: random.Random) -> Design:
    narrow, extra = rng.choice(NARROW), rng.choice((2, 3, 4, 6, 8, 16))
    wide = narrow + extra
    a, out = through_names(rng)
    signed = rng.random() < 0.5
    kind = "sign" if signed else "zero"
    instruction = rng.choice(
        (
            f"{kind.capitalize()}-extend the {narrow}-bit input {a} to {wide} bits.",
            f"{verb(rng)} a circuit that {kind}-extends {bits(narrow)} number to {wide} bits.",
        )
    )
    filler = f"{a}[{narrow - 1}]" if signed else "1'b0"
    ports = inputs(a, width=narrow) + outputs(out, width=wide)
    return Design(instruction, module(ports, f"assign {out} = {{{{{extra}{{{filler}}}}}, {a}}};"))


def replication(rng: random.Random) -> Design:
    width, times = rng.choice((1, *NARROW[:5])), rng.choice((2, 3, 5, 6, 8))
    a, out = through_names(rng)
    what = f"the {width}-bit input {a}" if width > 1 else f"the single-bit input {a}"
    instruction = rng.choice(
        (
            f"Replicate {what} {times} times.",
            f"{verb(rng)} a module that outputs {times} copies of {what} side by side.",
        )
    )
    ports = inputs(a, width=width) + outputs(out, width=width * times)
    return Design(instruction, module(ports, f"assign {out} = {{{times}{{{a}}}}};"))


def rotation(rng: random.Random) -> Design:
    width = rng.choice(NARROW[2:])
    amount = rng.randrange(1, width - 1)
    a, out = through_names(rng)
    left = rng.random() < 0.5
    split = width - amount if left else amount
    direction = "left" if left else "right"
    places = "1 bit" if amount == 1 else f"{amount} bits"
    instruction = rng.choice(
        (
            f"Rotate the {width}-bit input {a} {direction} by {places}.",
            f"{verb(rng)} a circuit that rotates {bits(width)} vector {direction} by {places}.",
        )
    )
    expression = f"{{{a}[{split - 1}:0], {a}[{width - 1}:{split}]}}"
    ports = inputs(a, width=width) + outputs(out, width=width)
    return Design(instruction, module(ports, f"assign {out} = {expression};"))


def fixed_shift(rng: random.Random) -> Design:
    width = rng.choice(WIDTHS[2:])
    amount = rng.randrange(1, min(width, 8))
    a, out = through_names(rng)
    direction, symbol = rng.choice((("left", "<<"), ("right", ">>")))
    places = "1 bit" if amount == 1 else f"{amount} bits"
    instruction = rng.choice(
        (
            f"Shift the {width}-bit input {a} {direction} by {places}, filling with zeros.",
            f"{verb(rng)} a circuit that shifts {bits(width)} vector {direction} by {places}.",
        )
    )
    ports = inputs(a, width=width) + outputs(out, width=width)
    return Design(instruction, module(ports, f"assign {out} = {a} {symbol} {amount};"))


def mask(rng: random.Random) -> Design:
    width = rng.choice(NARROW)
    index = rng.randrange(width)
    a, out = through_names(rng)
    action, symbol, pattern = rng.choice(
        (("clear", "&", (2**width - 1) ^ (1 << index)), ("set", "|", 1 << index), ("invert", "^", 1 << index))
    )
    instruction = rng.choice(
        (
            f"{action.capitalize()} bit {index} of the {width}-bit input {a} and pass the other bits unchanged.",
            f"{verb(rng)} a module that outputs {a} ({width} bits) with bit {index} "
            f"{ {'clear': 'cleared', 'set': 'set', 'invert': 'inverted'}[action] }.",
        )
    )
    ports = inputs(a, width=width) + outputs(out, width=width)
    return Design(instruction, module(ports, f"assign {out} = {a} {symbol} {width}'b{pattern:0{width}b};"))


FAMILIES: tuple[Family, ...] = (
    bit_select,
    slice_,
    halves,
    concatenation,
    reversal,
    reduction,
    parity,
    swapped_halves,
    extension,
    replication,
    rotation,
    fixed_shift,
    mask,
)

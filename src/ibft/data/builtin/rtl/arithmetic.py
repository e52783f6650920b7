"""Adders, subtractors, comparators and what is made of them."""

import random

from ibft.data.builtin.rtl.design import WIDTHS, Design, Family, bits, inputs, module, outputs, through_names, verb

RELATIONS = {
    "equal to": "==",
    "different from": "!=",
    "greater than": ">",
    "less than": "<",
    "greater than or equal to": ">=",
    "less than or equal to": "<=",
}


def _two_operands(rng: random.Random) -> tuple[str, str]:
    return rng.choice((("a", "b"), ("x", "y"), ("in1", "in2"), ("p", "q")))


def adder(rng: random.Random) -> Design:
    width = rng.choice(WIDTHS)
    a, b = _two_operands(rng)
    out = rng.choice(("sum", "out", "s"))
    instruction = rng.choice(
        (
            f"Add the two {width}-bit numbers {a} and {b}. Ignore the carry out.",
            f"{verb(rng)} {bits(width)} adder without carry.",
            f"{out} is the {width}-bit sum of {a} and {b}.",
        )
    )
    ports = inputs(a, b, width=width) + outputs(out, width=width)
    return Design(instruction, module(ports, f"assign {out} = {a} + {b};"))


def adder_with_carry(rng: random.Random) -> Design:
    """One and four bits are held out: the half adder and its widening."""
    width = rng.choice(WIDTHS)
    a, b = _two_operands(rng)
    carry = rng.choice(("cout", "carry"))
    instruction = rng.choice(
        (
            f"{verb(rng)} {bits(width)} adder that produces a sum and a carry-out {carry}.",
            f"Add two {width}-bit numbers {a} and {b} to produce {bits(width)} sum and a carry.",
            f"{verb(rng)} {bits(width)} adder with carry out.",
        )
    )
    ports = inputs(a, b, width=width) + outputs("sum", width=width) + outputs(carry)
    return Design(instruction, module(ports, f"assign {{{carry}, sum}} = {a} + {b};"))


def full_adder(rng: random.Random) -> Design:
    """One bit, the classic full adder, is held out."""
    width = rng.choice(WIDTHS)
    a, b = _two_operands(rng)
    instruction = rng.choice(
        (
            f"{verb(rng)} {bits(width)} adder with carry-in cin and carry-out cout.",
            f"Add the {width}-bit numbers {a} and {b} and the carry-in cin. Output the sum and the carry-out.",
            f"{verb(rng)} {bits(width)} full adder.",
        )
    )
    ports = inputs(a, b, width=width) + inputs("cin") + outputs("sum", width=width) + outputs("cout")
    return Design(instruction, module(ports, f"assign {{cout, sum}} = {a} + {b} + cin;"))


def subtractor(rng: random.Random) -> Design:
    width = rng.choice(WIDTHS)
    a, b = _two_operands(rng)
    out = rng.choice(("diff", "out", "d"))
    instruction = rng.choice(
        (
            f"{verb(rng)} {bits(width)} subtractor that computes {a} minus {b}.",
            f"Subtract {b} from {a}. Both are {width}-bit numbers.",
            f"{out} is the {width}-bit difference {a} - {b}.",
        )
    )
    ports = inputs(a, b, width=width) + outputs(out, width=width)
    return Design(instruction, module(ports, f"assign {out} = {a} - {b};"))


def comparator(rng: random.Random) -> Design:
    words, width = rng.choice(tuple(RELATIONS)), rng.choice(WIDTHS)
    a, b = _two_operands(rng)
    out = rng.choice(("out", "flag", "z"))
    instruction = rng.choice(
        (
            f"{verb(rng)} {bits(width)} comparator: {out} is 1 when {a} is {words} {b}.",
            f"Compare two unsigned {width}-bit numbers. The output is 1 if {a} is {words} {b}, otherwise 0.",
            f"Set {out} when the {width}-bit input {a} is {words} {b}.",
        )
    )
    ports = inputs(a, b, width=width) + outputs(out)
    return Design(instruction, module(ports, f"assign {out} = {a} {RELATIONS[words]} {b};"))


def threshold(rng: random.Random) -> Design:
    words, width = rng.choice(tuple(RELATIONS)), rng.choice(WIDTHS[2:8])
    bound = rng.randrange(1, 2**width - 1)
    a, out = through_names(rng)
    instruction = rng.choice(
        (
            f"{out} is 1 when the {width}-bit input {a} is {words} {bound}.",
            f"{verb(rng)} a circuit that detects whether {bits(width)} number is {words} {bound}.",
        )
    )
    ports = inputs(a, width=width) + outputs(out)
    return Design(instruction, module(ports, f"assign {out} = {a} {RELATIONS[words]} {bound};"))


def smaller_or_larger(rng: random.Random) -> Design:
    width = rng.choice(WIDTHS)
    a, b = _two_operands(rng)
    name, word, symbol = rng.choice((("min", "smaller", "<"), ("max", "larger", ">")))
    instruction = rng.choice(
        (
            f"Output the {word} of the two unsigned {width}-bit numbers {a} and {b}.",
            f"{verb(rng)} a circuit that finds the {name}imum of two {width}-bit inputs.",
        )
    )
    ports = inputs(a, b, width=width) + outputs(name, width=width)
    return Design(instruction, module(ports, f"assign {name} = {a} {symbol} {b} ? {a} : {b};"))


def absolute_value(rng: random.Random) -> Design:
    width = rng.choice(WIDTHS)
    a, out = through_names(rng)
    instruction = rng.choice(
        (
            f"Compute the absolute value of the signed {width}-bit input {a}.",
            f"{verb(rng)} a circuit that outputs the magnitude of {bits(width)} two's complement number.",
        )
    )
    ports = inputs(a, width=width) + outputs(out, width=width)
    return Design(instruction, module(ports, f"assign {out} = {a}[{width - 1}] ? -{a} : {a};"))


def negation(rng: random.Random) -> Design:
    width = rng.choice(WIDTHS)
    a, out = through_names(rng)
    instruction = rng.choice(
        (
            f"Negate the {width}-bit two's complement number {a}.",
            f"{verb(rng)} a circuit that outputs the two's complement of its {width}-bit input.",
        )
    )
    ports = inputs(a, width=width) + outputs(out, width=width)
    return Design(instruction, module(ports, f"assign {out} = -{a};"))


def offset(rng: random.Random) -> Design:
    width = rng.choice(WIDTHS)
    amount = rng.randrange(1, min(2**width, 20))
    a, out = through_names(rng)
    symbol = rng.choice("+-")
    action = f"Add {amount} to" if symbol == "+" else f"Subtract {amount} from"
    words = "plus" if symbol == "+" else "minus"
    instruction = rng.choice(
        (
            f"{action} the {width}-bit input {a}.",
            f"{verb(rng)} a circuit whose {width}-bit output is {a} {words} {amount}.",
        )
    )
    ports = inputs(a, width=width) + outputs(out, width=width)
    return Design(instruction, module(ports, f"assign {out} = {a} {symbol} {amount};"))


def add_or_subtract(rng: random.Random) -> Design:
    width = rng.choice(WIDTHS)
    a, b = _two_operands(rng)
    mode = rng.choice(("sub", "mode", "op"))
    instruction = rng.choice(
        (
            f"{verb(rng)} {bits(width)} adder-subtractor: when {mode}=0 output {a} + {b}, when {mode}=1 output "
            f"{a} - {b}.",
            f"If {mode} is 1, subtract {b} from {a}, otherwise add them. Both are {width} bits wide.",
        )
    )
    ports = inputs(a, b, width=width) + inputs(mode) + outputs("out", width=width)
    return Design(instruction, module(ports, f"assign out = {mode} ? {a} - {b} : {a} + {b};"))


def multiplier(rng: random.Random) -> Design:
    width = rng.choice(WIDTHS)
    a, b = _two_operands(rng)
    out = rng.choice(("product", "out", "prod"))
    instruction = rng.choice(
        (
            f"Multiply two unsigned {width}-bit numbers to produce {bits(2 * width)} product.",
            f"{verb(rng)} {bits(width)} multiplier with inputs {a} and {b}.",
        )
    )
    ports = inputs(a, b, width=width) + outputs(out, width=2 * width)
    return Design(instruction, module(ports, f"assign {out} = {a} * {b};"))


def bit_count(rng: random.Random) -> Design:
    width, counter = rng.choice(((2, 2), (3, 2), (5, 3), (6, 3), (7, 3)))
    a, out = rng.choice((("in", "out"), ("a", "count"), ("in", "count"), ("x", "ones"), ("data", "count")))
    instruction = rng.choice(
        (
            f"Count the number of 1s in the {width}-bit input {a}.",
            f"{verb(rng)} a population count circuit for {bits(width)} vector.",
            f"{out} is how many bits of the {width}-bit input {a} are set.",
        )
    )
    terms = " + ".join(f"{a}[{index}]" for index in range(width))
    ports = inputs(a, width=width) + outputs(out, width=counter)
    return Design(instruction, module(ports, f"assign {out} = {terms};"))


FAMILIES: tuple[Family, ...] = (
    adder,
    adder_with_carry,
    full_adder,
    subtractor,
    comparator,
    threshold,
    smaller_or_larger,
    absolute_value,
    negation,
    offset,
    add_or_subtract,
    multiplier,
    bit_count,
)

"""Seeded draws that are the same on every machine and in every process."""

import random
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import TypeVar

Item = TypeVar("Item")


def stream(*key: object) -> random.Random:
    """Return a generator of pseudo-random numbers that depends on nothing but `key`.

    A string seeds through SHA-512, so the draws do not depend on Python's hash randomisation.
    """
    return random.Random("/".join(str(part) for part in key))  # noqa: S311 - examples, not secrets


def shuffled(items: Iterable[Item], rng: random.Random) -> list[Item]:
    drawn = list(items)
    rng.shuffle(drawn)
    return drawn


def positions(count: int, of: int, rng: random.Random) -> list[int]:
    """`count` of the positions 0 .. `of` - 1, ascending; all of them where there are no more."""
    return sorted(rng.sample(range(of), min(count, of)))


def interleaved(groups: Sequence[Sequence[Item]]) -> Iterator[Item]:
    """The first item of every group, then every second item, and so on: each prefix is balanced over the groups."""
    absent = object()
    for round_ in zip_longest(*groups, fillvalue=absent):
        yield from (item for item in round_ if item is not absent)  # type: ignore[misc]

"""A method leads where it has the highest metric and the paired test tells it from the next: tables print it bold."""

from collections.abc import Collection, Iterable, Iterator
from typing import Any

import numpy as np

from ibft.config.sections import Metrics
from ibft.labels import headline_grid
from ibft.metrics.cells import CELL, Cell, check_k
from ibft.metrics.differences import paired_differences
from ibft.statistics.holm import holm
from ibft.statistics.paired import LEVEL


def leaders(every: Iterable[Cell], settings: Metrics, swept: Collection[str] = ()) -> set[tuple[Any, ...]]:
    """Return (*key, k, m) of the cells that lead, among the methods of one model, dataset, benchmark and temperature.

    The tests of all places and of all metrics of the headline table are corrected together (Holm 1979).

    Args:
        swept: methods that are points of sweeps and lead nothing, unless a place has no others.

    Raises:
        UserError: a k exceeds the judged samples of some problem, or methods of a place differ in their problems.
    """
    found = [test for place in _places(every, swept) for test in _first_against_second(place, settings)]
    adjusted = holm(np.array([p for _, p in found], dtype=np.float64))
    return {name for (name, _), p in zip(found, adjusted, strict=True) if p < LEVEL}


def _places(every: Iterable[Cell], swept: Collection[str]) -> Iterator[list[Cell]]:
    places: dict[tuple[Any, ...], list[Cell]] = {}
    for cell in every:
        place = tuple(value for name, value in zip(CELL, cell.key, strict=True) if name != "method")
        places.setdefault(place, []).append(cell)
    for methods in places.values():
        yield [cell for cell in methods if cell.method not in swept] or methods


def _first_against_second(methods: list[Cell], settings: Metrics) -> Iterator[tuple[tuple[Any, ...], float]]:
    """Yield, for each metric, the highest method and the p-value of its difference from the next; NaN: undecided."""
    if len(methods) == 1:
        return
    for cell in methods:
        check_k(cell, settings)
    for k, m in headline_grid(settings):
        second, first = sorted(methods, key=lambda cell: float(cell.scores(k, m).mean()))[-2:]
        [tested] = paired_differences(second, first, [(k, m)])
        yield (*first.key, k, m), np.nan if tested.p_value is None else tested.p_value
